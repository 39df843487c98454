/// The MSI capability of a function (PCI 3.0, 6.8.1).
package struct MSICapability: Equatable, Sendable {
  package let offset: Int
  package let is64Bit: Bool
  /// Whether there are mask and pending bits.
  package let hasMasks: Bool
  /// Vectors that the function can use, a power of two up to 32.
  package let vectorCount: Int
  /// Whether the mask and pending bits are there and reach into no other capability.
  let hasUsableMasks: Bool

  // Fields of the control register.
  static let enable: UInt32 = 0x1
  static let enabledCountMask: UInt32 = 0x70
  private static let is64BitFlag: UInt32 = 0x80
  private static let hasMasksFlag: UInt32 = 0x100

  /// Decodes the shape from the control register in a copy of config space.
  package init(in image: ConfigImage, at offset: Int) {
    self.offset = offset
    let control = image.read(offset: offset + 2, length: 2)
    is64Bit = control & Self.is64BitFlag != 0
    hasMasks = control & Self.hasMasksFlag != 0
    vectorCount = 1 << min(5, Int(control >> 1 & 7))
    let length = Self.length(hasMasks: hasMasks, is64Bit: is64Bit)
    hasUsableMasks = hasMasks && image.capabilitySpan(at: offset) >= length
  }

  /// Length in bytes as QEMU emulates it.
  package var length: Int { Self.length(hasMasks: hasMasks, is64Bit: is64Bit) }

  private static func length(hasMasks: Bool, is64Bit: Bool) -> Int {
    0xa + (hasMasks ? 0xa : 0) + (is64Bit ? 4 : 0)
  }

  /// Offset of the 16-bit message data.
  var dataOffset: Int { offset + (is64Bit ? 0xc : 8) }

  /// Makes the capability ours, disabled and with nothing programmed, and lets the guest write what
  /// it may; bytes of the next capability are left alone.
  package func emulate(in image: inout ConfigImage) {
    let span = min(length, image.capabilitySpan(at: offset))
    image.emulate(offset, count: span)
    let countField = UInt32(vectorCount.trailingZeroBitCount) << 1
    let control =
      countField | (is64Bit ? Self.is64BitFlag : 0) | (hasMasks ? Self.hasMasksFlag : 0)
    var edits = [
      ConfigEdit(
        offset: offset + 2, value: control, mask: 0xffff,
        writable: Self.enable | Self.enabledCountMask),
      ConfigEdit(offset: offset + 4, value: 0, mask: .max, writable: ~3),
    ]
    if is64Bit {
      edits.append(ConfigEdit(offset: offset + 8, value: 0, mask: .max, writable: .max))
    }
    edits.append(
      ConfigEdit(
        offset: dataOffset, value: 0, mask: hasMasks ? .max : 0xffff, writable: 0xffff))
    if hasMasks {
      let vectors = UInt32.max >> UInt32(32 - vectorCount)
      edits.append(
        ConfigEdit(offset: dataOffset + 4, value: 0, mask: .max, writable: vectors))
      edits.append(ConfigEdit(offset: dataOffset + 8, value: 0, mask: .max))
    }
    image.apply(edits.map { $0.clipped(to: offset + span) })
  }

  /// Clears the pending bits as far as they are ours; bytes of the next capability are left alone.
  func clearPending(in image: inout ConfigImage) {
    guard hasMasks else { return }
    let start = dataOffset + 8
    let end = min(start + 4, offset + image.capabilitySpan(at: offset))
    for place in start..<max(start, end) {
      image.set(place, image.byte(at: place) & ~image.emulated[place])
    }
  }
}
