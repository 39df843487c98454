/// The 256 bytes of configuration space of one of the board's own functions, each with the bits that
/// a guest may change.
struct ConfigRegisters {
  private var bytes = InlineArray<256, UInt8>(repeating: 0)
  private var writable = InlineArray<256, UInt8>(repeating: 0)

  /// The header fields by which software identifies a function; class and subclass in one number.
  init(vendor: UInt16, device: UInt16, revision: UInt8, classCode: UInt16, headerType: UInt8) {
    set(0x00, length: 4, to: UInt32(vendor) | UInt32(device) << 16)
    set(0x08, length: 4, to: UInt32(revision) | UInt32(classCode) << 16)
    set(0x0e, length: 1, to: UInt32(headerType))
    // The subsystem numbers that QEMU gives to functions of its own.
    set(0x2c, length: 4, to: 0x1100_1af4)
  }

  /// Says which bits of 1 to 4 bytes a guest may change.
  mutating func allow(_ bits: UInt32, at offset: Int, length: Int) {
    for index in Self.indices(offset, length) {
      writable[index] = UInt8(truncatingIfNeeded: bits >> Self.shift(index, offset))
    }
  }

  /// Lets a guest keep values in command, cache line size and interrupt line, as every function of QEMU
  /// does; they do nothing here.
  mutating func allowCommand() {
    allow(0x0507, at: 0x04, length: 2)
    allow(0xff, at: 0x0c, length: 1)
    allow(0xff, at: 0x3c, length: 1)
  }

  /// Changes 1 to 4 bytes, whatever a guest may do.
  mutating func set(_ offset: Int, length: Int, to value: UInt32) {
    for index in Self.indices(offset, length) {
      bytes[index] = UInt8(truncatingIfNeeded: value >> Self.shift(index, offset))
    }
  }

  /// Changes the bits of 1 to 4 bytes that a guest may change.
  mutating func write(_ offset: Int, length: Int, value: UInt32) {
    for index in Self.indices(offset, length) {
      let byte = UInt8(truncatingIfNeeded: value >> Self.shift(index, offset))
      bytes[index] = bytes[index] & ~writable[index] | byte & writable[index]
    }
  }

  /// Reads 1 to 4 bytes; those beyond the end are ones.
  func read(_ offset: Int, length: Int) -> UInt32 {
    var value = UInt32.max
    for index in Self.indices(offset, length) {
      let shift = Self.shift(index, offset)
      value = value & ~(0xff << shift) | UInt32(bytes[index]) << shift
    }
    return length < 4 ? value & (1 << UInt32(8 * max(0, length)) - 1) : value
  }

  /// The bytes of an access that exist.
  private static func indices(_ offset: Int, _ length: Int) -> Range<Int> {
    let start = offset < 0 ? 256 : min(offset, 256)
    return start..<min(256, start + min(4, max(0, length)))
  }

  /// Where a byte is in the value of an access, in bits.
  private static func shift(_ index: Int, _ offset: Int) -> UInt32 {
    UInt32(8 * (index - max(0, offset)))
  }
}
