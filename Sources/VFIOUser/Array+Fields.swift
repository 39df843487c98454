// The protocol has the byte order of the host; both hosts that Linux guests are assigned functions on
// here are little-endian.
extension [UInt8] {
  /// The unsigned number at an offset; bytes past the end are zero.
  func field<Number: FixedWidthInteger & UnsignedInteger>(
    at offset: Int, as type: Number.Type = Number.self
  ) -> Number {
    var value: Number = 0
    for index in 0..<Number.bitWidth / 8 where indices.contains(offset + index) {
      value |= Number(self[offset + index]) << Number(8 * index)
    }
    return value
  }

  /// Adds the bytes of a number.
  mutating func append<Number: FixedWidthInteger & UnsignedInteger>(field value: Number) {
    for index in 0..<Number.bitWidth / 8 {
      append(UInt8(truncatingIfNeeded: value >> Number(8 * index)))
    }
  }
}
