/// The events that `--events` selects, by QEMU's `-trace` patterns: a leading `-` takes events away and
/// the last pattern that fits a name decides. When the first pattern takes away, all others are selected.
package struct EventPatterns: Sendable {
  private struct Entry: Sendable {
    let glob: Glob
    let selects: Bool
  }

  private let entries: [Entry]

  /// Reads the patterns in command-line order; throws `invalidPattern` for one that no event name can fit.
  package init(_ patterns: [String]) throws(ComparisonError) {
    var entries: [Entry] = []
    for pattern in patterns {
      let takesAway = pattern.hasPrefix("-")
      let name = takesAway ? String(pattern.dropFirst()) : pattern
      try Self.check(name, of: pattern)
      entries.append(Entry(glob: Glob(name), selects: !takesAway))
    }
    self.entries = entries
  }

  /// Whether the event called `name` is compared.
  package func select(_ name: Span<UInt8>) -> Bool {
    guard let first = entries.first else { return true }
    var selected = !first.selects
    for entry in entries where entry.selects != selected {
      if entry.glob.matches(name) { selected = entry.selects }
    }
    return selected
  }

  /// Throws `invalidPattern` unless `name` is made of the bytes of event names, `*` and `?`.
  static func check(_ name: String, of pattern: String) throws(ComparisonError) {
    guard !name.isEmpty else { throw .invalidPattern(pattern, byte: nil) }
    for byte in name.utf8
    where !LineScanner.isNameByte(byte) && byte != UInt8(ascii: "*") && byte != UInt8(ascii: "?") {
      throw .invalidPattern(pattern, byte: byte)
    }
  }
}
