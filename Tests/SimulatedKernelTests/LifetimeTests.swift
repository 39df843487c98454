import CLinux
import HostKernel
import SystemPackage
import Testing

@testable import SimulatedKernel

/// The end of a kernel is the end of its user's process: whatever is still open goes with it.
@Suite("The end of a kernel")
struct LifetimeTests {
  @Test("a kernel that goes away with everything open frees all objects of the host")
  func everythingOpen() throws {
    var objects = ReachableObjects()
    do {
      let host = try ContractHost()
      try openGroups(host)
      try openNodes(host)
      try openMockDevice(host)
      #expect(host.kernel.openObjects.count > 20)
      objects = try host.kernel.change { ReachableObjects(from: $0) }
      #expect(objects.types.isSuperset(of: Self.expectedTypes))
      #expect(objects.living == objects.types)
    }
    #expect(objects.living == [])
  }

  private static let expectedTypes: Set<String> = [
    "SimulatedHost", "FunctionState", "GroupState", "VFIODevice", "VFIODeviceFile",
    "VFIOGroupFile", "VFIOContainer", "Type1Backend", "IOMMUFDFile", "IOMMUFDContext", "IOAS",
    "PageTable", "BoundDevice", "BARMemory", "EventFile", "AttributeFile", "MockDevice",
    "VirtualIOMMU", "VirtualDevice", "VirtualEventQueue", "FaultQueue",
    "QueueFile<VirtualEventQueue>", "QueueFile<FaultQueue>", "QueueDescriptor",
  ]

  /// A group with a native container and mappings, and a group with an iommufd in its place.
  private func openGroups(_ host: ContractHost) throws {
    let container = try host.container()
    _ = try host.device(try host.usableGroup(14, container: container), "\(ContractHost.n)")
    var mapping = vfio_iommu_type1_dma_map()
    mapping.argsz = 32
    mapping.flags = 3
    mapping.vaddr = try host.memory()
    mapping.size = 4096
    try host.kernel.control(container, UInt(VFIO_IOMMU_MAP_DMA), on: &mapping)

    let other = try host.group(16)
    try host.setContainer(other, try host.iommufd())
    _ = try host.device(other, "\(ContractHost.s0)")
  }

  /// A mock device on a page table of a virtual IOMMU, with an event and two page requests, of which
  /// one was read.
  private func openMockDevice(_ host: ContractHost) throws {
    let iommufd = try host.iommufd()
    func call(_ request: Int32, _ words: [UInt32]) throws -> [UInt32] {
      try host.call(iommufd, request, words)
    }
    func test(_ operation: Int32, _ object: UInt32, _ words: [UInt32]) throws -> [UInt32] {
      let padding = [UInt32](repeating: 0, count: 14 - words.count)
      return try call(IOMMU_TEST_CMD, [72, UInt32(operation), object, 0] + words + padding)
    }
    let ioas = try host.allocateIOAS(iommufd)
    let mock = try test(IOMMU_TEST_OP_MOCK_DOMAIN, ioas, [])
    let (object, device) = (mock[4], mock[6])
    let parent = try host.allocateTable(
      iommufd, device, ioas, flags: UInt32(IOMMU_HWPT_ALLOC_NEST_PARENT))
    let virtual = try call(
      IOMMU_VIOMMU_ALLOC,
      [40, 0, UInt32(IOMMU_VIOMMU_TYPE_SELFTEST), device, parent, 0, 0, 0, 0, 0])[5]
    _ = try call(IOMMU_VDEVICE_ALLOC, [24, virtual, device, 0, 7, 0])
    _ = try call(
      IOMMU_VEVENTQ_ALLOC, [32, 0, virtual, UInt32(IOMMU_VEVENTQ_TYPE_SELFTEST), 4, 0, 0, 0])
    let faults = try call(IOMMU_FAULT_QUEUE_ALLOC, [16, 0, 0, 0])
    let data = try host.memory()
    let table = try call(
      IOMMU_HWPT_ALLOC,
      [
        48, UInt32(IOMMU_HWPT_FAULT_ID_VALID), device, virtual, 0, 0,
        UInt32(IOMMU_HWPT_DATA_SELFTEST), 4, UInt32(truncatingIfNeeded: data),
        UInt32(data >> 32), faults[2], 0,
      ])[4]
    _ = try test(IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, object, [table])
    _ = try test(IOMMU_TEST_OP_TRIGGER_VEVENT, 0, [device])
    for group in 1...2 as ClosedRange<UInt32> {
      _ = try test(IOMMU_TEST_OP_TRIGGER_IOPF, 0, [device, 0, group, 1, 0x1000, 0])
    }
    var record = [UInt8](repeating: 0, count: 40)
    var elements = record.mutableSpan
    var span = unsafe elements.mutableBytes
    #expect(try host.kernel.read(Int32(bitPattern: faults[3]), into: &span) == 40)
  }

  /// Two devices on one page table, a table without device, interrupts of which one is unmasked by
  /// the watcher's thread, a BAR that is mapped, and a file of sysfs.
  private func openNodes(_ host: ContractHost) throws {
    let iommufd = try host.iommufd()
    let first = try host.bound(ContractHost.a0, iommufd)
    let second = try host.bound(ContractHost.a1, iommufd)
    let ioas = try host.allocateIOAS(iommufd)
    try host.map(iommufd, ioas, try host.memory(), at: 0x1_0000)
    let table = try host.allocateTable(iommufd, first.identifier, ioas)
    _ = try host.allocateTable(iommufd, first.identifier, ioas)
    try host.attach(first.descriptor, table)
    try host.attach(second.descriptor, table)
    _ = try host.kernel.map(MappingRequest(descriptor: first.descriptor, length: 4096))

    let line = try host.bound(ContractHost.r, iommufd)
    try host.attach(line.descriptor, try host.allocateIOAS(iommufd))
    for action in [VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_ACTION_UNMASK] {
      try host.setInterrupts(
        line.descriptor, index: VFIO_PCI_INTX_IRQ_INDEX, flags: action, events: [try host.event()])
    }
    _ = try host.kernel.open("/sys/bus/pci/devices/\(ContractHost.a0)/config", .readOnly)
  }
}

/// Weak references to all objects that can be reached from one.
struct ReachableObjects: @unchecked Sendable {
  // Only ever used by one thread at a time: the kernel's lock is held or the kernel has gone.
  private struct Reference {
    var type: String
    weak var object: AnyObject?
  }

  private var references: [ObjectIdentifier: Reference] = [:]

  init() {}

  init(from root: AnyObject) { add(root) }

  /// The names of their types.
  var types: Set<String> { Set(references.values.map(\.type)) }

  /// The names of the types of those that have not been freed.
  var living: Set<String> { Set(references.values.filter { $0.object != nil }.map(\.type)) }

  private mutating func add(_ value: Any) {
    if value is [UInt8] { return }
    let mirror = Mirror(reflecting: value)
    if mirror.displayStyle == .class {
      let object = value as AnyObject
      let identifier = ObjectIdentifier(object)
      guard references[identifier] == nil else { return }
      references[identifier] = Reference(type: "\(type(of: value))", object: object)
    }
    for child in mirror.children { add(child.value) }
  }
}
