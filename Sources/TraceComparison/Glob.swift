/// A pattern in which `*` stands for any run of bytes, also none, and `?` for any one byte.
package struct Glob: Sendable, Equatable {
  private let pattern: [UInt8]
  /// The pattern with a `*` at both ends.
  private let openPattern: [UInt8]

  package init(_ text: String) {
    pattern = Array(text.utf8)
    openPattern = [UInt8(ascii: "*")] + pattern + [UInt8(ascii: "*")]
  }

  /// Whether the whole of `text` fits the pattern; takes at most pattern × text steps.
  package func matches(_ text: Span<UInt8>) -> Bool {
    Self.matches(pattern.span, text)
  }

  /// Whether some part of `text` fits the pattern.
  package func isFound(in text: Span<UInt8>) -> Bool {
    Self.matches(openPattern.span, text)
  }

  private static func matches(_ pattern: Span<UInt8>, _ text: Span<UInt8>) -> Bool {
    var p = 0
    var t = 0
    var starAt = -1
    var resumeAt = 0
    while t < text.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        starAt = p
        resumeAt = t
        p += 1
      } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t] {
        p += 1
        t += 1
      } else if starAt >= 0 {
        resumeAt += 1
        t = resumeAt
        p = starAt + 1
      } else {
        return false
      }
    }
    while p < pattern.count, pattern[p] == UInt8(ascii: "*") {
      p += 1
    }
    return p == pattern.count
  }
}
