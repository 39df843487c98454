internal import CLinux
internal import PCI
internal import SystemPackage

/// Function reset and hot reset (section 4 of the contract).
extension VFIODeviceFile {
  /// `VFIO_DEVICE_RESET`.
  func resetFunction(on host: SimulatedHost) throws(Errno) {
    guard device.hasReset else { throw .einval }
    device.function.setPowerState(0)
    device.updateMappings()
    device.buffers.interrupt(isReachable: device.isMemoryReachable)
    try host.tryFunctionReset(device.function)
  }

  /// `VFIO_DEVICE_GET_PCI_HOT_RESET_INFO`.
  func hotResetInfo(_ argument: inout UserArgument, on host: SimulatedHost) throws(Errno) {
    let size = try argument.argumentSize(minimum: 12)
    let scope = try ResetScope(of: device.function, on: host)
    var header = vfio_pci_hot_reset_info(
      argsz: UInt32(size), flags: 0, count: UInt32(scope.functions.count))
    guard size - 12 >= 8 * scope.functions.count else {
      try argument.store(header)
      throw .enospc
    }
    var entries: [UInt8] = []
    if device.isBoundByNode, let context = device.binding?.context {
      header.flags = UInt32(
        VFIO_PCI_HOT_RESET_FLAG_DEV_ID | VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED)
      for function in scope.functions {
        let identifier = scope.identifier(of: function, for: context, on: host)
        if identifier == UInt32(bitPattern: VFIO_PCI_DEVID_NOT_OWNED) {
          header.flags &= ~UInt32(VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED)
        }
        entries += Self.entry(identifier, function.address)
      }
    } else {
      for function in scope.functions {
        // A function without IOMMU has a group only while VFIO has it.
        guard !function.group.isArtificial || host.device(at: function.address) != nil else {
          throw .eperm
        }
        entries += Self.entry(function.group.number, function.address)
      }
    }
    try argument.store(entries, at: 12)
    try argument.store(header)
  }

  private static func entry(_ number: UInt32, _ address: PCIAddress) -> [UInt8] {
    UserMemory.bytes(of: number) + UserMemory.bytes(of: address.domain)
      + [address.bus, address.devfn]
  }

  /// `VFIO_DEVICE_PCI_HOT_RESET`.
  func hotReset(_ argument: UserArgument, on host: SimulatedHost) throws(Errno) {
    let header = try argument.load(vfio_pci_hot_reset.self)
    guard header.argsz >= 12, header.flags == 0 else { throw .einval }
    let provesByContext =
      switch host.description.uapi {
      case .linux72: device.isBoundByNode
      case .rfcv3: device.binding != nil && header.count == 0
      }
    let isExempt =
      host.description.uapi == .rfcv3 && device.function.group.isArtificial && header.count == 0
    guard (header.count != 0) != (provesByContext || isExempt) else { throw .einval }
    let scope = try ResetScope(of: device.function, on: host)
    if isExempt {
      guard scope.functions.count == 1 else { throw .einval }
      return try scope.perform()
    }
    if provesByContext, let context = device.binding?.context {
      return try scope.reset(owning: .context(context), on: host)
    }
    guard Int(header.count) <= scope.functions.count else { throw .einval }
    let bytes = try argument.bytes(at: 12, count: 4 * Int(header.count))
    try scope.reset(owning: try holdings(bytes, on: host), on: host)
  }

  private func holdings(
    _ bytes: [UInt8], on host: SimulatedHost
  ) throws(Errno) -> ResetScope.Proof {
    var groups: [GroupState] = []
    var devices: [VFIODevice] = []
    for place in stride(from: 0, to: bytes.count, by: 4) {
      let descriptor = UserMemory.value(Int32.self, from: bytes[place..<place + 4])
      let file = host.files[descriptor]
      if file == nil { _ = try ProcessDescriptor.kind(of: descriptor) }
      switch file {
      case let group as VFIOGroupFile: groups.append(group.group)
      case let file as VFIODeviceFile where host.description.uapi == .rfcv3:
        devices.append(file.device)
      default: throw .einval
      }
    }
    return .holdings(groups: groups, devices: devices)
  }
}
