/// What one assigned function and the IOMMU in front of it can do.
package struct DeviceFacts: Equatable, Sendable {
  /// Which interface the function is assigned through.
  package enum Backend: Equatable, Sendable {
    case iommufd
    /// A group and a container, which have no HW_INFO.
    case legacy
  }

  /// What `IOMMU_GET_HW_INFO` gave.
  package struct HardwareInformation: Equatable, Sendable {
    /// For the whole IOMMU instance.
    package let unit: IOMMUTypeData
    /// `out_max_pasid_log2`, for the function; 0 for none.
    package let pasidWidth: Int
    /// `out_capabilities`, for the function.
    package let capabilities: FunctionCapabilities

    /// Decodes the fields of the kernel's answer.
    package init(type: UInt32, data: [UInt8], maxPASIDLog2: UInt8, capabilities: UInt64) {
      unit = IOMMUTypeData(type: type, data: data)
      pasidWidth = Int(maxPASIDLog2)
      self.capabilities = FunctionCapabilities(rawValue: capabilities)
    }
  }

  /// The name that messages use; no two devices of a vIOMMU have the same.
  package let name: String
  /// The physical IOMMU instance, such as `dmar0`; nil when it is not known.
  package let unitName: String?
  package let backend: Backend
  /// Nil with the legacy backend, or when the kernel did not answer.
  package let information: HardwareInformation?
  /// `IOMMU_IOAS_IOVA_RANGES`, ends included; empty when they are not known.
  package let iovaRanges: [ClosedRange<UInt64>]
  /// The alignment that mappings need, in bytes.
  package let iovaAlignment: UInt64
  /// The guest finds the function behind a bridge to conventional PCI.
  package let isBehindConventionalBridge: Bool

  package init(
    name: String, unitName: String? = nil, backend: Backend = .iommufd,
    information: HardwareInformation? = nil, iovaRanges: [ClosedRange<UInt64>] = [],
    iovaAlignment: UInt64 = 4096, isBehindConventionalBridge: Bool = false
  ) {
    self.name = name
    self.unitName = unitName
    self.backend = backend
    self.information = information
    self.iovaRanges = iovaRanges
    self.iovaAlignment = iovaAlignment
    self.isBehindConventionalBridge = isBehindConventionalBridge
  }

  /// Width of the highest address that can be mapped; 64 when the ranges are not known, as in QEMU.
  package var addressWidth: Int {
    guard let last = iovaRanges.map(\.upperBound).max() else { return 64 }
    return UInt64.bitWidth - last.leadingZeroBitCount
  }

  /// Whether the function uses PASIDs on the host.
  var hasPASIDs: Bool { (information?.pasidWidth ?? 0) > 0 }
}
