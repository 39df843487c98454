/// Little-endian numbers in bytes; bytes past the end are 0.
enum LittleEndian {
  static func uint32(_ bytes: [UInt8], at offset: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: number(bytes, at: offset, count: 4))
  }

  static func uint64(_ bytes: [UInt8], at offset: Int) -> UInt64 {
    number(bytes, at: offset, count: 8)
  }

  private static func number(_ bytes: [UInt8], at offset: Int, count: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<count where bytes.indices.contains(offset &+ index) {
      value |= UInt64(bytes[offset &+ index]) << UInt64(8 * index)
    }
    return value
  }

  /// Adds the lowest bytes of a number.
  static func append(_ value: UInt64, count: Int, to bytes: inout [UInt8]) {
    for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
  }
}
