internal import CLinux
internal import PCI
internal import SystemPackage

extension IOMMUFDFile {
  /// `IOMMU_HWPT_ALLOC`: a page table on an IOAS, on a nest parent or through a virtual IOMMU.
  func allocateTable(
    _ argument: inout UserArgument, size: Int, on host: SimulatedHost
  ) throws(Errno) {
    var command = try argument.load(iommu_hwpt_alloc.self, count: size)
    guard command.__reserved == 0 else { throw .eopnotsupp }
    guard (command.data_type == 0) == (command.data_len == 0) else { throw .einval }
    let device = try context.device(command.dev_id)
    let table: PageTable
    switch context.objects[command.pt_id] {
    case .ioas(let ioas): table = try makePagingTable(command, device, on: ioas, host)
    case .table(let parent):
      guard parent.nesting == nil else { throw .einval }
      table = try makeNestedTable(command, device, on: parent)
    case .virtualIOMMU(let virtual): table = try makeNestedTable(command, device, through: virtual)
    default: throw .einval
    }
    command.out_hwpt_id = table.identifier
    do throws(Errno) {
      table.faults = try faultQueue(of: command)
      table.faults?.tableCount += 1
      try argument.store(command, count: size)
    } catch {
      try context.destroy(table.identifier)
      throw error
    }
  }

  /// The fault queue that a page table shall report to. `ENOENT` for one that is none.
  private func faultQueue(of command: iommu_hwpt_alloc) throws(Errno) -> FaultQueue? {
    guard command.flags & UInt32(IOMMU_HWPT_FAULT_ID_VALID) != 0 else { return nil }
    guard case .faults(let queue) = context.objects[command.fault_id] else { throw .enoent }
    return queue
  }

  private func makePagingTable(
    _ command: iommu_hwpt_alloc, _ device: BoundDevice, on ioas: IOAS, _ host: SimulatedHost
  ) throws(Errno) -> PageTable {
    let known = UInt32(
      IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_DIRTY_TRACKING | IOMMU_HWPT_FAULT_ID_VALID
        | IOMMU_HWPT_ALLOC_PASID)
    let flags = command.flags
    guard flags & ~known == 0, command.data_len == 0 else { throw .eopnotsupp }
    let iommu = device.group.iommu
    if flags & UInt32(IOMMU_HWPT_ALLOC_NEST_PARENT) != 0 {
      guard flags & UInt32(IOMMU_HWPT_FAULT_ID_VALID) == 0, iommu.supportsNesting else {
        throw .eopnotsupp
      }
    }
    if flags & UInt32(IOMMU_HWPT_ALLOC_DIRTY_TRACKING) != 0 {
      guard device.supportsDirtyTracking else { throw .eopnotsupp }
    }
    if flags & UInt32(IOMMU_HWPT_ALLOC_PASID) != 0, case .amd = iommu.kind, iommu.pasidLimit == 0 {
      throw .eopnotsupp
    }
    let table = context.makeTable(for: device, on: ioas, isAutomatic: false, flags: flags)
    do throws(Errno) {
      try ioas.add(table) { mapping throws(Errno) in try host.pin(mapping) }
    } catch {
      context.remove(table.identifier)
      throw error
    }
    return table
  }

  private func makeNestedTable(
    _ command: iommu_hwpt_alloc, _ device: BoundDevice, on parent: PageTable
  ) throws(Errno) -> PageTable {
    let iommu = device.group.iommu
    guard Self.isNestedShape(command), iommu.kind.hasNestingDriver else { throw .eopnotsupp }
    guard parent.isNestParent, iommu.kind.isSameDriver(as: parent.iommu.kind) else {
      throw .einval
    }
    guard iommu.supportsNesting else { throw .eopnotsupp }
    let entries = try nestedEntries(command, iommu)
    return makeTable(command, device, PageTable.Nesting(parent: parent, virtualIOMMU: nil), entries)
  }

  private func makeNestedTable(
    _ command: iommu_hwpt_alloc, _ device: BoundDevice, through virtual: VirtualIOMMU
  ) throws(Errno) -> PageTable {
    guard virtual.iommu.name == device.group.iommu.name else { throw .einval }
    guard Self.isNestedShape(command) else { throw .eopnotsupp }
    let entries = try nestedEntries(command, virtual.iommu)
    virtual.tableCount += 1
    return makeTable(
      command, device, PageTable.Nesting(parent: virtual.parent, virtualIOMMU: virtual), entries)
  }

  private func makeTable(
    _ command: iommu_hwpt_alloc, _ device: BoundDevice, _ nesting: PageTable.Nesting,
    _ entries: [UInt32]
  ) -> PageTable {
    nesting.parent.dependentCount += 1
    let table = context.makeTable(
      for: device, on: nesting.parent.ioas, isAutomatic: false, flags: command.flags,
      nesting: nesting)
    table.mockEntries = entries
    return table
  }

  /// Flags that a nested page table takes, and data.
  private static func isNestedShape(_ command: iommu_hwpt_alloc) -> Bool {
    let known = UInt32(IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID)
    return command.flags & ~known == 0 && command.data_len != 0
  }

