/// A copy of a function's config space with, for each bit, whether we answer it and what a guest's
/// write does to it.
///
/// Little endian. An access at any offset and of any length is safe: bytes outside read as ones and
/// take no writes. Guest accesses change bytes in place and allocate nothing.
package struct ConfigImage: Sendable {
  /// The contents as the guest would see them if every bit were ours.
  package private(set) var values: [UInt8]
  /// Bits that are answered from `values`; the others come from the host device.
  package private(set) var emulated: [UInt8]
  /// Bits of `values` that a guest's write changes.
  package private(set) var writable: [UInt8]
  /// Bits of `values` that a guest clears by writing 1.
  package private(set) var clearOnWrite: [UInt8]

  /// 256 or 4096 bytes.
  package var size: Int { values.count }

  /// Takes over the host's bytes, 256 for a conventional function or 4096 for an express one; more
  /// than 256 are filled up to 4096. Nil when there are fewer than 256.
  package init?(hostBytes: [UInt8]) {
    guard hostBytes.count >= 256 else { return nil }
    let size = hostBytes.count == 256 ? 256 : 4096
    values = Array(hostBytes.prefix(size))
    values += [UInt8](repeating: 0, count: size - values.count)
    emulated = [UInt8](repeating: 0, count: size)
    writable = [UInt8](repeating: 0, count: size)
    clearOnWrite = [UInt8](repeating: 0, count: size)
  }

  /// 4096 zeros, all ours: the config space of an express function that has no device behind it.
  package init() {
    values = [UInt8](repeating: 0, count: 4096)
    emulated = [UInt8](repeating: 0xff, count: 4096)
    writable = [UInt8](repeating: 0, count: 4096)
    clearOnWrite = [UInt8](repeating: 0, count: 4096)
  }

  // MARK: - Guest accesses

  /// The copy's value of 1, 2 or 4 bytes.
  package func read(offset: Int, length: Int) -> UInt32 { Self.word(values, offset, length) }

  /// Our bits from the copy, the others from `host`.
  package func mergedRead(offset: Int, length: Int, host: UInt32) -> UInt32 {
    let mask = Self.word(emulated, offset, length)
    return read(offset: offset, length: length) & mask | host & ~mask & Self.ones(length)
  }

  /// Whether every bit of an access is answered from the copy, as bytes outside of it are.
  package func isFullyEmulated(offset: Int, length: Int) -> Bool {
    Self.word(emulated, offset, length) == Self.ones(length)
  }

  /// Changes the bits of the copy that a guest may change, then clears those that it clears by
  /// writing 1.
  package mutating func write(offset: Int, length: Int, value: UInt32) {
    for index in 0..<Self.count(length) {
      let place = offset &+ index
      guard values.indices.contains(place) else { continue }
      let new = UInt8(truncatingIfNeeded: value >> UInt32(8 * index))
      let mask = writable[place]
      values[place] = (values[place] & ~mask | new & mask) & ~(new & clearOnWrite[place])
    }
  }

  // MARK: - Set-up

  /// One byte of the copy, 0xff outside.
  package func byte(at offset: Int) -> UInt8 {
    values.indices.contains(offset) ? values[offset] : 0xff
  }

  /// Sets 1, 2 or 4 bytes of the copy, whatever the guest may do.
  package mutating func set<Value>(_ offset: Int, _ value: Value)
  where Value: FixedWidthInteger & UnsignedInteger {
    forEachByte(of: value, at: offset) { image, place, byte in image.values[place] = byte }
  }

  /// Makes bits ours.
  package mutating func emulate<Value>(_ offset: Int, mask: Value)
  where Value: FixedWidthInteger & UnsignedInteger {
    forEachByte(of: mask, at: offset) { image, place, byte in image.emulated[place] |= byte }
  }

  /// Makes whole bytes ours.
  package mutating func emulate(_ offset: Int, count: Int) {
    for index in 0..<min(max(0, count), size) where values.indices.contains(offset &+ index) {
      emulated[offset &+ index] = 0xff
    }
  }

  /// Lets the guest change bits of the copy.
  package mutating func makeWritable<Value>(_ offset: Int, mask: Value)
  where Value: FixedWidthInteger & UnsignedInteger {
    forEachByte(of: mask, at: offset) { image, place, byte in image.writable[place] |= byte }
  }

  /// Lets the guest clear bits of the copy by writing 1.
  package mutating func makeClearOnWrite<Value>(_ offset: Int, mask: Value)
  where Value: FixedWidthInteger & UnsignedInteger {
    forEachByte(of: mask, at: offset) { image, place, byte in image.clearOnWrite[place] |= byte }
  }

  /// Takes the guest's ways to change bits of the copy away.
  package mutating func makeReadOnly<Value>(_ offset: Int, mask: Value)
  where Value: FixedWidthInteger & UnsignedInteger {
    forEachByte(of: mask, at: offset) { image, place, byte in
      image.writable[place] &= ~byte
      image.clearOnWrite[place] &= ~byte
    }
  }

  /// Lets the guest change the command bits that decide about mappings and interrupts, the cache
  /// line size and the interrupt line, and clear the error bits of the status register.
  package mutating func makeCommandWritable() {
    makeWritable(PCIRegister.command, mask: UInt16(0x0507))
    makeClearOnWrite(PCIRegister.status, mask: UInt16(0xf900))
    makeWritable(PCIRegister.cacheLine, mask: UInt8(0xff))
    makeWritable(PCIRegister.interruptLine, mask: UInt8(0xff))
  }

  // MARK: - Bytes

  /// How many bytes an access has: 0 to 4, whatever was asked.
  private static func count(_ length: Int) -> Int { min(max(0, length), 4) }

  /// All bits of an access.
  private static func ones(_ length: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: (UInt64(1) << UInt64(8 * count(length))) - 1)
  }

  private static func word(_ bytes: [UInt8], _ offset: Int, _ length: Int) -> UInt32 {
    var value: UInt32 = 0
    for index in 0..<count(length) {
      let place = offset &+ index
      let byte = bytes.indices.contains(place) ? bytes[place] : 0xff
      value |= UInt32(byte) << UInt32(8 * index)
    }
    return value
  }

  /// Takes over a byte with all that is known of it; nothing happens outside the copy.
  mutating func restore(_ byte: ConfigPatch.Byte) {
    guard values.indices.contains(byte.offset) else { return }
    values[byte.offset] = byte.value
    emulated[byte.offset] = byte.emulated
    writable[byte.offset] = byte.writable
    clearOnWrite[byte.offset] = byte.clearOnWrite
  }

  private mutating func forEachByte<Value: FixedWidthInteger>(
    of value: Value, at offset: Int, _ body: (inout ConfigImage, Int, UInt8) -> Void
  ) {
    for index in 0..<Value.bitWidth / 8 {
      let place = offset &+ index
      guard values.indices.contains(place) else { continue }
      body(&self, place, UInt8(truncatingIfNeeded: value >> Value(8 * index)))
    }
  }
}
