package import PCI

/// What a simulated host has: functions, the buses they sit on and the IOMMUs in front of them.
///
/// A plain value. Reading one from YAML validates it; see `machines/README.md` for the format.
package struct HostDescription: Sendable, Equatable {
  /// In ascending order of address, which is the order of discovery at boot.
  package var functions: [HostFunction]
  /// The buses behind a bridge. A function on any other bus sits on a root bus.
  package var buses: [HostBus]
  package var iommus: [HostIOMMU]
  /// `allow_unsafe_interrupts` of the type1 module.
  package var type1AllowsUnsafeInterrupts: Bool
  /// `allow_unsafe_interrupts` of the iommufd module.
  package var iommufdAllowsUnsafeInterrupts: Bool
  /// The kernel is built with `CONFIG_IOMMUFD_TEST`, and so has mock devices.
  package var hasMockDevices: Bool
  /// The kernel can export BARs as dma-bufs, by which other devices reach them through iommufd.
  package var exportsDMABuffers: Bool
  /// `nointxmask` of the vfio-pci module: INTx is masked at the host's interrupt controller, and so
  /// there for functions whose own masking is broken.
  package var masksINTxAtController: Bool
  /// How many bytes the caller, who then lacks `CAP_IPC_LOCK`, may lock; nil for a caller without limit.
  package var lockedMemoryLimit: UInt64?
  /// Whose rules hold for hot resets.
  package var uapi: HostUAPI

  package init(
    functions: [HostFunction], buses: [HostBus] = [], iommus: [HostIOMMU] = [],
    type1AllowsUnsafeInterrupts: Bool = false, iommufdAllowsUnsafeInterrupts: Bool = false,
    hasMockDevices: Bool = false, exportsDMABuffers: Bool = false,
    masksINTxAtController: Bool = false,
    lockedMemoryLimit: UInt64? = nil, uapi: HostUAPI = .linux72
  ) {
    self.functions = functions.sorted { $0.address < $1.address }
    self.buses = buses
    self.iommus = iommus
    self.type1AllowsUnsafeInterrupts = type1AllowsUnsafeInterrupts
    self.iommufdAllowsUnsafeInterrupts = iommufdAllowsUnsafeInterrupts
    self.hasMockDevices = hasMockDevices
    self.exportsDMABuffers = exportsDMABuffers
    self.masksINTxAtController = masksINTxAtController
    self.lockedMemoryLimit = lockedMemoryLimit
    self.uapi = uapi
  }
}

/// The hot-reset rules of a kernel (11.4 of the contract).
package enum HostUAPI: String, Sendable, CaseIterable {
  /// What shipped.
  case linux72 = "linux-7.2"
  /// What the third version of the series of April 2023 proposed: a device that nobody opened needs no
  /// proof of ownership, an array may hold device descriptors, and who uses an iommufd, by group too,
  /// proves with an array of length zero, as does who uses a function without IOMMU that is alone.
  case rfcv3 = "iommufd-rfcv3"
}

/// A bus behind a bridge or port.
package struct HostBus: Sendable, Equatable {
  package var address: HostBusAddress
  /// The function that leads to this bus, if the description has it.
  package var bridge: PCIAddress?
  package var reset: HostBusReset

  package init(address: HostBusAddress, bridge: PCIAddress? = nil, reset: HostBusReset) {
    self.address = address
    self.bridge = bridge
    self.reset = reset
  }
}

/// How functions on a bus can be reset together.
package enum HostBusReset: String, Sendable, CaseIterable {
  /// The hot-plug driver of the port resets one slot.
  case slot
  /// The port's secondary bus reset resets all of the bus and what is below it.
  case bus
  /// A flag forbids bus reset.
  case none
}
