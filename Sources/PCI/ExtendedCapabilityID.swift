/// The number of an extended capability (PCI Code and ID Assignment, 3).
package struct ExtendedCapabilityID: RawRepresentable, Hashable, Sendable {
  package let rawValue: UInt16

  package init(rawValue: UInt16) { self.rawValue = rawValue }

  /// What the kernel leaves of a capability that it hides.
  package static let null = ExtendedCapabilityID(rawValue: 0x0000)
  package static let aer = ExtendedCapabilityID(rawValue: 0x0001)
  package static let virtualChannel = ExtendedCapabilityID(rawValue: 0x0002)
  package static let deviceSerialNumber = ExtendedCapabilityID(rawValue: 0x0003)
  package static let powerBudgeting = ExtendedCapabilityID(rawValue: 0x0004)
  package static let rootComplexLinkDeclaration = ExtendedCapabilityID(rawValue: 0x0005)
  package static let rootComplexInternalLinkControl = ExtendedCapabilityID(rawValue: 0x0006)
  package static let rootComplexEventCollector = ExtendedCapabilityID(rawValue: 0x0007)
  package static let multiFunctionVirtualChannel = ExtendedCapabilityID(rawValue: 0x0008)
  /// Virtual channels of a function whose device has multi-function ones.
  package static let virtualChannelWithMFVC = ExtendedCapabilityID(rawValue: 0x0009)
  package static let rcrbHeader = ExtendedCapabilityID(rawValue: 0x000a)
  package static let vendorSpecific = ExtendedCapabilityID(rawValue: 0x000b)
  package static let acs = ExtendedCapabilityID(rawValue: 0x000d)
  package static let ari = ExtendedCapabilityID(rawValue: 0x000e)
  package static let ats = ExtendedCapabilityID(rawValue: 0x000f)
  package static let sriov = ExtendedCapabilityID(rawValue: 0x0010)
  package static let multicast = ExtendedCapabilityID(rawValue: 0x0012)
  package static let pri = ExtendedCapabilityID(rawValue: 0x0013)
  package static let resizableBAR = ExtendedCapabilityID(rawValue: 0x0015)
  package static let dpa = ExtendedCapabilityID(rawValue: 0x0016)
  package static let tph = ExtendedCapabilityID(rawValue: 0x0017)
  package static let ltr = ExtendedCapabilityID(rawValue: 0x0018)
  package static let secondaryPCIe = ExtendedCapabilityID(rawValue: 0x0019)
  package static let pasid = ExtendedCapabilityID(rawValue: 0x001b)
  package static let dpc = ExtendedCapabilityID(rawValue: 0x001d)
  package static let l1PMSubstates = ExtendedCapabilityID(rawValue: 0x001e)
  package static let ptm = ExtendedCapabilityID(rawValue: 0x001f)
  package static let dvsec = ExtendedCapabilityID(rawValue: 0x0023)
  package static let vfResizableBAR = ExtendedCapabilityID(rawValue: 0x0024)
  package static let dataLinkFeature = ExtendedCapabilityID(rawValue: 0x0025)
  package static let physicalLayer16GT = ExtendedCapabilityID(rawValue: 0x0026)
  package static let laneMargining = ExtendedCapabilityID(rawValue: 0x0027)
  package static let physicalLayer32GT = ExtendedCapabilityID(rawValue: 0x002a)

  /// Whether no guest sees the capability, whatever the options: SR-IOV and ARI, which work only for
  /// who manages the physical function, and what the kernel has blanked. QEMU traces each as
  /// `vfio_add_ext_cap_dropped`.
  package var isAlwaysHidden: Bool { self == .null || self == .ari || self == .sriov }
}
