extension [UInt8] {
  /// Appends the bytes of an integer, the lowest first.
  mutating func append(little value: some FixedWidthInteger & UnsignedInteger) {
    var rest = value
    for _ in 0..<(value.bitWidth / 8) {
      append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }

  /// Changes the bytes from `offset` to those of an integer, the lowest first; all must exist.
  mutating func store(little value: some FixedWidthInteger & UnsignedInteger, at offset: Int) {
    var rest = value
    for index in offset..<(offset + value.bitWidth / 8) {
      self[index] = UInt8(truncatingIfNeeded: rest)
      rest >>= 8
    }
  }

  /// The integer whose lowest byte is at `offset`; nil when not all of it is there.
  func load<Value: FixedWidthInteger & UnsignedInteger>(_: Value.Type, at offset: Int) -> Value? {
    let length = Value.bitWidth / 8
    guard offset >= 0, length <= count, offset <= count - length else { return nil }
    var value: Value = 0
    for index in (0..<length).reversed() { value = value << 8 | Value(self[offset + index]) }
    return value
  }

  /// Zeros up to the next multiple of `alignment`.
  mutating func pad(to alignment: Int) {
    let rest = count % alignment
    if rest > 0 { append(contentsOf: [UInt8](repeating: 0, count: alignment - rest)) }
  }
}
