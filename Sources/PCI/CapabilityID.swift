/// The number of a standard capability (PCI Code and ID Assignment, 2).
package struct CapabilityID: RawRepresentable, Hashable, Sendable {
  package let rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }

  package static let powerManagement = CapabilityID(rawValue: 0x01)
  package static let msi = CapabilityID(rawValue: 0x05)
  package static let pcie = CapabilityID(rawValue: 0x10)
  package static let msix = CapabilityID(rawValue: 0x11)
  package static let advancedFeatures = CapabilityID(rawValue: 0x13)
}

/// The number of an extended capability (PCI Code and ID Assignment, 3).
package struct ExtendedCapabilityID: RawRepresentable, Hashable, Sendable {
  package let rawValue: UInt16

  package init(rawValue: UInt16) { self.rawValue = rawValue }

  /// What the kernel leaves of a capability that it hides.
  package static let null = ExtendedCapabilityID(rawValue: 0x0000)
  package static let ari = ExtendedCapabilityID(rawValue: 0x000e)
  package static let sriov = ExtendedCapabilityID(rawValue: 0x0010)
  package static let resizableBAR = ExtendedCapabilityID(rawValue: 0x0015)
}
