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

  /// Adds an object under the lowest free number.
  func add(_ make: (UInt32) -> Object) -> UInt32 {
    var identifier: UInt32 = 1
    while objects[identifier] != nil { identifier += 1 }
    objects[identifier] = make(identifier)
    return identifier
  }

  func remove(_ identifier: UInt32) { objects[identifier] = nil }

  func retain() { references += 1 }

  /// Lets go; the last one takes all objects along. Says whether it was the last.
  func release() -> Bool {
    references -= 1
    guard references == 0 else { return false }
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

  func table(_ identifier: UInt32) throws(Errno) -> PageTable {
    guard case .table(let table) = objects[identifier] else { throw .enoent }
    return table
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
    let identifier = add { .ioas(IOAS(identifier: $0)) }
    guard case .ioas(let ioas) = objects[identifier] else { return IOAS(identifier: identifier) }
    return ioas
  }

  /// `IOMMU_DESTROY`. `EBUSY` while something uses the object.
  func destroy(_ identifier: UInt32) throws(Errno) {
    switch objects[identifier] {
    case nil: throw .enoent
    case .device: throw .ebusy
    case .ioas(let ioas):
      guard ioas.tables.isEmpty else { throw .ebusy }
      if compatibilityIOAS === ioas { compatibilityIOAS = nil }
    case .table(let table):
      guard table.attachmentCount == 0 else { throw .ebusy }
      table.ioas.remove(table)
      table.faults?.tableCount -= 1
    case .faults(let queue):
      guard !queue.isOpen, queue.tableCount == 0 else { throw .ebusy }
    }
    remove(identifier)
  }

  // MARK: Attachment (section 7 of the contract)

  /// Attaches a device, or moves its group, to an IOAS or page table; gives the page table.
  func attach(
    _ device: BoundDevice, to identifier: UInt32, pasid: UInt32, host: SimulatedHost
  ) throws(Errno) -> PageTable {
    switch objects[identifier] {
    case nil: throw .enoent
    case .device, .faults: throw .einval
    case .table(let table):
      try checkPASID(pasid, table, device)
      try attach(device, to: table, pasid: pasid)
      return table
    case .ioas(let ioas):
      guard pasid == 0 else { throw .einval }
      return try attach(device, to: ioas, host: host)
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
    for device: BoundDevice, on ioas: IOAS, isAutomatic: Bool, flags: UInt32
  ) -> PageTable {
    var made: PageTable?
    let identifier = add {
      let table = PageTable(
        identifier: $0, ioas: ioas, iommu: device.group.iommu, isAutomatic: isAutomatic,
        flags: flags)
      made = table
      return .table(table)
    }
    return made
      ?? PageTable(
        identifier: identifier, ioas: ioas, iommu: device.group.iommu, isAutomatic: isAutomatic,
        flags: flags)
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
    let limit = device.device.function.pasidLimit
    guard limit == 0 || pasid < limit else { throw .einval }
  }

  private func attach(
    _ device: BoundDevice, to table: PageTable, pasid: UInt32
  ) throws(Errno) {
    guard table.iommu.name == device.group.iommu.name else { throw .einval }
    guard var current = device.group.attachments[pasid] else {
      try reserve(device, in: table.ioas, pasid)
      do throws(Errno) {
        try checkHardware(device, table)
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
    try checkHardware(device, table)
    try replace(&current, by: table, pasid: pasid)
    device.group.attachments[pasid] = current
  }

  /// What the IOMMU driver and the core say to a change of the translation: `EBUSY` while a function
  /// reset of a member has it blocked, `ENODEV` for faults of a function that cannot report them.
  private func checkHardware(_ device: BoundDevice, _ table: PageTable) throws(Errno) {
    guard !device.group.isBlockedByReset else { throw .ebusy }
    let function = device.device.function
    if table.faults != nil, case .intel = table.iommu.kind,
      function.config.extendedCapability(ExtendedCapability.pri) == nil
    {
      throw .enodev
    }
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

extension FunctionState {
  /// How many PASIDs the function can use behind its IOMMU; 0 when either side has none.
  var pasidLimit: UInt32 {
    guard let offset = config.extendedCapability(ExtendedCapability.pasid) else { return 0 }
    let width = UInt32(config.word(at: offset + 4) >> 8 & 0x1F)
    return min(1 << min(width, 20), group.iommu.pasidLimit)
  }
}
