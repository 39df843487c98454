/// A file of trace patterns, `-trace events=FILE`.
package enum TracePatternFile {
  /// Reads one pattern a line, in order; empty lines and lines that begin with `#` are left out, and
  /// blanks around a pattern do not count. `name` is the file's, for messages.
  package static func parse(_ text: String, name: String) -> [TraceAction] {
    var actions: [TraceAction] = []
    var number = 0
    for line in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      number += 1
      let pattern = trimmed(Substring(line))
      guard !pattern.isEmpty, !pattern.hasPrefix("#") else { continue }
      actions.append(TraceAction(String(pattern), origin: .file(name, line: number)))
    }
    return actions
  }

  private static func trimmed(_ line: Substring) -> Substring {
    func isBlank(_ byte: UInt8) -> Bool {
      byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }
    var bytes = line.utf8[...]
    bytes = bytes.drop(while: isBlank)
    while let last = bytes.last, isBlank(last) { bytes = bytes.dropLast() }
    return Substring(bytes)
  }
}
