internal import CLinux
internal import Glibc
internal import HostKernel
internal import SystemPackage

/// Mock devices of the kernel, nested page tables, virtual IOMMUs and queues.
extension ContractHost {
  /// A mock device in a context of its own, attached to an address space.
  struct Mock {
    var iommufd: Int32
    var ioas: UInt32
    /// The object whose destruction removes the device.
    var object: UInt32
    /// What the device is bound as.
    var device: UInt32
    /// The automatic page table that it is attached to.
    var table: UInt32
  }

  /// A mock device; `flags` are `MOCK_FLAGS_DEVICE_*`.
  func mock(flags: Int32 = 0) throws -> Mock {
    let iommufd = try iommufd()
    return try mock(in: iommufd, try allocateIOAS(iommufd), flags: flags)
  }

  /// One more mock device of a context, attached to an address space or page table of it.
  func mock(in iommufd: Int32, _ target: UInt32, flags: Int32 = 0) throws(Errno) -> Mock {
    let words = try test(
      iommufd, IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS, target, [0, 0, 0, UInt32(flags)])
    return Mock(
      iommufd: iommufd, ioas: target, object: words[4], device: words[6], table: words[5])
  }

  /// `IOMMU_TEST_CMD`: an operation on an object, with the words that belong to the operation.
  @discardableResult
  func test(
    _ iommufd: Int32, _ operation: Int32, _ object: UInt32, _ words: [UInt32]
  ) throws(Errno) -> [UInt32] {
    let padding = [UInt32](repeating: 0, count: 14 - words.count)
    return try call(
      iommufd, IOMMU_TEST_CMD, [72, UInt32(operation), object, 0] + words + padding)
  }

  /// Moves a mock device to an address space or page table; gives the page table.
  @discardableResult
  func attach(_ mock: Mock, to target: UInt32) throws(Errno) -> UInt32 {
    try test(mock.iommufd, IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, mock.object, [target])[4]
  }

  // MARK: Page tables

  /// A page table on which guests' may lie.
  func nestParent(_ mock: Mock) throws(Errno) -> UInt32 {
    try allocateTable(
      mock.iommufd, mock.device, mock.ioas, flags: UInt32(IOMMU_HWPT_ALLOC_NEST_PARENT))
  }

  /// What the driver of an IOMMU is told of a nested page table.
  struct NestedData {
    var type = UInt32(IOMMU_HWPT_DATA_SELFTEST)
    var words: [UInt32] = [0x1234, 0]
    /// Bytes, where that is not all words.
    var length: UInt32?

    /// A first stage of VT-d.
    static let vtd = NestedData(
      type: UInt32(IOMMU_HWPT_DATA_VTD_S1), words: [0, 0, 0x10_0000, 0, 48, 0])
  }

  /// A nested page table on a nest parent or of a virtual IOMMU.
  func allocateNested(
    _ iommufd: Int32, _ device: UInt32, _ parent: UInt32, _ data: NestedData = NestedData(),
    flags: UInt32 = 0, faults: UInt32 = 0
  ) throws -> UInt32 {
    let buffer = try memory(pages: 1)
    try store(data.words, at: buffer)
    return try call(
      iommufd, IOMMU_HWPT_ALLOC,
      [
        48, flags, device, parent, 0, 0, data.type, data.length ?? UInt32(4 * data.words.count),
        UInt32(truncatingIfNeeded: buffer), UInt32(buffer >> 32), faults, 0,
      ])[4]
  }

