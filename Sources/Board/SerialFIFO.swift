/// The 16 bytes of a serial port's queue in one direction.
struct SerialFIFO {
  static let capacity = 16

  private var bytes = InlineArray<16, UInt8>(repeating: 0)
  /// Where the oldest byte is.
  private var head = 0
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  var isFull: Bool { count == Self.capacity }

  /// Adds a byte; a full queue is left as it is.
  mutating func append(_ byte: UInt8) {
    guard !isFull else { return }
    bytes[(head + count) & 15] = byte
    count += 1
  }

  /// Takes the oldest byte.
  mutating func removeFirst() -> UInt8? {
    guard !isEmpty else { return nil }
    defer {
      head = (head + 1) & 15
      count -= 1
    }
    return bytes[head]
  }

  mutating func removeAll() {
    head = 0
    count = 0
  }
}
