/// The bytes of one log and the name it goes by in messages.
package struct LogFile: Sendable {
  package let path: String
  package let bytes: [UInt8]

  package init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
  }
}

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

/// A line's text as it is compared and shown: no time stamp, and one blank for any white space.
enum LineText {
  /// Appends `text` with its white space collapsed.
  static func appendCollapsed(_ text: Range<Int>, of bytes: Span<UInt8>, to output: inout [UInt8]) {
    output.append(addingCapacity: text.count) { output in
      var pendingBlank = false
      for index in text {
        let byte = bytes[index]
        if LineScanner.isBlank(byte) {
          pendingBlank = true
        } else {
          if pendingBlank { output.append(0x20) }
          pendingBlank = false
          output.append(byte)
        }
      }
    }
  }
}
