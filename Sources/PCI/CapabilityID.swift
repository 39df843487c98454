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
