internal import CLinux
package import HostKernel
package import SystemPackage

/// A device descriptor that grants access to one assigned function, with what VFIO says of it.
///
/// Used under the machine lock. Closing the descriptor, at the detachment or when the last reference
/// goes, resets the function if the kernel can and gives up its DMA. Calls after that throw `EBADF`.
package final class VFIODevice {
  /// The name in traces, such as `0000:81:00.0`.
  package let name: String
  package let path: HostDevicePath
  package let attachment: DeviceAttachment
  private let kernel: any HostKernel
  /// The device descriptor's number, for messages; it stays after the close.
  package let descriptorNumber: Int32
  private var descriptor: HostDescriptor?

  package let flags: UInt32
  package let regionCount: UInt32
  package let interruptCount: UInt32
  /// Set at attach for iommufd devices.
  package internal(set) var hardwareInfo: HardwareInfo?
  /// The I/O address space that the device is attached to; nil for a device of a group.
  var space: IOMMUFDContainer?

  /// How the function came to this process.
  package enum DeviceAttachment {
    case group(VFIOGroup)
    case iommufd(IOMMUFDObject, deviceID: UInt32)
  }

  init(
    path: HostDevicePath, descriptor: consuming HostDescriptor, attachment: DeviceAttachment,
    info: vfio_device_info
  ) {
    self.name = path.name
    self.path = path
    kernel = descriptor.kernel
    descriptorNumber = descriptor.rawValue
    self.descriptor = consume descriptor
    self.attachment = attachment
    self.flags = info.flags
    self.regionCount = info.num_regions
    self.interruptCount = info.num_irqs
  }

  /// Asks for flags and counts (`VFIO_DEVICE_GET_INFO`).
  static func info(
    of descriptor: borrowing HostDescriptor
  ) throws(Errno) -> vfio_device_info {
    var info = vfio_device_info()
    info.argsz = UInt32(MemoryLayout<vfio_device_info>.size)
    try descriptor.control(VFIO_DEVICE_GET_INFO, on: &info)
    return info
  }

  /// Whether `VFIO_DEVICE_RESET` is offered.
  package var hasReset: Bool { flags & UInt32(VFIO_DEVICE_FLAGS_RESET) != 0 }
  /// Whether this is a PCI function.
  package var isPCI: Bool { flags & UInt32(VFIO_DEVICE_FLAGS_PCI) != 0 }

  /// Closes the descriptor.
  func close() { descriptor = nil }

  /// Takes the device off its page table (`VFIO_DEVICE_DETACH_IOMMUFD_PT`).
  func detachFromPageTable() throws(Errno) {
    var argument = vfio_device_detach_iommufd_pt()
    argument.argsz = UInt32(MemoryLayout<vfio_device_detach_iommufd_pt>.size)
    try control(VFIO_DEVICE_DETACH_IOMMUFD_PT, on: &argument)
  }

  /// Attaches a PASID to a page table, or moves it there (`VFIO_DEVICE_ATTACH_IOMMUFD_PT`).
  ///
  /// `EFAULT` may come after the attachment: the kernel then takes back that of the device without
  /// PASID instead, so the PASID is taken off here.
  func attach(pasid: UInt32, toTable table: UInt32) throws(Errno) {
    var argument = vfio_device_attach_iommufd_pt()
    argument.argsz = UInt32(MemoryLayout<vfio_device_attach_iommufd_pt>.size)
    argument.flags = UInt32(VFIO_DEVICE_ATTACH_PASID)
    argument.pt_id = table
    argument.pasid = pasid
    do throws(Errno) {
      try control(VFIO_DEVICE_ATTACH_IOMMUFD_PT, on: &argument)
    } catch .badAddress {
      try? detach(pasid: pasid)
      throw .badAddress
    }
  }

  /// Takes a PASID off its page table (`VFIO_DEVICE_DETACH_IOMMUFD_PT`).
  func detach(pasid: UInt32) throws(Errno) {
    var argument = vfio_device_detach_iommufd_pt()
    argument.argsz = UInt32(MemoryLayout<vfio_device_detach_iommufd_pt>.size)
    argument.flags = UInt32(VFIO_DEVICE_DETACH_PASID)
    argument.pasid = pasid
    try control(VFIO_DEVICE_DETACH_IOMMUFD_PT, on: &argument)
  }

  /// The number while the descriptor is open.
  private func number() throws(Errno) -> Int32 {
    guard descriptor != nil else { throw .badFileDescriptor }
    return descriptorNumber
  }

  @discardableResult
  private func control<Argument: BitwiseCopyable>(
    _ request: some BinaryInteger, on argument: inout Argument
  ) throws(Errno) -> Int32 {
    try kernel.control(
      number(), UInt(UInt32(truncatingIfNeeded: request)), on: &argument)
  }

  @discardableResult
  private func control(
    _ request: some BinaryInteger, on argument: inout ArgumentBytes
  ) throws(Errno) -> Int32 {
    try kernel.control(
      number(), UInt(UInt32(truncatingIfNeeded: request)), on: &argument.bytes)
  }

  // MARK: - Regions

  /// Asks for one region, growing the argument once when the kernel has capabilities to add
  /// (`VFIO_DEVICE_GET_REGION_INFO`).
  package func regionInfo(_ index: Int) throws(Errno) -> RegionInfo {
    var request = vfio_region_info()
    request.argsz = UInt32(MemoryLayout<vfio_region_info>.size)
    request.index = UInt32(truncatingIfNeeded: index)
    var argument = ArgumentBytes(request)
    try control(VFIO_DEVICE_GET_REGION_INFO, on: &argument)
    guard var info = argument.load(vfio_region_info.self, at: 0) else { throw .invalidArgument }
    let needed = Int(info.argsz)
    if needed > argument.bytes.count, needed <= RegionInfo.largestArgument {
      request.argsz = info.argsz
      argument = ArgumentBytes(
        request, trailing: needed - MemoryLayout<vfio_region_info>.size)
      try control(VFIO_DEVICE_GET_REGION_INFO, on: &argument)
      info = argument.load(vfio_region_info.self, at: 0) ?? info
    }
    return RegionInfo(info, argument)
  }

  /// Reads bytes of a region; `offset` counts from the region's start. Fewer may arrive.
  package func read(
    _ region: RegionInfo, at offset: UInt64, into buffer: inout MutableRawSpan
  ) throws(Errno) -> Int {
    try kernel.read(
      number(), into: &buffer, at: region.fileOffset &+ offset)
  }

  /// Reads 1, 2, 4 or 8 bytes of a region as a little-endian number.
  package func readWord(
    _ region: RegionInfo, at offset: UInt64, size: Int
  ) throws(Errno) -> UInt64 {
    var value: UInt64 = 0
    let count = try Self.transfer(&value, size) { span throws(Errno) in
      try read(region, at: offset, into: &span)
    }
    guard count == size else { throw .ioError }
    return UInt64(littleEndian: value)
  }

  /// Writes 1, 2, 4 or 8 bytes of a region as a little-endian number.
  package func writeWord(
    _ region: RegionInfo, at offset: UInt64, size: Int, value: UInt64
  ) throws(Errno) {
    var value = value.littleEndian
    let count = try Self.transfer(&value, size) { span throws(Errno) in
      try kernel.write(
        number(), from: span.bytes, at: region.fileOffset &+ offset)
    }
    guard count == size else { throw .ioError }
  }

  /// Lends the first `size` bytes of a word, 8 at most.
  private static func transfer(
    _ value: inout UInt64, _ size: Int,
    _ body: (inout MutableRawSpan) throws(Errno) -> Int
  ) throws(Errno) -> Int {
    var result: Result<Int, Errno> = .failure(.invalidArgument)
    unsafe withUnsafeMutableBytes(of: &value) { bytes in
      guard size > 0, size <= 8 else { return }
      var span = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[..<size]).mutableBytes
      do throws(Errno) {
        result = .success(try body(&span))
      } catch {
        result = .failure(error)
      }
    }
    return try result.get()
  }

  /// Maps a part of a region into this process.
  package func map(
    _ region: RegionInfo, _ area: RegionInfo.Area, alignment: Int
  ) throws(Errno) -> HostMapping {
    guard let length = Int(exactly: area.size) else { throw .noMemory }
    return try HostMapping(
      MappingRequest(
        descriptor: number(), offset: region.fileOffset &+ area.offset,
        length: length, isReadable: region.isReadable, isWritable: region.isWritable,
        alignment: alignment),
      on: kernel)
  }

  /// Exports parts of a region as one dma-buf (`VFIO_DEVICE_FEATURE_DMA_BUF`); `ENOTTY` means that
  /// the kernel cannot.
  package func exportDMABuffer(
    region index: Int, _ areas: [RegionInfo.Area]
  ) throws(Errno) -> HostDescriptor {
    let fixed = MemoryLayout<vfio_device_feature>.size
    let body = MemoryLayout<vfio_device_feature_dma_buf>.size
    let range = MemoryLayout<vfio_region_dma_range>.size
    let total = fixed + body + areas.count * range
    let header = vfio_device_feature(
      argsz: UInt32(total),
      flags: UInt32(VFIO_DEVICE_FEATURE_GET) | UInt32(VFIO_DEVICE_FEATURE_DMA_BUF))
    var argument = ArgumentBytes(header, trailing: total - fixed)
    var request = vfio_device_feature_dma_buf()
    request.region_index = UInt32(truncatingIfNeeded: index)
    request.open_flags = clinux_dma_buf_open_flags()
    request.nr_ranges = UInt32(areas.count)
    argument.store(request, at: fixed)
    for (number, area) in areas.enumerated() {
      argument.store(
        vfio_region_dma_range(offset: area.offset, length: area.size),
        at: fixed + body + number * range)
    }
    let number = try control(VFIO_DEVICE_FEATURE, on: &argument)
    return HostDescriptor(taking: number, of: kernel)
  }

  // MARK: - Interrupts

  /// Asks for one interrupt index (`VFIO_DEVICE_GET_IRQ_INFO`).
  package func interruptInfo(_ index: UInt32) throws(Errno) -> InterruptInfo {
    var info = vfio_irq_info()
    info.argsz = UInt32(MemoryLayout<vfio_irq_info>.size)
    info.index = index
    try control(VFIO_DEVICE_GET_IRQ_INFO, on: &info)
    return InterruptInfo(
      count: info.count, isNotResizable: info.flags & UInt32(VFIO_IRQ_INFO_NORESIZE) != 0)
  }

  /// Ties an eventfd to an action of one interrupt, or unties it with -1
  /// (`VFIO_DEVICE_SET_IRQS` with `DATA_EVENTFD`).
  package func setEvent(
    _ event: Int32, _ index: UInt32, _ action: InterruptSetting.Action, start: UInt32 = 0
  ) throws(Errno) {
    var argument = SingleEvent(
      header: Self.interruptSet(
        index, action, data: VFIO_IRQ_SET_DATA_EVENTFD, start: start, count: 1,
        size: MemoryLayout<SingleEvent>.size),
      event: event)
    try control(VFIO_DEVICE_SET_IRQS, on: &argument)
  }

  /// Ties eventfds to consecutive vectors of one interrupt, -1 for none, and so turns the interrupt on.
  /// Gives 0, or with how many vectors it could be done.
  package func setEvents(_ events: [Int32], _ index: UInt32) throws(Errno) -> Int32 {
    let fixed = MemoryLayout<vfio_irq_set>.size
    let trailing = events.count * MemoryLayout<Int32>.size
    var argument = ArgumentBytes(
      Self.interruptSet(
        index, .trigger, data: VFIO_IRQ_SET_DATA_EVENTFD, start: 0,
        count: UInt32(events.count), size: fixed + trailing),
      trailing: trailing)
    for (number, event) in events.enumerated() {
      argument.store(event, at: fixed + number * MemoryLayout<Int32>.size)
    }
    return try control(VFIO_DEVICE_SET_IRQS, on: &argument)
  }

  /// Performs an action on one interrupt now (`VFIO_DEVICE_SET_IRQS` with `DATA_NONE`).
  package func perform(
    _ action: InterruptSetting.Action, _ index: UInt32
  ) throws(Errno) {
    var argument = Self.interruptSet(
      index, action, data: VFIO_IRQ_SET_DATA_NONE, start: 0, count: 1)
    try control(VFIO_DEVICE_SET_IRQS, on: &argument)
  }

  /// Turns an interrupt index off as a whole.
  package func disableInterrupts(_ index: UInt32) throws(Errno) {
    var argument = Self.interruptSet(
      index, .trigger, data: VFIO_IRQ_SET_DATA_NONE, start: 0, count: 0)
    try control(VFIO_DEVICE_SET_IRQS, on: &argument)
  }

  /// A `vfio_irq_set` with one descriptor, laid out without an array.
  private struct SingleEvent: BitwiseCopyable {
    var header: vfio_irq_set
    var event: Int32
  }

  private static func interruptSet(
    _ index: UInt32, _ action: InterruptSetting.Action, data: Int32, start: UInt32,
    count: UInt32, size: Int = MemoryLayout<vfio_irq_set>.size
  ) -> vfio_irq_set {
    let actionFlag =
      switch action {
      case .mask: VFIO_IRQ_SET_ACTION_MASK
      case .unmask: VFIO_IRQ_SET_ACTION_UNMASK
      case .trigger: VFIO_IRQ_SET_ACTION_TRIGGER
      }
    return vfio_irq_set(
      argsz: UInt32(size), flags: UInt32(data) | UInt32(actionFlag), index: index, start: start,
      count: count)
  }

  // MARK: - Reset

  /// Resets the function by the first method that the kernel finds (`VFIO_DEVICE_RESET`).
  package func reset() throws(Errno) {
    _ = try kernel.control(number(), UInt(VFIO_DEVICE_RESET), value: 0)
  }

  /// Asks which functions a hot reset would reset too (`VFIO_DEVICE_GET_PCI_HOT_RESET_INFO`).
  package func hotResetInfo() throws(Errno) -> HotResetInfo {
    var request = vfio_pci_hot_reset_info()
    let fixed = MemoryLayout<vfio_pci_hot_reset_info>.size
    let entry = MemoryLayout<vfio_pci_dependent_device>.size
    var count = 0
    var failure = Errno.noSpace
    // The set may change between the two calls; one that keeps changing ends in the kernel's error.
    for _ in 0..<8 {
      request.argsz = UInt32(fixed + count * entry)
      var argument = ArgumentBytes(request, trailing: count * entry)
      do throws(Errno) {
        try control(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, on: &argument)
        return HotResetInfo(argument)
      } catch .noSpace {
        let wanted = Int(argument.load(vfio_pci_hot_reset_info.self, at: 0)?.count ?? 0)
        guard wanted > count, wanted <= HotResetInfo.largestCount else { throw .noSpace }
        count = wanted
        failure = .noSpace
      } catch .resourceTemporarilyUnavailable {
        failure = .resourceTemporarilyUnavailable
      }
    }
    throw failure
  }

  /// Resets every function of the set at once (`VFIO_DEVICE_PCI_HOT_RESET`).
  ///
  /// The proof of ownership is an array of group descriptors for a function assigned through a
  /// group, and empty for one assigned through iommufd, whose context is the proof.
  package func hotReset(groups: [VFIOGroup]) throws(Errno) {
    let fixed = MemoryLayout<vfio_pci_hot_reset>.size
    let trailing = groups.count * MemoryLayout<Int32>.size
    var argument = ArgumentBytes(
      vfio_pci_hot_reset(
        argsz: UInt32(fixed + trailing), flags: 0, count: UInt32(groups.count)),
      trailing: trailing)
    for (number, group) in groups.enumerated() {
      argument.store(group.descriptorNumber, at: fixed + number * MemoryLayout<Int32>.size)
    }
    try control(VFIO_DEVICE_PCI_HOT_RESET, on: &argument)
  }
}

extension VFIODevice {
  /// Reads up to `count` bytes from a region's start; fewer when the device gives fewer.
  package func readBytes(_ region: RegionInfo, count: Int) throws(Errno) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: max(0, count))
    var elements = bytes.mutableSpan
    var span = unsafe elements.mutableBytes
    let arrived = try read(region, at: 0, into: &span)
    bytes.removeLast(bytes.count - min(max(0, arrived), bytes.count))
    return bytes
  }
}