  /// The errno of `IOMMU_HWPT_INVALIDATE`, nil for none, and how many entries it says were done.
  func invalidate(
    _ iommufd: Int32, _ target: UInt32, type: UInt32 = UInt32(IOMMU_HWPT_INVALIDATE_DATA_SELFTEST),
    entryLength: UInt32 = 8, _ entries: [[UInt32]]
  ) throws -> (failure: Errno?, done: UInt32) {
    let buffer = try memory(pages: 1)
    try store(entries.flatMap(\.self), at: buffer)
    var bytes = Self.bytes([
      32, target, UInt32(truncatingIfNeeded: buffer), UInt32(buffer >> 32), type, entryLength,
      UInt32(entries.count), 0,
    ])
    do throws(Errno) {
      try call(iommufd, IOMMU_HWPT_INVALIDATE, &bytes)
    } catch {
      return (error, Self.words(bytes)[6])
    }
    return (nil, Self.words(bytes)[6])
  }

  // MARK: Virtual IOMMUs

  func allocateVirtualIOMMU(
    _ mock: Mock, on parent: UInt32, type: UInt32 = UInt32(IOMMU_VIOMMU_TYPE_SELFTEST)
  ) throws(Errno) -> UInt32 {
    try call(
      mock.iommufd, IOMMU_VIOMMU_ALLOC, [40, 0, type, mock.device, parent, 0, 0, 0, 0, 0])[5]
  }

  @discardableResult
  func allocateVirtualDevice(
    _ iommufd: Int32, _ virtualIOMMU: UInt32, _ device: UInt32, number: UInt32
  ) throws(Errno) -> UInt32 {
    try call(iommufd, IOMMU_VDEVICE_ALLOC, [24, virtualIOMMU, device, 0, number, 0])[3]
  }

  // MARK: Queues

  /// An object that reports through a descriptor of its own.
  struct Queue {
    var identifier: UInt32
    var descriptor: Int32
  }

  func allocateFaultQueue(_ iommufd: Int32) throws(Errno) -> Queue {
    let words = try call(iommufd, IOMMU_FAULT_QUEUE_ALLOC, [16, 0, 0, 0])
    return Queue(identifier: words[2], descriptor: adopt(Int32(bitPattern: words[3])))
  }

  func allocateEventQueue(
    _ iommufd: Int32, _ virtualIOMMU: UInt32,
    type: UInt32 = UInt32(IOMMU_VEVENTQ_TYPE_SELFTEST), depth: UInt32
  ) throws(Errno) -> Queue {
    let words = try call(
      iommufd, IOMMU_VEVENTQ_ALLOC, [32, 0, virtualIOMMU, type, depth, 0, 0, 0])
    return Queue(identifier: words[5], descriptor: adopt(Int32(bitPattern: words[6])))
  }

  /// Has a mock device ask for a page.
  func requestPage(
    _ mock: Mock, group: UInt32, address: UInt32 = 0x5000, pasid: UInt32 = 0
  ) throws(Errno) {
    try test(
      mock.iommufd, IOMMU_TEST_OP_TRIGGER_IOPF, 0,
      [mock.device, pasid, group, UInt32(IOMMU_PGFAULT_PERM_READ), address, 0])
  }

  /// Reads words of 32 bits from a queue, as many as there are and fit into `count` bytes.
  func receive(_ descriptor: Int32, count: Int) throws(Errno) -> [UInt32] {
    var bytes = [UInt8](repeating: 0xEE, count: count)
    var elements = bytes.mutableSpan
    var span = unsafe elements.mutableBytes
    let done = try kernel.read(descriptor, into: &span)
    return Self.words(Array(bytes.prefix(done)))
  }

  /// Answers page requests by pairs of cookie and code; gives the bytes taken.
  @discardableResult
  func respond(_ descriptor: Int32, _ words: [UInt32]) throws(Errno) -> Int {
    let bytes = Self.bytes(words)
    return try unsafe kernel.write(descriptor, from: bytes.span.bytes)
  }

  static let readable = Int32(POLLIN)
  static let writable = Int32(POLLOUT)

  /// What `poll(2)` says of a descriptor, at once.
  func events(_ descriptor: Int32) -> Int32 {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN | POLLOUT), revents: 0)
    return unsafe poll(&entry, 1, 0) < 0 ? -1 : Int32(entry.revents)
  }
}
