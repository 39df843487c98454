/// The PASID extended capability (PCIe 6.0, 7.8.9) that is made for a function whose own the kernel
/// hides.
///
/// Two words follow the header: capabilities at 4, read-only, and control at 6, which is the guest's.
package struct PASIDCapability: Equatable, Sendable {
  /// Width of a PASID in bits, 1 to 20.
  package let width: Int
  /// Requests may ask to execute.
  package let exec: Bool
  /// Requests may ask for privilege.
  package let privileged: Bool

  /// Bytes, header included.
  package static let length = 8

  /// Nil when PCI has no such width.
  package init?(width: Int, exec: Bool, privileged: Bool) {
    guard 1...20 ~= width else { return nil }
    self.width = width
    self.exec = exec
    self.privileged = privileged
  }

  /// The capability word, at 4.
  package var capabilities: UInt16 {
    UInt16(width) << 8 | (exec ? 2 : 0) | (privileged ? 4 : 0)
  }

  /// Bits of the control word, at 6, that a guest can set: enable, and what is offered.
  package var controlMask: UInt16 { 1 | capabilities & 6 }

  /// Offset of the control word in the capability.
  package static let controlOffset = 6

  /// Puts the control word into the state after a reset: not enabled. Only what is the guest's in the
  /// copy changes.
  package static func clearControl(at offset: Int, in image: inout ConfigImage) {
    image.clearChangeable(offset + controlOffset, count: 2)
  }

  /// What puts the capability into a copy of config space and into its chain.
  ///
  /// - Parameters:
  ///   - image: The copy, its chain as the guest sees it.
  ///   - host: The host's bytes, before anything in them was changed.
  package func plan(
    at place: ExtendedCapabilityPlacement.Place, in image: ConfigImage, host: [UInt8]
  ) throws(ExtendedCapabilityPlacement.Refusal) -> (offset: Int, edits: [ConfigEdit]) {
    let placement = try ExtendedCapabilityPlacement(
      of: .pasid, version: 1, length: Self.length, at: place, in: image, host: host)
    let registers = ConfigEdit(
      offset: placement.offset + 4, value: UInt32(capabilities), mask: .max,
      writable: UInt32(controlMask) << 16)
    return (placement.offset, placement.edits + [registers])
  }
}
