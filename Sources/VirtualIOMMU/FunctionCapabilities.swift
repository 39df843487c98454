/// `out_capabilities` of `IOMMU_GET_HW_INFO`: what holds for one function, not for its IOMMU.
package struct FunctionCapabilities: OptionSet, Sendable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) { self.rawValue = rawValue }

  /// The IOMMU behind the function tracks dirty pages.
  package static let dirtyTracking = FunctionCapabilities(rawValue: 0x1)
  /// The function asks to execute with a PASID, and may.
  package static let pasidExec = FunctionCapabilities(rawValue: 0x2)
  /// The function asks for privilege with a PASID, and may.
  package static let pasidPrivileged = FunctionCapabilities(rawValue: 0x4)
  /// ATS cannot be used with the function.
  package static let atsNotSupported = FunctionCapabilities(rawValue: 0x8)
}
