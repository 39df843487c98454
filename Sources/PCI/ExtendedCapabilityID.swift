/// The number of an extended capability (PCI Code and ID Assignment, 3).
package struct ExtendedCapabilityID: RawRepresentable, Hashable, Sendable {
  package let rawValue: UInt16

  package init(rawValue: UInt16) { self.rawValue = rawValue }

  /// What the kernel leaves of a capability that it hides.
  package static let null = ExtendedCapabilityID(rawValue: 0x0000)
  package static let ari = ExtendedCapabilityID(rawValue: 0x000e)
  package static let ats = ExtendedCapabilityID(rawValue: 0x000f)
  package static let sriov = ExtendedCapabilityID(rawValue: 0x0010)
  package static let resizableBAR = ExtendedCapabilityID(rawValue: 0x0015)
  package static let pasid = ExtendedCapabilityID(rawValue: 0x001b)

  /// Whether no guest sees the capability, whatever the options: SR-IOV and ARI, which work only for
  /// who manages the physical function, and what the kernel has blanked. QEMU traces each as
  /// `vfio_add_ext_cap_dropped`.
  package var isAlwaysHidden: Bool { self == .null || self == .ari || self == .sriov }
}