  /// Checks the data of a nested page table as the IOMMU's driver does: `EOPNOTSUPP` for another
  /// driver's, `EINVAL` for too little or too much. Gives what the mock IOMMU remembers.
  private func nestedEntries(
    _ command: iommu_hwpt_alloc, _ iommu: HostIOMMU
  ) throws(Errno) -> [UInt32] {
    if iommu.kind == .mock {
      guard command.data_type == UInt32(IOMMU_HWPT_DATA_SELFTEST) else { throw .eopnotsupp }
      let data = try nestedData(command, as: iommu_hwpt_selftest.self, least: 4)
      return [UInt32](repeating: data.iotlb, count: Int(MOCK_NESTED_DOMAIN_IOTLB_NUM))
    }
    guard command.data_type == UInt32(IOMMU_HWPT_DATA_VTD_S1) else { throw .eopnotsupp }
    _ = try nestedData(command, as: iommu_hwpt_vtd_s1.self, least: 24)
    return []
  }

  private func nestedData<Data: BitwiseCopyable>(
    _ command: iommu_hwpt_alloc, as type: Data.Type, least: Int
  ) throws(Errno) -> Data {
    let length = Int(command.data_len)
    guard length >= least, length <= MemoryLayout<Data>.size else { throw .einval }
    return UserMemory.value(type, from: try UserMemory.bytes(at: command.data_uptr, count: length))
  }

  /// `IOMMU_GET_HW_INFO` (section 6.1 and 6.2 of the contract).
  func hardwareInfo(_ argument: inout UserArgument, size: Int) throws(Errno) {
    var command = try argument.load(iommu_hw_info.self, count: size)
    let requestsType = command.flags & UInt32(IOMMU_HW_INFO_FLAG_INPUT_TYPE) != 0
    guard command.flags & ~UInt32(IOMMU_HW_INFO_FLAG_INPUT_TYPE) == 0 else { throw .eopnotsupp }
    let reserved = command.__reserved
    guard reserved.0 == 0, reserved.1 == 0, reserved.2 == 0 else { throw .eopnotsupp }
    let device = try context.device(command.dev_id)
    let info = device.group.iommu.hardwareInfo
    if requestsType, info.type != IOMMU_HW_INFO_TYPE_NONE, command.out_data_type != 0,
      command.out_data_type != UInt32(bitPattern: info.type)
    {
      throw .eopnotsupp
    }
    let room = Int(command.data_len)
    guard room <= 1 << 20 else { throw .efault }
    let padding = [UInt8](repeating: 0, count: max(0, room - info.data.count))
    try UserMemory.write(Array(info.data.prefix(room)) + padding, to: command.data_uptr)
    command.data_len = UInt32(info.data.count)
    command.out_data_type = UInt32(bitPattern: info.type)
    command.out_max_pasid_log2 = device.pasidLog2
    command.out_capabilities = device.hardwareCapabilities
    try argument.store(command, count: size)
  }
}

extension HostIOMMU {
  /// The type and the type-specific bytes that describe this unit.
  fileprivate var hardwareInfo: (type: Int32, data: [UInt8]) {
    switch kind {
    case .silent, .absent: (IOMMU_HW_INFO_TYPE_NONE, [])
    case .intel(let capability, let extendedCapability):
      (
        IOMMU_HW_INFO_TYPE_INTEL_VTD,
        UserMemory.bytes(
          of: iommu_hw_info_vtd(
            flags: 1, __reserved: 0, cap_reg: capability, ecap_reg: extendedCapability))
      )
    case .mock:
      (
        Int32(bitPattern: UInt32(IOMMU_HW_INFO_TYPE_SELFTEST)),
        UserMemory.bytes(
          of: iommu_test_hw_info(flags: 0, test_reg: UInt32(IOMMU_HW_INFO_SELFTEST_REGVAL)))
      )
    case .amd(let features, let features2):
      (IOMMU_HW_INFO_TYPE_AMD, UserMemory.bytes(of: features) + UserMemory.bytes(of: features2))
    }
  }
}

extension HostIOMMU.Kind {
  /// Whether the driver knows nested page tables, whatever its unit can do.
  fileprivate var hasNestingDriver: Bool {
    switch self {
    case .intel, .mock: true
    case .amd, .silent, .absent: false
    }
  }

  /// Whether one driver drives both.
  fileprivate func isSameDriver(as other: Self) -> Bool {
    switch (self, other) {
    case (.intel, .intel), (.amd, .amd), (.silent, .silent), (.mock, .mock): true
    default: false
    }
  }
}

extension BoundDevice {
  /// `out_max_pasid_log2`: the floor of the logarithm of the limit, 0 without PASID.
  fileprivate var pasidLog2: UInt8 {
    pasidLimit == 0 ? 0 : UInt8(31 - pasidLimit.leadingZeroBitCount)
  }

  fileprivate var supportsDirtyTracking: Bool {
    switch device {
    case .function: group.iommu.supportsDirtyTracking
    case .mock(let device): device.supportsDirtyTracking
    }
  }

  /// `out_capabilities`: bit 0 from the unit, the others from the function.
  fileprivate var hardwareCapabilities: UInt64 {
    var bits: UInt64 = supportsDirtyTracking ? UInt64(IOMMU_HW_CAP_DIRTY_TRACKING) : 0
    guard case .function(let device) = device else {
      return bits | UInt64(IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED)
    }
    let config = device.function.config
    let hasATS = config.extendedCapability(.ats) != nil
    if !group.iommu.supportsDeviceTLB || !hasATS {
      bits |= UInt64(IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED)
    }
    if pasidLog2 > 0, let offset = config.extendedCapability(.pasid) {
      // Execute and privileged sit at the same places in the control register.
      bits |= UInt64(config.word(at: offset + 6) & 0x6)
    }
    return bits
  }
}
