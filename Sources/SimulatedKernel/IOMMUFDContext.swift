internal import CLinux
internal import SystemPackage

/// One open `/dev/iommu`: a number space of objects that lives until its file is closed and the last
/// device and group let go of it.
final class IOMMUFDContext {
  enum Object {
    case ioas(IOAS)
    case device(BoundDevice)
    case table(PageTable)
    case faults(FaultQueue)
    case virtualIOMMU(VirtualIOMMU)
    case virtualDevice(VirtualDevice)
    case events(VirtualEventQueue)
    /// Stands for the device of a mock device, whose life is that of this object.
    case mock(BoundDevice)
    /// What is left of a virtual device whose device went first: a number that nobody gets again.
    case tombstone
  }

  private(set) var objects: [UInt32: Object] = [:]
  /// The file, bound devices and groups that use the context as container.
  private(set) var references = 1
  /// The address space of the container commands (10.2 of the contract).
  var compatibilityIOAS: IOAS?
  /// Stands in for a container of groups without IOMMU.
  private(set) var isNoIOMMU = false
  /// `IOMMU_OPTION_RLIMIT_MODE`: what is mapped from now on is charged to the process, not the user.
  var countsLockedMemoryByProcess = false
  /// `VFIO_SET_IOMMU` chose version 1: unmapping splits.
  var unmapsLikeType1v1 = false

  /// The lowest free number, under which the next object is added.
  var freeIdentifier: UInt32 {
    var identifier: UInt32 = 1
    while objects[identifier] != nil { identifier += 1 }
    return identifier
  }

  func add(_ object: Object, as identifier: UInt32) { objects[identifier] = object }

  func remove(_ identifier: UInt32) { objects[identifier] = nil }

  func retain() { references += 1 }

  /// Lets go; the last one takes all objects along. Says whether it was the last.
  func release() -> Bool {
    references -= 1
    guard references == 0 else { return false }
    for case .mock(let device) in objects.values { removeDevice(device) }
    for case .ioas(let ioas) in objects.values { ioas.removeAll() }
    objects.removeAll()
    compatibilityIOAS = nil
    return true
  }

  func ioas(_ identifier: UInt32) throws(Errno) -> IOAS {
    guard case .ioas(let ioas) = objects[identifier] else { throw .enoent }
    return ioas
  }

  func device(_ identifier: UInt32) throws(Errno) -> BoundDevice {
    guard case .device(let device) = objects[identifier] else { throw .enoent }
    return device
  }

  /// A page table that translates to memory of the host.
  func pagingTable(_ identifier: UInt32) throws(Errno) -> PageTable {
    guard case .table(let table) = objects[identifier], table.nesting == nil else {
      throw .enoent
    }
    return table
  }

  func virtualIOMMU(_ identifier: UInt32) throws(Errno) -> VirtualIOMMU {
    guard case .virtualIOMMU(let virtual) = objects[identifier] else { throw .enoent }
    return virtual
  }

  /// Makes the context stand in for a container (`VFIO_GROUP_SET_CONTAINER`): with an address space
  /// unless the group has no IOMMU. `EINVAL` for groups with and without one.
  func makeContainer(ofNoIOMMU isNoIOMMU: Bool) throws(Errno) {
    guard isNoIOMMU ? compatibilityIOAS == nil : !self.isNoIOMMU else { throw .einval }
    self.isNoIOMMU = isNoIOMMU
    if !isNoIOMMU, compatibilityIOAS == nil { compatibilityIOAS = addIOAS() }
  }

  /// `IOMMU_IOAS_ALLOC`.
  func addIOAS() -> IOAS {
    let ioas = IOAS(identifier: freeIdentifier)
    add(.ioas(ioas), as: ioas.identifier)
    return ioas
  }

  /// Adds a device, which is then bound.
  func addDevice(_ device: BoundDevice.Device) -> BoundDevice {
    let bound = BoundDevice(identifier: freeIdentifier, device: device, context: self)
    add(.device(bound), as: bound.identifier)
    return bound
  }

