/// The number of a standard capability (PCI Code and ID Assignment, 2).
package struct CapabilityID: RawRepresentable, Hashable, Sendable {
  package let rawValue: UInt8

  package init(rawValue: UInt8) { self.rawValue = rawValue }

  package static let powerManagement = CapabilityID(rawValue: 0x01)
  package static let agp = CapabilityID(rawValue: 0x02)
  package static let vpd = CapabilityID(rawValue: 0x03)
  package static let msi = CapabilityID(rawValue: 0x05)
  package static let pcix = CapabilityID(rawValue: 0x07)
  package static let hyperTransport = CapabilityID(rawValue: 0x08)
  package static let vendorSpecific = CapabilityID(rawValue: 0x09)
  package static let pcie = CapabilityID(rawValue: 0x10)
  package static let msix = CapabilityID(rawValue: 0x11)
  package static let serialATA = CapabilityID(rawValue: 0x12)
  package static let advancedFeatures = CapabilityID(rawValue: 0x13)
}
