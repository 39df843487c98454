/// One `-device`.
package enum DeviceConfiguration: Sendable, Equatable {
  /// `-device vfio-pci`.
  case vfioPCI(VFIOPCIDevice)

  /// `-device pcie-root-port`.
  case rootPort(PCIeRootPortDevice)

  /// `-device isa-debug-exit`.
  case debugExit(ISADebugExitDevice)

  /// `-device pvpanic`.
  case panic(ISAPanicDevice)
}
