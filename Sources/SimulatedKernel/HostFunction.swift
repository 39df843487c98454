package import PCI

/// One PCI function of the simulated host.
package struct HostFunction: Sendable, Equatable {
  package var address: PCIAddress
  /// Config space as the firmware left it, 256 or 4096 bytes.
  package var config: HostConfigSpace
  package var bars: [HostBAR]
  package var rom: HostROM?
  /// The host's interrupt line number; nil when the pin is not routed.
  package var irq: UInt32?
  /// The IOMMU group's number.
  package var group: UInt32
  /// The name of the IOMMU in front of the function.
  package var iommu: String
  /// The driver bound at start, such as `vfio-pci` or `i40e`.
  package var driver: String?
  /// The methods of the sysfs file `reset_method`, in order.
  package var resetMethods: [HostResetMethod]
  /// The bytes that the VPD capability gives access to.
  package var vitalProductData: [UInt8]
  /// Whether MSI-X vectors can be added while MSI-X is enabled.
  package var hasDynamicMSIX: Bool
  /// The physical function that an SR-IOV virtual function belongs to; nil for any other function.
  package var physicalFunction: PCIAddress?
  /// Vendor and, in the upper half, device as the kernel knows them. The registers of a virtual
  /// function are all ones.
  package var identity: UInt32
  /// What acts behind the BARs; nil for plain memory.
  package var behaviour: HostBehaviour?

  package init(
    address: PCIAddress, config: HostConfigSpace, bars: [HostBAR] = [], rom: HostROM? = nil,
    irq: UInt32? = nil, group: UInt32, iommu: String, driver: String? = "vfio-pci",
    resetMethods: [HostResetMethod] = [], vitalProductData: [UInt8] = [],
    hasDynamicMSIX: Bool = true, physicalFunction: PCIAddress? = nil, identity: UInt32? = nil,
    behaviour: HostBehaviour? = nil
  ) {
    self.address = address
    self.config = config
    self.bars = bars
    self.rom = rom
    self.irq = irq
    self.group = group
    self.iommu = iommu
    self.driver = driver
    self.resetMethods = resetMethods
    self.vitalProductData = vitalProductData
    self.hasDynamicMSIX = hasDynamicMSIX
    self.physicalFunction = physicalFunction
    self.behaviour = behaviour
    self.identity = identity ?? config.long(at: PCIRegister.vendor)
  }

  /// Whether the function is an SR-IOV virtual function.
  package var isVirtual: Bool { physicalFunction != nil }

  /// Whether the function can have virtual functions.
  package var isPhysical: Bool {
    config.extendedCapability(.sriov) != nil
  }

  /// The memory or I/O region of one BAR, nil when absent.
  package func bar(_ index: Int) -> HostBAR? { bars.first { $0.index == index } }
}

/// A base address register of a function.
package struct HostBAR: Sendable, Equatable {
  /// 0 to 5; a 64-bit BAR also takes the next one.
  package var index: Int
  /// Bytes, a power of two: at least 16 for memory, 4 for I/O.
  package var size: UInt64
  package var kind: Kind
  package var isPrefetchable: Bool
  /// Where the firmware put it, a multiple of `size`.
  package var address: UInt64
  /// When set, only these areas can be mapped, as a vendor driver reports it.
  package var sparseAreas: [HostArea]?

  package enum Kind: String, Sendable, CaseIterable {
    case memory32 = "memory-32"
    case memory64 = "memory-64"
    case io
  }

  package init(
    index: Int, size: UInt64, kind: Kind, isPrefetchable: Bool = false, address: UInt64 = 0,
    sparseAreas: [HostArea]? = nil
  ) {
    self.index = index
    self.size = size
    self.kind = kind
    self.isPrefetchable = isPrefetchable
    self.address = address
    self.sparseAreas = sparseAreas
  }

  /// The read-only type bits at the bottom of the register.
  package var typeBits: UInt64 {
    switch kind {
    case .io: 1
    case .memory32: isPrefetchable ? 8 : 0
    case .memory64: isPrefetchable ? 12 : 4
    }
  }
}

/// A part of a BAR, in bytes.
package struct HostArea: Sendable, Equatable {
  package var offset: UInt64
  package var size: UInt64

  package init(offset: UInt64, size: UInt64) {
    self.offset = offset
    self.size = size
  }
}

/// An expansion ROM.
package struct HostROM: Sendable, Equatable {
  /// Bytes, a power of two of at least 2048.
  package var size: UInt64
  /// What a read gives, padded with 0xFF to `size`.
  package var image: [UInt8]
  package var address: UInt64

  package init(size: UInt64, image: [UInt8], address: UInt64 = 0) {
    self.size = size
    self.image = image
    self.address = address
  }
}

/// A way to reset one function, by its name in `reset_method`.
package enum HostResetMethod: String, Sendable, CaseIterable {
  case deviceSpecific = "device_specific"
  case acpi
  case flr
  case afFLR = "af_flr"
  case pm
  case bus
  case cxlBus = "cxl_bus"
}