  /// Ends the claims of a device and its object.
  func removeDevice(_ device: BoundDevice) {
    detachAll(device)
    if let virtual = device.virtualDevice {
      virtual.end()
      add(.tombstone, as: virtual.identifier)
    }
    remove(device.identifier)
  }

  /// `IOMMU_DESTROY`. `EBUSY` while something uses the object.
  func destroy(_ identifier: UInt32) throws(Errno) {
    switch objects[identifier] {
    case nil, .tombstone: throw .enoent
    case .device: throw .ebusy
    case .ioas(let ioas):
      guard ioas.tables.isEmpty else { throw .ebusy }
      if compatibilityIOAS === ioas { compatibilityIOAS = nil }
    case .table(let table):
      guard table.attachmentCount == 0, table.dependentCount == 0 else { throw .ebusy }
      table.ioas.remove(table)
      table.faults?.tableCount -= 1
      table.nesting?.parent.dependentCount -= 1
      table.nesting?.virtualIOMMU?.tableCount -= 1
    case .faults(let queue):
      guard queue.descriptor == nil, queue.tableCount == 0 else { throw .ebusy }
    case .virtualIOMMU(let virtual):
      guard !virtual.isInUse else { throw .ebusy }
      virtual.parent.dependentCount -= 1
    case .virtualDevice(let virtual): virtual.end()
    case .events(let queue):
      guard queue.descriptor == nil else { throw .ebusy }
      queue.virtualIOMMU.eventQueues[queue.type] = nil
    case .mock(let device): removeDevice(device)
    }
    remove(identifier)
  }

  // MARK: Attachment (section 7 of the contract)

  /// Attaches a device, or moves its group, to an IOAS or page table; gives the page table.
  func attach(
    _ device: BoundDevice, to identifier: UInt32, pasid: UInt32, host: SimulatedHost
  ) throws(Errno) -> PageTable {
    switch objects[identifier] {
    case nil, .tombstone: throw .enoent
    case .table(let table):
      try checkPASID(pasid, table, device)
      try attach(device, to: table, pasid: pasid)
      return table
    case .ioas(let ioas):
      guard pasid == 0 else { throw .einval }
      return try attach(device, to: ioas, host: host)
    case .device, .faults, .virtualIOMMU, .virtualDevice, .events, .mock: throw .einval
    }
  }

  private func attach(
    _ device: BoundDevice, to ioas: IOAS, host: SimulatedHost
  ) throws(Errno) -> PageTable {
    if device.group.attachments.keys.contains(where: { $0 != 0 }) { throw .einval }
    for table in ioas.tables where table.isAutomatic {
      do throws(Errno) {
        try attach(device, to: table, pasid: 0)
        return table
      } catch  where error != .einval {
        throw error
      } catch {
        continue
      }
    }
    let table = makeTable(for: device, on: ioas, isAutomatic: true, flags: 0)
    do throws(Errno) {
      try fill(table, for: device, on: host)
      return table
    } catch {
      ioas.remove(table)
      remove(table.identifier)
      throw error
    }
  }

  /// Attaches a device to a new page table of its own. One that replaces another is filled before the
  /// switch, so that a failure leaves the old one in place; a first one after it.
  private func fill(
    _ table: PageTable, for device: BoundDevice, on host: SimulatedHost
  ) throws(Errno) {
    let isReplaced = device.group.attachments[0]?.devices.contains { $0 === device } ?? false
    if isReplaced {
      try table.ioas.add(table) { mapping throws(Errno) in try host.pin(mapping) }
      try attach(device, to: table, pasid: 0)
      return
    }
    try attach(device, to: table, pasid: 0)
    do throws(Errno) {
      try table.ioas.add(table) { mapping throws(Errno) in try host.pin(mapping) }
    } catch {
      detach(device, pasid: 0)
      throw error
    }
  }

