/// A copy of a function's config space with, for each bit, whether we answer it and whether a guest
/// may change it.
///
/// Little endian. An access at any offset and of any length is safe: bytes outside read as ones and
/// take no writes.
package struct ConfigImage: Sendable {
  /// The contents as the guest would see them if every bit were ours.
  package private(set) var values: [UInt8]
  /// Bits that are answered from `values`; the others come from the host device.
  package private(set) var emulated: [UInt8]
  /// Bits of `values` that a guest's write changes.
  package private(set) var writable: [UInt8]

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
  }

  // MARK: - Guest accesses

  /// The copy's value of 1, 2 or 4 bytes.
  package func read(offset: Int, length: Int) -> UInt32 { Self.word(values, offset, length) }

  /// Our bits from the copy, the others from `host`.
  package func mergedRead(offset: Int, length: Int, host: UInt32) -> UInt32 {
    let mask = Self.word(emulated, offset, length)
    return read(offset: offset, length: length) & mask | host & ~mask
  }

  /// Whether every bit of an access is answered from the copy.
  package func isFullyEmulated(offset: Int, length: Int) -> Bool {
    for index in 0..<max(0, length) {
      guard let byte = Self.byte(emulated, offset, index) else { continue }
      if byte != 0xff { return false }
    }
    return true
  }

  /// Changes the bits of the copy that a guest may change.
  package mutating func write(offset: Int, length: Int, value: UInt32) {
    for index in 0..<min(max(0, length), 4) {
      let (place, overflow) = offset.addingReportingOverflow(index)
      guard !overflow, values.indices.contains(place) else { continue }
      let new = UInt8(truncatingIfNeeded: value >> UInt32(8 * index))
      let mask = writable[place]
      values[place] = values[place] & ~mask | new & mask
    }
  }

  // MARK: - Set-up

  /// One byte of the copy, 0xff outside.
  package func byte(at offset: Int) -> UInt8 { Self.byte(values, offset, 0) ?? 0xff }

  /// Sets a number in the copy, whatever the guest may do.
  package mutating func set<Value: FixedWidthInteger>(_ offset: Int, _ value: Value) {
    Self.forEachByte(of: value, at: offset, in: values.indices) { place, byte in
      values[place] = byte
    }
  }

  /// Makes bits ours.
  package mutating func emulate<Value: FixedWidthInteger>(_ offset: Int, mask: Value) {
    Self.forEachByte(of: mask, at: offset, in: values.indices) { place, byte in
      emulated[place] |= byte
    }
  }

  /// Makes whole bytes ours.
  package mutating func emulate(_ offset: Int, count: Int) {
    for place in offset..<offset + max(0, count) where emulated.indices.contains(place) {
      emulated[place] = 0xff
    }
  }

  /// Lets the guest change bits of the copy.
  package mutating func makeWritable<Value: FixedWidthInteger>(_ offset: Int, mask: Value) {
    Self.forEachByte(of: mask, at: offset, in: values.indices) { place, byte in
      writable[place] |= byte
    }
  }

  /// Lets the guest change the command bits that decide about mappings and interrupts, the cache
  /// line size and the interrupt line.
  package mutating func makeCommandWritable() {
    makeWritable(0x04, mask: UInt16(0x0507))
    makeWritable(0x0c, mask: UInt8(0xff))
    makeWritable(0x3c, mask: UInt8(0xff))
  }

  /// Clears what a bus reset clears: command, status, cache line size, interrupt line, BAR addresses.
  package mutating func resetForBusReset() {
    set(0x04, read(offset: 0x04, length: 2) & ~Self.word(writable, 0x04, 2))
    for offset in [0x0c, 0x3c] { set(offset, UInt8(0)) }
    for offset in stride(from: 0x10, to: 0x28, by: 4) {
      set(offset, read(offset: offset, length: 4) & ~Self.word(writable, offset, 4))
    }
    set(0x30, read(offset: 0x30, length: 4) & ~Self.word(writable, 0x30, 4))
  }

  // MARK: - Bytes

  private static func byte(_ bytes: [UInt8], _ offset: Int, _ index: Int) -> UInt8? {
    let (place, overflow) = offset.addingReportingOverflow(index)
    guard !overflow, bytes.indices.contains(place) else { return nil }
    return bytes[place]
  }

  private static func word(_ bytes: [UInt8], _ offset: Int, _ length: Int) -> UInt32 {
    var value: UInt32 = 0
    for index in 0..<min(max(0, length), 4) {
      value |= UInt32(byte(bytes, offset, index) ?? 0xff) << UInt32(8 * index)
    }
    return value
  }

  private static func forEachByte<Value: FixedWidthInteger>(
    of value: Value, at offset: Int, in range: Range<Int>, _ body: (Int, UInt8) -> Void
  ) {
    for index in 0..<Value.bitWidth / 8 {
      let (place, overflow) = offset.addingReportingOverflow(index)
      guard !overflow, range.contains(place) else { continue }
      body(place, UInt8(truncatingIfNeeded: value >> Value(8 * index)))
    }
  }
}
