/// What `IOMMU_GET_HW_INFO` says of the IOMMU behind one function.
package struct HardwareInfo: Sendable, Equatable {
  /// `IOMMU_HW_INFO_TYPE_*`.
  package let type: UInt32
  /// The type's own structure, as many bytes as the kernel gave.
  package let data: [UInt8]
  /// Width of the PASIDs that the function can use, 0 for none.
  package let maxPASIDLog2: UInt8
  /// `IOMMU_HW_CAP_*` bits.
  package let capabilities: UInt64
}
