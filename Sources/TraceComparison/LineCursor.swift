/// Walks through the lines of a range of bytes; a last line need not end in a line feed.
struct LineCursor {
  private(set) var position: Int
  private let end: Int

  init(_ range: Range<Int>) {
    position = range.lowerBound
    end = range.upperBound
  }

  /// The next line without its line feed; nil at the end.
  @inline(__always)
  mutating func next(in bytes: Span<UInt8>) -> Range<Int>? {
    guard position < end else { return nil }
    let start = position
    var index = start
    while index < end, bytes[index] != UInt8(ascii: "\n") {
      index += 1
    }
    position = index + 1
    return start..<index
  }
}
