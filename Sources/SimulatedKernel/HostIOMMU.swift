/// One IOMMU of the simulated host.
package struct HostIOMMU: Sendable, Equatable {
  package var name: String
  package var kind: Kind
  /// The first and the last I/O virtual address of a domain.
  package var firstAddress: UInt64
  package var lastAddress: UInt64
  /// One bit for each page size that the page tables take.
  package var pageSizes: UInt64
  /// Windows that no mapping may touch, in ascending order.
  package var reserved: [HostReservedRegion]
  /// How many PASIDs the unit takes; 0 without PASID support.
  package var pasidLimit: UInt32
  package var supportsDeviceTLB: Bool
  package var supportsDirtyTracking: Bool
  /// Whether page tables of guests can lie on its page tables.
  package var supportsNesting: Bool
  /// Whether domains enforce cache coherency, extension `VFIO_DMA_CC_IOMMU`.
  package var enforcesCoherency: Bool
  package var remapsInterrupts: Bool

  /// What `IOMMU_GET_HW_INFO` tells of the unit.
  package enum Kind: Sendable, Equatable {
    /// Intel VT-d with its capability and extended capability registers.
    case intel(capability: UInt64, extendedCapability: UInt64)
    /// AMD with its two extended feature registers.
    case amd(features: UInt64, features2: UInt64)
    /// A driver that tells nothing.
    case silent
    /// The IOMMU of the kernel's mock devices.
    case mock
    /// No unit at all: functions behind it have no IOMMU group of their own, and VFIO takes them in
    /// no-IOMMU mode only (10.1 of the contract).
    case absent
  }

  package init(
    name: String, kind: Kind, firstAddress: UInt64 = 0, lastAddress: UInt64 = 0xFFFF_FFFF_FFFF,
    pageSizes: UInt64 = 0x4020_1000,
    reserved: [HostReservedRegion] = [
      HostReservedRegion(first: 0xFEE0_0000, last: 0xFEEF_FFFF, kind: .msi)
    ],
    pasidLimit: UInt32 = 0, supportsDeviceTLB: Bool = false, supportsDirtyTracking: Bool = false,
    supportsNesting: Bool = false, enforcesCoherency: Bool = true, remapsInterrupts: Bool = true
  ) {
    self.name = name
    self.kind = kind
    self.firstAddress = firstAddress
    self.lastAddress = lastAddress
    self.pageSizes = pageSizes
    self.reserved = reserved
    self.pasidLimit = pasidLimit
    self.supportsDeviceTLB = supportsDeviceTLB
    self.supportsDirtyTracking = supportsDirtyTracking
    self.supportsNesting = supportsNesting
    self.enforcesCoherency = enforcesCoherency
    self.remapsInterrupts = remapsInterrupts
  }
}

/// A window of I/O virtual addresses that is not for mappings, ends included.
package struct HostReservedRegion: Sendable, Equatable {
  package var first: UInt64
  package var last: UInt64
  package var kind: Kind

  /// The names of the sysfs file `reserved_regions`.
  package enum Kind: String, Sendable, CaseIterable {
    case msi
    case direct
    case reserved
  }

  package init(first: UInt64, last: UInt64, kind: Kind) {
    self.first = first
    self.last = last
    self.kind = kind
  }
}
