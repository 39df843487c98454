internal import CLinux
internal import SystemPackage

extension IOMMUFDFile {
  /// `IOMMU_HWPT_ALLOC`: a page table on an IOAS. The model's IOMMUs cannot nest.
  func allocateTable(
    _ argument: inout UserArgument, size: Int, on host: SimulatedHost
  ) throws(Errno) {
    var command = try argument.load(iommu_hwpt_alloc.self, count: size)
    guard command.__reserved == 0 else { throw .eopnotsupp }
    guard (command.data_type == 0) == (command.data_len == 0) else { throw .einval }
    let device = try context.device(command.dev_id)
    switch context.objects[command.pt_id] {
    case nil, .device, .faults: throw .einval
    case .table: throw .eopnotsupp
    case .ioas(let ioas):
      let known = UInt32(
        IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_DIRTY_TRACKING
          | IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID)
      guard command.flags & ~known == 0, command.data_len == 0 else { throw .eopnotsupp }
      try checkTableFlags(command.flags, device)
      let table = context.makeTable(
        for: device, on: ioas, isAutomatic: false, flags: command.flags)
      do throws(Errno) {
        try ioas.add(table) { mapping throws(Errno) in try host.pin(mapping) }
      } catch {
        context.remove(table.identifier)
        throw error
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
  }

  /// The fault queue that a page table shall report to. `ENOENT` for one that is none.
  private func faultQueue(of command: iommu_hwpt_alloc) throws(Errno) -> FaultQueue? {
    guard command.flags & UInt32(IOMMU_HWPT_FAULT_ID_VALID) != 0 else { return nil }
    guard case .faults(let queue) = context.objects[command.fault_id] else { throw .enoent }
    return queue
  }

  private func checkTableFlags(_ flags: UInt32, _ device: BoundDevice) throws(Errno) {
    if flags & UInt32(IOMMU_HWPT_ALLOC_NEST_PARENT) != 0 { throw .eopnotsupp }
    if flags & UInt32(IOMMU_HWPT_ALLOC_DIRTY_TRACKING) != 0,
      !device.group.iommu.supportsDirtyTracking
    {
      throw .eopnotsupp
    }
    if flags & UInt32(IOMMU_HWPT_ALLOC_PASID) != 0, case .amd = device.group.iommu.kind,
      device.group.iommu.pasidLimit == 0
    {
      throw .eopnotsupp
    }
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
      command.out_data_type != UInt32(info.type)
    {
      throw .eopnotsupp
    }
    let room = Int(command.data_len)
    guard room <= 1 << 20 else { throw .efault }
    let padding = [UInt8](repeating: 0, count: max(0, room - info.data.count))
    try UserMemory.write(Array(info.data.prefix(room)) + padding, to: command.data_uptr)
    command.data_len = UInt32(info.data.count)
    command.out_data_type = UInt32(info.type)
    let function = device.device.function
    command.out_max_pasid_log2 = function.pasidLog2
    command.out_capabilities = function.hardwareCapabilities
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
    case .amd(let features, let features2):
      (IOMMU_HW_INFO_TYPE_AMD, UserMemory.bytes(of: features) + UserMemory.bytes(of: features2))
    }
  }
}

extension FunctionState {
  /// `out_max_pasid_log2`: the floor of the logarithm of the limit, 0 without PASID.
  fileprivate var pasidLog2: UInt8 {
    pasidLimit == 0 ? 0 : UInt8(31 - pasidLimit.leadingZeroBitCount)
  }

  /// `out_capabilities`: bit 0 from the unit, the others from the function.
  fileprivate var hardwareCapabilities: UInt64 {
    var bits: UInt64 = 0
    if group.iommu.supportsDirtyTracking { bits |= UInt64(IOMMU_HW_CAP_DIRTY_TRACKING) }
    let hasATS = config.extendedCapability(ExtendedCapability.ats) != nil
    if !group.iommu.supportsDeviceTLB || !hasATS {
      bits |= UInt64(IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED)
    }
    if pasidLog2 > 0, let offset = config.extendedCapability(ExtendedCapability.pasid) {
      // Execute and privileged sit at the same places in the control register.
      bits |= UInt64(config.word(at: offset + 6) & 0x6)
    }
    return bits
  }
}
