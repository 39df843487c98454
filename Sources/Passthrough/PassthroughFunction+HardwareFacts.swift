internal import PCI
internal import SystemPackage
internal import VFIO
package import VirtualIOMMU

extension PassthroughFunction {
  /// What the host says of the function and of the IOMMU in front of it: HW_INFO as it was at the
  /// attachment, the instance's name, and the addresses that its address space has to give with all
  /// that is attached to it now.
  package var hardwareFacts: DeviceFacts {
    let addresses = try? device.iovaRanges()
    return DeviceFacts(
      device, unitName: device.path.iommuName(on: environment.kernel), addresses: addresses)
  }

  /// Whether the host's function has the ATS capability.
  package var hasATSCapability: Bool {
    CapabilityWalk.extended(in: hostConfig).capabilities.contains { $0.id == .ats }
  }
}

extension DeviceFacts {
  /// What is known of a device by its attachment, and what was found out besides.
  init(_ device: VFIODevice, unitName: String? = nil, addresses: IOVARanges? = nil) {
    let backend: Backend
    switch device.attachment {
    case .group: backend = .legacy
    case .iommufd: backend = .iommufd
    }
    self.init(
      name: device.name, unitName: unitName, backend: backend,
      information: device.hardwareInfo.map { info in
        HardwareInformation(
          type: info.type, data: info.data, maxPASIDLog2: info.maxPASIDLog2,
          capabilities: info.capabilities)
      },
      iovaRanges: addresses?.ranges ?? [], iovaAlignment: addresses?.alignment ?? 4096)
  }
}
