internal import CommandLine

/// One argument of a command of the human monitor, by the name that QMP has for it.
struct HMPParameter: Sendable {
  enum Kind: Sendable {
    /// A word, or text in double quotes.
    case text
    /// `on` or `off`.
    case toggle
    /// `driver[,prop=value][,...]`, each a member of its own.
    case properties
  }

  enum Failure: Error {
    case missing, notOnOff, unterminated
  }

  let name: String
  let kind: Kind
  let isOptional: Bool

  init(_ name: String, _ kind: Kind = .text, isOptional: Bool = false) {
    self.name = name
    self.kind = kind
    self.isOptional = isOptional
  }

  /// Reads the argument off the start of `rest`.
  func read(_ rest: inout Substring) throws(Failure) -> [JSONValue.Member] {
    guard let text = try Self.text(&rest) else {
      if isOptional || kind == .properties { return [] }
      throw kind == .toggle ? .notOnOff : .missing
    }
    switch kind {
    case .text: return [JSONValue.Member(name: name, value: .string(text))]
    case .toggle:
      guard text == "on" || text == "off" else { throw .notOnOff }
      return [JSONValue.Member(name: name, value: .bool(text == "on"))]
    case .properties:
      return DeviceConfiguration.properties(of: text).map { property in
        JSONValue.Member(name: property.name, value: .string(property.value))
      }
    }
  }

  /// Takes the next word, to the next space; nil at the end.
  static func word(_ rest: inout Substring) -> String? {
    rest = rest.drop(while: \.isWhitespace)
    let word = rest.prefix { !$0.isWhitespace }
    rest = rest[word.endIndex...]
    return word.isEmpty ? nil : String(word)
  }

  /// Takes the next word, or the text in double quotes, where a backslash stands before `n`, `r`, a
  /// quote or itself; nil at the end.
  private static func text(_ rest: inout Substring) throws(Failure) -> String? {
    rest = rest.drop(while: \.isWhitespace)
    guard rest.first == "\"" else { return word(&rest) }
    rest = rest.dropFirst()
    var text = ""
    while let character = rest.popFirst() {
      switch character {
      case "\"": return text
      case "\\":
        guard let escaped = rest.popFirst() else { throw .unterminated }
        switch escaped {
        case "n": text.append("\n")
        case "r": text.append("\r")
        default: text.append(escaped)
        }
      default: text.append(character)
      }
    }
    throw .unterminated
  }
}
