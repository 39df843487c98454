/// The number of a standard capability (PCI Code and ID Assignment, 2).
package struct CapabilityID: RawRepresentable, Hashable, Sendable {
  package let rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// What the kernel leaves of a capability that it hides.
  package static let null = CapabilityID(rawValue: 0x00)
  package static let powerManagement = CapabilityID(rawValue: 0x01)
  package static let agp = CapabilityID(rawValue: 0x02)
  package static let vitalProductData = CapabilityID(rawValue: 0x03)
  package static let msi = CapabilityID(rawValue: 0x05)
  package static let pcix = CapabilityID(rawValue: 0x07)
  package static let subsystem = CapabilityID(rawValue: 0x0d)
  package static let pcie = CapabilityID(rawValue: 0x10)
  package static let msix = CapabilityID(rawValue: 0x11)
  package static let sata = CapabilityID(rawValue: 0x12)
  package static let advancedFeatures = CapabilityID(rawValue: 0x13)
}
