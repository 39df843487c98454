extension MSICapability {
  /// Whether the guest has turned MSI on.
  package func isEnabled(in image: ConfigImage) -> Bool {
    image.byte(at: offset + 2) & UInt8(truncatingIfNeeded: Self.enable) != 0
  }

  /// How many vectors the guest has enabled, never more than there are.
  package func enabledCount(in image: ConfigImage) -> Int {
    min(vectorCount, 1 << Int(image.byte(at: offset + 2) >> 4 & 7))
  }

  /// Where the function writes to.
  package func address(in image: ConfigImage) -> UInt64 {
    let low = UInt64(image.dword(at: offset + 4))
    return is64Bit ? low | UInt64(image.dword(at: offset + 8)) << 32 : low
  }

  /// What the function writes for a vector: the vector's number stands in the lowest bits, as many as
  /// the enabled vectors need.
  package func data(of vector: Int, in image: ConfigImage) -> UInt32 {
    let mask = UInt32(enabledCount(in: image) - 1)
    let data = image.read(offset: dataOffset, length: 2)
    return data & ~mask | UInt32(truncatingIfNeeded: vector) & mask
  }

  /// Whether the guest has masked a vector; never without mask bits.
  package func isMasked(_ vector: Int, in image: ConfigImage) -> Bool {
    hasUsableMasks && Self.isSet(vector, image.dword(at: dataOffset + 4))
  }

  /// Whether a vector waits for its mask bit to be cleared.
  package func isPending(_ vector: Int, in image: ConfigImage) -> Bool {
    hasUsableMasks && Self.isSet(vector, image.dword(at: dataOffset + 8))
  }

  /// Notes that a vector waits, or that it does no longer; nothing happens without mask bits.
  package func setPending(_ vector: Int, _ isPending: Bool, in image: inout ConfigImage) {
    guard hasUsableMasks, (0..<vectorCount).contains(vector) else { return }
    let pending = image.dword(at: dataOffset + 8)
    let bit = UInt32(1) << UInt32(vector)
    image.set(dataOffset + 8, isPending ? pending | bit : pending & ~bit)
  }

  /// Puts right what a guest may have written wrongly while MSI is on: more vectors than there are,
  /// and pending bits of vectors that are not enabled.
  package func settle(in image: inout ConfigImage) {
    let count = enabledCount(in: image)
    let field = UInt8(count.trailingZeroBitCount) << 4
    let kept = image.byte(at: offset + 2) & ~UInt8(truncatingIfNeeded: Self.enabledCountMask)
    image.set(offset + 2, kept | field)
    guard hasUsableMasks else { return }
    let pending = image.dword(at: dataOffset + 8)
    image.set(dataOffset + 8, pending & UInt32.max >> UInt32(32 - count))
  }

  private static func isSet(_ vector: Int, _ bits: UInt32) -> Bool {
    (0..<32).contains(vector) && bits >> UInt32(vector) & 1 != 0
  }
}
