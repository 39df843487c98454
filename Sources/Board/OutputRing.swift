/// Output on its way to a slow reader: a fixed number of bytes, first in, first out.
struct OutputRing {
  /// How much is kept, in bytes; a power of two.
  static let capacity = 64 << 10

  private var bytes = [UInt8](repeating: 0, count: Self.capacity)
  private var head = 0
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  /// Adds a byte; false when there is no room.
  mutating func append(_ byte: UInt8) -> Bool {
    guard count < Self.capacity else { return false }
    bytes[(head &+ count) & (Self.capacity - 1)] = byte
    count &+= 1
    return true
  }

  /// The oldest bytes as far as they lie side by side.
  var firstRun: ArraySlice<UInt8> { bytes[head..<min(Self.capacity, head + count)] }

  /// Forgets the oldest bytes.
  mutating func removeFirst(_ number: Int) {
    let number = max(0, min(number, count))
    head = (head + number) & (Self.capacity - 1)
    count -= number
  }

  mutating func removeAll() { removeFirst(count) }
}
