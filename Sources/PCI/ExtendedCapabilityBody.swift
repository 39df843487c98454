/// How many bytes an extended capability takes, its header included.
package enum ExtendedCapabilityBody {
  /// The length that a capability's kind and its own size fields give (PCIe 6.0, 7.7 to 7.9); nil when
  /// the kind is not known here or a size field makes no sense.
  ///
  /// Where registers depend on the kind of port or on the number of lanes, the most there can be.
  /// `bytes` is the config space that the capability was found in; what lies outside reads as 0.
  package static func length(
    of capability: CapabilityWalk.ExtendedCapability, in bytes: [UInt8]
  ) -> Int? {
    let register = { (distance: Int) in dword(in: bytes, at: capability.offset + distance) }
    if let fixed = fixedLengths[capability.id] { return fixed }
    switch capability.id {
    case .virtualChannel, .multiFunctionVirtualChannel, .virtualChannelWithMFVC:
      return virtualChannelLength(register)
    case .rootComplexLinkDeclaration: return 0x10 + 0x10 * Int(register(4) >> 8 & 0xff)
    case .vendorSpecific, .dvsec:
      // Vendor-specific: the length is in the second dword.
      let length = Int(register(4) >> 20)
      return length >= 8 ? length : nil
    case .acs:
      let capabilities = register(4)
      guard capabilities & 0x20 != 0 else { return 8 }
      let size = Int(capabilities >> 8 & 0xff)
      return 8 + 4 * (((size == 0 ? 256 : size) + 31) / 32)
    case .resizableBAR, .vfResizableBAR: return 4 + 8 * max(1, Int(register(8) >> 5 & 7))
    case .dpa: return (0x10 + Int(register(4) & 0x1f) + 1 + 3) & ~3
    case .tph:
      let capabilities = register(4)
      guard capabilities >> 9 & 3 == 1 else { return 0x0c }
      return (0x0c + 2 * (Int(capabilities >> 16 & 0x7ff) + 1) + 3) & ~3
    default: return nil
    }
  }

  /// Lengths that depend on nothing.
  private static let fixedLengths: [ExtendedCapabilityID: Int] = [
    .aer: 0x48, .deviceSerialNumber: 0x0c, .powerBudgeting: 0x10,
    .rootComplexInternalLinkControl: 0x0c, .rootComplexEventCollector: 0x0c, .rcrbHeader: 0x14,
    .ari: 0x08, .ats: 0x08, .sriov: 0x40, .multicast: 0x30, .pri: 0x10, .ltr: 0x08,
    .secondaryPCIe: 0x4c, .pasid: 0x08, .dpc: 0x40, .l1PMSubstates: 0x14, .ptm: 0x0c,
    .dataLinkFeature: 0x0c, .physicalLayer16GT: 0x40, .laneMargining: 0x88,
    .physicalLayer32GT: 0x40,
  ]

  /// Virtual channels without arbitration tables; nil with one, whose end is not known.
  private static func virtualChannelLength(_ register: (Int) -> UInt32) -> Int? {
    let count = Int(register(4) & 7) + 1
    guard register(8) >> 24 == 0 else { return nil }
    for index in 0..<count where register(0x10 + 0x0c * index) >> 24 != 0 { return nil }
    return 0x10 + 0x0c * count
  }

  private static func dword(in bytes: [UInt8], at offset: Int) -> UInt32 {
    guard offset >= 0, offset + 4 <= bytes.count else { return 0 }
    return UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8 | UInt32(bytes[offset + 2]) << 16
      | UInt32(bytes[offset + 3]) << 24
  }
}
