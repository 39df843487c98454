/// The resizable BAR extended capability (PCIe 6.0, 7.8.6), which a guest sees with one size only.
package struct ResizableBARCapability: Equatable, Sendable {
  /// One pair of registers.
  private struct Entry: Equatable {
    /// Offset of the capability register in config space; the control register follows.
    let offset: Int
    let control: UInt32
  }

  private let entries: [Entry]

  // Fields of a control register.
  private static let indexMask: UInt32 = 0x7
  private static let countMask: UInt32 = 0xe0
  private static let sizeMask: UInt32 = 0x3f00

  /// Decodes the capability found by a walk over the same bytes.
  package init(in image: ConfigImage, _ capability: CapabilityWalk.ExtendedCapability) {
    let first = image.dword(at: capability.offset + 8)
    let count = Int(first & Self.countMask) >> 5
    let room = max(0, (capability.length - 4) / 8)
    entries = (0..<min(count, room)).map { index in
      let offset = capability.offset + 4 + 8 * index
      return Entry(offset: offset, control: image.dword(at: offset + 4))
    }
  }

  /// What makes each BAR's current size the only one and its control register read-only; nil when a
  /// current size is outside 1 MiB to 512 GiB, which hides the capability.
  package var edits: [ConfigEdit]? {
    var edits: [ConfigEdit] = []
    for entry in entries {
      let size = (entry.control & Self.sizeMask) >> 8
      guard size <= 19 else { return nil }
      edits.append(ConfigEdit(offset: entry.offset, value: 1 << (size + 4), mask: .max))
      let kept = Self.indexMask | Self.countMask | Self.sizeMask
      edits.append(
        ConfigEdit(offset: entry.offset + 4, value: entry.control & kept, mask: .max))
    }
    return edits
  }
}
