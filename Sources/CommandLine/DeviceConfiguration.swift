/// One `-device`.
package enum DeviceConfiguration: Sendable, Equatable {
  /// `-device vfio-pci`.
  case vfioPCI(VFIOPCIDevice)

  /// `-device pcie-root-port`.
  case rootPort(PCIeRootPortDevice)

  /// `-device intel-iommu`.
  case intelIOMMU(IntelIOMMUDevice)

  /// `-device isa-debug-exit`.
  case debugExit(ISADebugExitDevice)

  /// `-device isa-debugcon`.
  case debugConsole(ISADebugConsoleDevice)

  /// `-device pvpanic`.
  case panic(ISAPanicDevice)

  /// Its model by QEMU's name.
  package var modelName: String {
    switch self {
    case .vfioPCI: "vfio-pci"
    case .rootPort: "pcie-root-port"
    case .intelIOMMU: "intel-iommu"
    case .debugExit: "isa-debug-exit"
    case .debugConsole: "isa-debugcon"
    case .panic: "pvpanic"
    }
  }
}
