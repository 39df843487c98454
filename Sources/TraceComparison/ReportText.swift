/// Text that is handed on in pieces, so that a long report is never held as a whole.
struct ReportText {
  private static let pieceSize = 1 << 16

  private var bytes: [UInt8] = []
  private let sink: (ArraySlice<UInt8>) -> Void

  init(_ sink: @escaping (ArraySlice<UInt8>) -> Void) {
    self.sink = sink
  }

  mutating func append(_ text: String) {
    bytes += text.utf8
    if bytes.count >= Self.pieceSize { flush() }
  }

  mutating func append(_ text: some Sequence<UInt8>) {
    bytes += text
    if bytes.count >= Self.pieceSize { flush() }
  }

  /// Hands on what is left.
  mutating func flush() {
    if !bytes.isEmpty { sink(bytes[...]) }
    bytes.removeAll(keepingCapacity: true)
  }

  /// `text` with everything but printable ASCII as `\xNN`, so that it takes one column a byte and cannot
  /// steer a terminal.
  static func printable(_ text: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    for byte in text {
      if byte >= 0x20 && byte < 0x7f {
        output.append(byte)
      } else {
        let digits = Array("0123456789abcdef".utf8)
        output += [0x5c, 0x78, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return output
  }

  static func plural(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }
}
