/// One change that set-up makes to up to four bytes of a copy of config space.
package struct ConfigEdit: Equatable, Sendable {
  /// Offset of the lowest byte; need not be aligned.
  package let offset: Int
  package let value: UInt32
  /// Bits of the value that are set, answered from the copy, and no longer a guest's to change.
  package let mask: UInt32
  /// Bits among `mask` that a guest may change nevertheless.
  package let writable: UInt32

  package init(offset: Int, value: UInt32, mask: UInt32, writable: UInt32 = 0) {
    self.offset = offset
    self.value = value & mask
    self.mask = mask
    self.writable = writable & mask
  }

  /// The same change without the bytes at `end` and after it.
  package func clipped(to end: Int) -> ConfigEdit {
    let count = min(max(0, end - offset), 4)
    let kept = UInt32(truncatingIfNeeded: (UInt64(1) << UInt64(8 * count)) - 1)
    return ConfigEdit(offset: offset, value: value, mask: mask & kept, writable: writable)
  }
}

extension ConfigImage {
  /// Makes a change; bytes outside the copy are left out.
  package mutating func apply(_ edit: ConfigEdit) {
    for index in 0..<4 {
      let place = edit.offset &+ index
      let shift = UInt32(8 * index)
      let mask = UInt8(truncatingIfNeeded: edit.mask >> shift)
      guard mask != 0 else { continue }
      let value = UInt8(truncatingIfNeeded: edit.value >> shift)
      set(place, byte(at: place) & ~mask | value)
      emulate(place, mask: mask)
      makeReadOnly(place, mask: mask)
      makeWritable(place, mask: UInt8(truncatingIfNeeded: edit.writable >> shift))
    }
  }

  /// Makes several changes in their order.
  package mutating func apply(_ edits: [ConfigEdit]) {
    for edit in edits { apply(edit) }
  }
}
