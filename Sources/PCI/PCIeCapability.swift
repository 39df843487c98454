/// The PCI Express capability of a function (PCIe 6.0, 7.5.3).
package struct PCIeCapability: Equatable, Sendable {
  package let offset: Int
  /// Device/port type, bits 7:4 of the capabilities register.
  package let type: UInt8
  package let version: UInt8
  /// Bit 28 of the device capabilities.
  package let hasFLR: Bool

  /// Where the guest finds the function.
  package enum Placement: Sendable {
    /// On the root complex's own bus.
    case rootComplex
    /// Behind a root port or a switch.
    case behindPort
  }

  private static let endpoint: UInt8 = 0
  private static let legacyEndpoint: UInt8 = 1
  private static let integratedEndpoint: UInt8 = 9

  package init(in image: ConfigImage, at offset: Int) {
    self.offset = offset
    let flags = image.read(offset: offset + 2, length: 2)
    type = UInt8(flags >> 4 & 0xf)
    version = UInt8(flags & 0xf)
    hasFLR = image.read(offset: offset + 4, length: 4) & 1 << 28 != 0
  }

  /// Whether the function is of a kind that can be assigned.
  package var isEndpoint: Bool {
    [Self.endpoint, Self.legacyEndpoint, Self.integratedEndpoint].contains(type)
  }

  /// Whether the guest sees the capability at this place at all.
  package func isShown(_ placement: Placement) -> Bool {
    !(placement == .rootComplex && type == Self.legacyEndpoint)
  }

  /// What of the capability is rewritten for the place: an endpoint on the root complex becomes an
  /// integrated one without link registers, and the other way round.
  package func edits(for placement: Placement) -> [CapabilityChainPlan.Edit] {
    var edits: [CapabilityChainPlan.Edit] = []
    if version == 0 { edits.append(.init(offset: offset + 2, value: 1, mask: 0xf)) }
    switch placement {
    case .rootComplex where type == Self.endpoint:
      edits.append(
        .init(offset: offset + 2, value: UInt32(Self.integratedEndpoint) << 4, mask: 0xf0))
      // Link capabilities, control and status; the second set exists from version 2 on.
      edits.append(.init(offset: offset + 0x0c, value: 0, mask: .max))
      edits.append(.init(offset: offset + 0x10, value: 0, mask: .max))
      if version >= 2 {
        edits.append(.init(offset: offset + 0x2c, value: 0, mask: .max))
        edits.append(.init(offset: offset + 0x30, value: 0, mask: .max))
      }
    case .behindPort where type == Self.integratedEndpoint:
      edits.append(.init(offset: offset + 2, value: UInt32(Self.endpoint) << 4, mask: 0xf0))
      // One lane at 2.5 GT/s.
      edits.append(.init(offset: offset + 0x0c, value: 0x11, mask: .max))
      edits.append(.init(offset: offset + 0x10, value: 0, mask: 0xffff))
    default:
      break
    }
    return edits
  }
}
