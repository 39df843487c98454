/// An MSI-X table of one vector with its pending bit (PCI 3.0, 6.8.2).
///
/// Pure: says what message is to be sent, and when.
package struct MSIXVector: Equatable, Sendable {
  /// Address, upper address, data, vector control.
  private var entry = InlineArray<4, UInt32>(repeating: 0)
  package private(set) var isPending = false

  package init() { reset() }

  package static func == (left: MSIXVector, right: MSIXVector) -> Bool {
    left.isPending == right.isPending && (0..<4).allSatisfy { left.entry[$0] == right.entry[$0] }
  }

  /// The vector's own mask bit.
  package var isMasked: Bool { entry[3] & 1 != 0 }

  /// The message as programmed.
  package var message: (address: UInt64, data: UInt32) {
    (UInt64(entry[1]) << 32 | UInt64(entry[0] & ~3), entry[2])
  }

  /// Empties the table and masks the vector.
  package mutating func reset() {
    entry = InlineArray(repeating: 0)
    entry[3] = 1
    isPending = false
  }

  /// Reads 1, 2, 4 or 8 bytes of the table; zeros after its end.
  package func read(offset: UInt64, size: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<UInt64(min(max(size, 0), 8)) {
      let place = offset &+ index
      guard place < 16 else { break }
      value |= UInt64(entry[Int(place / 4)] >> UInt32(8 * (place & 3)) & 0xff) << (8 * index)
    }
    return value
  }

  /// Writes 1, 2, 4 or 8 bytes of the table; those after its end are lost.
  package mutating func write(offset: UInt64, size: Int, value: UInt64) {
    for index in 0..<UInt64(min(max(size, 0), 8)) {
      let place = offset &+ index
      guard place < 16 else { break }
      let shift = UInt32(8 * (place & 3))
      let byte = UInt32(value >> (8 * index) & 0xff) << shift
      entry[Int(place / 4)] = entry[Int(place / 4)] & ~(0xff << shift) | byte
    }
  }

  /// Notes that the vector is to be signalled; true when the message goes out now. `isFunctionMasked`
  /// is the function mask of the capability.
  package mutating func signal(isFunctionMasked: Bool) -> Bool {
    isPending = true
    return release(isFunctionMasked: isFunctionMasked)
  }

  /// Whether a message that waited goes out now, after a mask was changed.
  package mutating func release(isFunctionMasked: Bool) -> Bool {
    guard isPending, !isMasked, !isFunctionMasked else { return false }
    isPending = false
    return true
  }
}
