/// The PCI Express capability of a function (PCIe 6.0, 7.5.3).
package struct PCIeCapability: Equatable, Sendable {
  package let offset: Int
  /// Bytes up to the next higher capability.
  package let length: Int
  /// Device/port type, bits 7:4 of the capabilities register.
  package let type: UInt8
  /// Bits 3:0 of the capabilities register.
  package let version: UInt8
  /// Function level reset, bit 28 of the device capabilities.
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

  // Registers, as offsets in the capability.
  private static let flags = 0x02
  private static let linkCapabilities = 0x0c
  private static let linkControl = 0x10
  private static let linkCapabilities2 = 0x2c
  private static let linkControl2 = 0x30

  /// Decodes the capability at an offset of the host's bytes, its chain not yet changed.
  package init(in image: ConfigImage, at offset: Int) {
    self.offset = offset
    length = image.capabilitySpan(at: offset)
    let flags = image.read(offset: offset + Self.flags, length: 2)
    type = UInt8(flags >> 4 & 0xf)
    version = UInt8(flags & 0xf)
    hasFLR = image.dword(at: offset + 4) & 1 << 28 != 0
  }

  /// Whether the function is of a kind that can be assigned: endpoint, legacy endpoint or root complex
  /// integrated endpoint.
  package var isEndpoint: Bool {
    type == Self.endpoint || type == Self.legacyEndpoint || type == Self.integratedEndpoint
  }

  /// Whether the guest sees the capability at this place at all.
  package func isShown(_ placement: Placement) -> Bool {
    switch placement {
    case .rootComplex: type != Self.legacyEndpoint
    case .behindPort: true
    }
  }

  /// What of the capability is rewritten for the place: an endpoint on the root complex becomes an
  /// integrated one without link registers; the other way round it gets a link of one lane at
  /// 2.5 GT/s. Version 0, which some 82599 virtual functions report by mistake, becomes 1.
  ///
  /// Empty where the capability is not shown. Link registers that would lie in the next capability
  /// are left alone.
  package func edits(for placement: Placement) -> [ConfigEdit] {
    guard isShown(placement) else { return [] }
    var edits: [ConfigEdit] = []
    switch placement {
    case .rootComplex where type == Self.endpoint:
      edits.append(typeEdit(Self.integratedEndpoint))
      if length > Self.linkControl {
        edits.append(zeroed(Self.linkCapabilities))
        edits.append(zeroed(Self.linkControl))
        edits.append(zeroed(Self.linkCapabilities2))
        edits.append(zeroed(Self.linkControl2))
      }
    case .behindPort where type == Self.integratedEndpoint:
      edits.append(typeEdit(Self.endpoint))
      edits.append(ConfigEdit(offset: offset + Self.linkCapabilities, value: 0x11, mask: .max))
      edits.append(ConfigEdit(offset: offset + Self.linkControl, value: 0, mask: 0xffff))
    default:
      break
    }
    if version == 0 { edits.append(ConfigEdit(offset: offset + Self.flags, value: 1, mask: 0xf)) }
    return edits.map { $0.clipped(to: offset + length) }.filter { $0.mask != 0 }
  }

  private func typeEdit(_ type: UInt8) -> ConfigEdit {
    ConfigEdit(offset: offset + Self.flags, value: UInt32(type) << 4, mask: 0xf0)
  }

  /// A register and the one that shares its dword, if any, zeroed and ours.
  private func zeroed(_ register: Int) -> ConfigEdit {
    ConfigEdit(offset: offset + register, value: 0, mask: .max)
  }
}
