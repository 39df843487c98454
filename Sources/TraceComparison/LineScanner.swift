/// Finds the parts of one line of a log: time stamp, event name, arguments. All positions are byte offsets.
package enum LineScanner {
  /// Whether `byte` is a blank, tab, carriage return or line end.
  @inline(__always)
  static func isBlank(_ byte: UInt8) -> Bool {
    byte == 0x20 || (byte >= 0x09 && byte <= 0x0d)
  }

  /// Whether `byte` may stand in an event name.
  @inline(__always)
  static func isNameByte(_ byte: UInt8) -> Bool {
    let letter = byte | 0x20
    return (letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z"))
      || isDigit(byte) || byte == UInt8(ascii: "_")
  }

  @inline(__always)
  static func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  @inline(__always)
  static func isHexDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "f"))
  }

  /// The text of a line: blanks at both ends and a time stamp in front are left out.
  package static func text(of line: Range<Int>, in bytes: Span<UInt8>) -> Range<Int> {
    var start = skipBlanks(line, in: bytes)
    var end = line.upperBound
    while end > start, isBlank(bytes[end - 1]) {
      end -= 1
    }
    let afterStamp = skipStamp(start..<end, in: bytes)
    if afterStamp != start {
      start = skipBlanks(afterStamp..<end, in: bytes)
    }
    return start..<end
  }

  /// Where the event name that starts `text` ends; nil when the line is no trace event. An event name holds
  /// an underscore and is followed by a blank or by the end of the line.
  package static func nameEnd(of text: Range<Int>, in bytes: Span<UInt8>) -> Int? {
    guard let first = text.first, !isDigit(bytes[first]) else { return nil }
    var end = first
    var hasUnderscore = false
    while end < text.upperBound, isNameByte(bytes[end]) {
      hasUnderscore = hasUnderscore || bytes[end] == UInt8(ascii: "_")
      end += 1
    }
    guard hasUnderscore, end == text.upperBound || isBlank(bytes[end]) else { return nil }
    return end
  }

  /// Whether `text` is `......`, which stands for lines that the log leaves out.
  package static func isGap(_ text: Range<Int>, in bytes: Span<UInt8>) -> Bool {
    text.count == 6 && text.allSatisfy { bytes[$0] == UInt8(ascii: ".") }
  }

  private static func skipBlanks(_ range: Range<Int>, in bytes: Span<UInt8>) -> Int {
    var position = range.lowerBound
    while position < range.upperBound, isBlank(bytes[position]) {
      position += 1
    }
    return position
  }

  /// The position behind a time stamp: `2026-11-21T02:48:24.424463Z` of `-msg timestamp=on`, or the old
  /// `1234@1680500000.123456:`. Without one, the start of `range`.
  private static func skipStamp(_ range: Range<Int>, in bytes: Span<UInt8>) -> Int {
    let start = range.lowerBound
    guard start < range.upperBound, isDigit(bytes[start]) else { return start }
    return skipISOStamp(range, in: bytes) ?? skipThreadStamp(range, in: bytes) ?? start
  }

  private static func skipISOStamp(_ range: Range<Int>, in bytes: Span<UInt8>) -> Int? {
    let shape = "0000-00-00T00:00:00".utf8
    guard range.count > shape.count else { return nil }
    var position = range.lowerBound
    for expected in shape {
      let byte = bytes[position]
      guard expected == UInt8(ascii: "0") ? isDigit(byte) : byte == expected else { return nil }
      position += 1
    }
    if bytes[position] == UInt8(ascii: ".") {
      position = skipDigits(position + 1..<range.upperBound, in: bytes)
    }
    guard position < range.upperBound, bytes[position] == UInt8(ascii: "Z") else { return nil }
    return position + 1
  }

  private static func skipThreadStamp(_ range: Range<Int>, in bytes: Span<UInt8>) -> Int? {
    var position = skipDigits(range, in: bytes)
    for separator in [UInt8(ascii: "@"), UInt8(ascii: ".")] {
      guard position < range.upperBound, bytes[position] == separator else { return nil }
      let digits = position + 1
      position = skipDigits(digits..<range.upperBound, in: bytes)
      guard position > digits else { return nil }
    }
    guard position < range.upperBound, bytes[position] == UInt8(ascii: ":") else { return nil }
    return position + 1
  }

  private static func skipDigits(_ range: Range<Int>, in bytes: Span<UInt8>) -> Int {
    var position = range.lowerBound
    while position < range.upperBound, isDigit(bytes[position]) {
      position += 1
    }
    return position
  }
}
