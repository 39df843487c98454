/// The numbers and keywords of a JSON text, checked by RFC 8259, of which json-c is less strict; and
/// how many colons are outside strings, one for each member.
struct JSONWords {
  private(set) var colonCount = 0

  /// `text` is one that `JSONSplitter` let through, so its strings are closed.
  init(_ text: [UInt8]) throws(JSONFailure) {
    var rest = text[...]
    while let byte = rest.first {
      if JSONSplitter.isWord(byte) {
        let word = rest.prefix(while: JSONSplitter.isWord)
        rest = rest[word.endIndex...]
        try Self.check(String(decoding: word, as: UTF8.self))
      } else {
        rest.removeFirst()
        if byte == UInt8(ascii: ":") { colonCount += 1 }
        if byte == UInt8(ascii: "\"") { Self.skipString(&rest) }
      }
    }
  }

  /// Drops what follows an opening quote, up to the closing one.
  private static func skipString(_ rest: inout ArraySlice<UInt8>) {
    while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
      if byte == UInt8(ascii: "\\") { rest = rest.dropFirst() }
    }
  }

  private static func check(_ word: String) throws(JSONFailure) {
    if word == "true" || word == "false" || word == "null" { return }
    let isKeyword = word.utf8.allSatisfy { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 }
    if isKeyword { throw .invalidKeyword(String(word.prefix(64))) }
    guard isNumber(word) else { throw .invalidNumber(String(word.prefix(64))) }
  }

  /// Whether a word is a number, and one of at most 64 bits if it is an integer.
  private static func isNumber(_ word: String) -> Bool {
    var rest = word.utf8[...]
    func digits() -> Int {
      let digits = rest.prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
      rest = rest[digits.endIndex...]
      return digits.count
    }
    func take(_ characters: String) -> Bool {
      guard let first = rest.first, characters.utf8.contains(first) else { return false }
      rest.removeFirst()
      return true
    }
    _ = take("-")
    let startsWithZero = rest.first == UInt8(ascii: "0")
    let count = digits()
    guard count > 0, !startsWithZero || count == 1 else { return false }
    if rest.isEmpty { return Int64(word) != nil || UInt64(word) != nil }
    if take("."), digits() == 0 { return false }
    if take("eE") {
      _ = take("+-")
      if digits() == 0 { return false }
    }
    return rest.isEmpty
  }
}
