/// Splits an access of several bytes for a device that has byte registers.
enum PortBytes {
  /// Reads the register of each byte, lowest offset first.
  static func read(_ offset: UInt64, _ size: Int, _ register: (UInt64) -> UInt8) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<UInt64(max(0, min(8, size))) {
      value |= UInt64(register(offset &+ index)) << (8 * index)
    }
    return value
  }

  /// Writes the register of each byte, lowest offset first.
  static func write(
    _ offset: UInt64, _ size: Int, _ value: UInt64, _ register: (UInt64, UInt8) -> Void
  ) {
    for index in 0..<UInt64(max(0, min(8, size))) {
      register(offset &+ index, UInt8(truncatingIfNeeded: value >> (8 * index)))
    }
  }
}
