internal import CLinux
internal import SystemPackage

/// A virtual IOMMU object (VIOMMU): the part of an IOMMU that one guest may use, on a nest parent.
final class VirtualIOMMU {
  let identifier: UInt32
  let iommu: HostIOMMU
  let parent: PageTable
  /// By the number that the guest gives them.
  var devices: [UInt64: VirtualDevice] = [:]
  /// By type.
  var eventQueues: [UInt32: VirtualEventQueue] = [:]
  /// How many nested page tables were made through it.
  var tableCount = 0

  init(identifier: UInt32, iommu: HostIOMMU, parent: PageTable) {
    self.identifier = identifier
    self.iommu = iommu
    self.parent = parent
  }

  var isInUse: Bool { !devices.isEmpty || !eventQueues.isEmpty || tableCount > 0 }
}

/// A virtual device object (VDEVICE): a bound device as a virtual IOMMU knows it.
final class VirtualDevice {
  let identifier: UInt32
  // Both outlive it: it ends with the device, and the virtual IOMMU stays while it has one.
  unowned let device: BoundDevice
  unowned let virtualIOMMU: VirtualIOMMU
  /// The guest's number of the device.
  let virtualNumber: UInt64

  init(
    identifier: UInt32, device: BoundDevice, virtualIOMMU: VirtualIOMMU, virtualNumber: UInt64
  ) {
    self.identifier = identifier
    self.device = device
    self.virtualIOMMU = virtualIOMMU
    self.virtualNumber = virtualNumber
  }

  /// Ends what ties the device to the virtual IOMMU.
  func end() {
    device.virtualDevice = nil
    virtualIOMMU.devices[virtualNumber] = nil
  }
}

extension IOMMUFDFile {
  /// `IOMMU_VIOMMU_ALLOC`. Of the model's IOMMUs only the mock one has virtual ones.
  func allocateVirtualIOMMU(
    _ argument: inout UserArgument, size: Int, on host: SimulatedHost
  ) throws(Errno) {
    var command = try argument.load(iommu_viommu_alloc.self, count: size)
    guard command.flags == 0, command.type != 0 else { throw .eopnotsupp }
    let iommu = try context.device(command.dev_id).group.iommu
    guard iommu.kind == .mock, command.type == UInt32(IOMMU_VIOMMU_TYPE_SELFTEST) else {
      throw .eopnotsupp
    }
    let parent = try context.pagingTable(command.hwpt_id)
    guard parent.isNestParent else { throw .einval }
    // The mock driver gives back a window to map when it is given data.
    guard command.data_len == 0 else { throw host.notModelled(kind, UInt(IOMMU_VIOMMU_ALLOC)) }
    let made = VirtualIOMMU(identifier: context.freeIdentifier, iommu: iommu, parent: parent)
    command.out_viommu_id = made.identifier
    try argument.store(command, count: size)
    parent.dependentCount += 1
    context.add(.virtualIOMMU(made), as: made.identifier)
  }

  /// `IOMMU_VDEVICE_ALLOC`.
  func allocateVirtualDevice(_ argument: inout UserArgument) throws(Errno) {
    var command = try argument.load(iommu_vdevice_alloc.self)
    let virtual = try context.virtualIOMMU(command.viommu_id)
    let device = try context.device(command.dev_id)
    guard virtual.iommu.name == device.group.iommu.name else { throw .einval }
    guard device.virtualDevice == nil, virtual.devices[command.virt_id] == nil else {
      throw .eexist
    }
    let made = VirtualDevice(
      identifier: context.freeIdentifier, device: device, virtualIOMMU: virtual,
      virtualNumber: command.virt_id)
    command.out_vdevice_id = made.identifier
    try argument.store(command)
    device.virtualDevice = made
    virtual.devices[made.virtualNumber] = made
    context.add(.virtualDevice(made), as: made.identifier)
  }

  /// `IOMMU_HW_QUEUE_ALLOC`: no IOMMU of the model has such queues.
  func allocateHardwareQueue(_ argument: UserArgument) throws(Errno) {
    let command = try argument.load(iommu_hw_queue_alloc.self)
    guard command.flags == 0, command.type != 0 else { throw .eopnotsupp }
    guard command.length > 0 else { throw .einval }
    guard !command.nesting_parent_iova.addingReportingOverflow(command.length - 1).overflow
    else { throw .eoverflow }
    _ = try context.virtualIOMMU(command.viommu_id)
    throw .eopnotsupp
  }
}
