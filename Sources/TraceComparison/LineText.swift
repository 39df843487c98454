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
