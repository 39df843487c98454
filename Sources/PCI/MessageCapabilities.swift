/// The MSI capability of a function (PCI 3.0, 6.8.1).
package struct MSICapability: Equatable, Sendable {
  package let offset: Int
  package let is64Bit: Bool
  package let hasMasks: Bool
  /// Vectors that the function can use, a power of two up to 32.
  package let vectorCount: Int

  package init(in image: ConfigImage, at offset: Int) {
    self.offset = offset
    let control = image.read(offset: offset + 2, length: 2)
    is64Bit = control & 1 << 7 != 0
    hasMasks = control & 1 << 8 != 0
    vectorCount = 1 << min(5, Int(control >> 1 & 7))
  }

  /// Length in bytes as QEMU emulates it.
  package var length: Int { 0xa + (hasMasks ? 0xa : 0) + (is64Bit ? 4 : 0) }

  /// Makes the capability ours, disabled, with the fields that a guest writes.
  package func emulate(in image: inout ConfigImage) {
    image.emulate(offset, count: length)
    let control = image.read(offset: offset + 2, length: 2)
    image.set(offset + 2, UInt16(truncatingIfNeeded: control & ~0x71))
    image.makeWritable(offset + 2, mask: UInt16(0x71))
    image.makeWritable(offset + 4, mask: UInt32(0xffff_fffc))
    if is64Bit { image.makeWritable(offset + 8, mask: UInt32.max) }
    let data = offset + (is64Bit ? 0xc : 8)
    image.makeWritable(data, mask: UInt16(0xffff))
    if hasMasks { image.makeWritable(data + 4, mask: UInt32.max >> UInt32(32 - vectorCount)) }
  }
}

/// The MSI-X capability of a function (PCI 3.0, 6.8.2).
package struct MSIXCapability: Equatable, Sendable {
  package let offset: Int

  package init(at offset: Int) { self.offset = offset }

  /// Length in bytes.
  package static let length = 12

  /// Makes the capability ours, disabled; a guest writes enable and function mask.
  package func emulate(in image: inout ConfigImage) {
    image.emulate(offset, count: Self.length)
    image.set(offset + 3, image.byte(at: offset + 3) & 0x3f)
    image.makeWritable(offset + 3, mask: UInt8(0xc0))
  }
}