  /// A page table object that is not part of its IOAS yet.
  func makeTable(
    for device: BoundDevice, on ioas: IOAS, isAutomatic: Bool, flags: UInt32,
    nesting: PageTable.Nesting? = nil
  ) -> PageTable {
    let table = PageTable(
      identifier: freeIdentifier, ioas: ioas, iommu: device.group.iommu, isAutomatic: isAutomatic,
      flags: flags, nesting: nesting)
    add(.table(table), as: table.identifier)
    return table
  }

  private func checkPASID(
    _ pasid: UInt32, _ table: PageTable, _ device: BoundDevice
  ) throws(Errno) {
    let hasPASIDs = device.group.attachments.keys.contains { $0 != 0 }
    let isCompatible = table.flags & UInt32(IOMMU_HWPT_ALLOC_PASID) != 0
    if pasid == 0 {
      guard isCompatible || !hasPASIDs else { throw .einval }
      return
    }
    guard isCompatible else { throw .einval }
    if let requester = device.group.attachments[0] {
      guard requester.table.flags & UInt32(IOMMU_HWPT_ALLOC_PASID) != 0 else { throw .einval }
    }
    let limit = device.pasidLimit
    guard limit == 0 || pasid < limit else { throw .einval }
  }

  private func attach(
    _ device: BoundDevice, to table: PageTable, pasid: UInt32
  ) throws(Errno) {
    guard table.iommu.name == device.group.iommu.name else { throw .einval }
    guard var current = device.group.attachments[pasid] else {
      try reserve(device, in: table.ioas, pasid)
      do throws(Errno) {
        try device.check(table)
      } catch {
        if pasid == 0 { table.ioas.unreserve(for: device) }
        throw error
      }
      device.group.attachments[pasid] = GroupAttachment(table: table, devices: [device])
      table.attachmentCount += 1
      return
    }
    if current.table === table {
      guard !current.devices.contains(where: { $0 === device }) else { return }
      try reserve(device, in: table.ioas, pasid)
      current.devices.append(device)
      table.attachmentCount += 1
      device.group.attachments[pasid] = current
      return
    }
    guard current.devices.contains(where: { $0 === device }) else { throw .einval }
    try device.check(table)
    try replace(&current, by: table, pasid: pasid)
    device.group.attachments[pasid] = current
  }

  private func replace(
    _ current: inout GroupAttachment, by table: PageTable, pasid: UInt32
  ) throws(Errno) {
    let old = current.table
    if pasid == 0, old.ioas !== table.ioas {
      for (index, device) in current.devices.enumerated() {
        do throws(Errno) {
          try reserve(device, in: table.ioas, pasid)
        } catch {
          for earlier in current.devices[..<index] { table.ioas.unreserve(for: earlier) }
          throw error
        }
      }
      for device in current.devices { old.ioas.unreserve(for: device) }
    }
    for device in current.devices { old.faults?.drop(device, old) }
    current.table = table
    table.attachmentCount += current.devices.count
    drop(old, attachments: current.devices.count)
  }

  /// Ends a device's claim; a device that has none is left alone.
  func detach(_ device: BoundDevice, pasid: UInt32) {
    guard var current = device.group.attachments[pasid],
      let index = current.devices.firstIndex(where: { $0 === device })
    else { return }
    current.devices.remove(at: index)
    if pasid == 0 { current.table.ioas.unreserve(for: device) }
    current.table.faults?.drop(device, current.table)
    device.group.attachments[pasid] = current.devices.isEmpty ? nil : current
    drop(current.table, attachments: 1)
  }

  /// Ends all claims of a device, as closing it does.
  func detachAll(_ device: BoundDevice) {
    for pasid in device.group.attachments.keys { detach(device, pasid: pasid) }
  }

  private func reserve(_ device: BoundDevice, in ioas: IOAS, _ pasid: UInt32) throws(Errno) {
    guard pasid == 0 else { return }
    let windows = device.group.iommu.reserved.map { $0.first...$0.last }
    try ioas.reserve(windows, for: device)
  }

  private func drop(_ table: PageTable, attachments count: Int) {
    table.attachmentCount -= count
    guard table.isAutomatic, table.attachmentCount == 0 else { return }
    table.ioas.remove(table)
    remove(table.identifier)
  }
}
