/// A JSON value, written out as QEMU writes it: one line, a space after each `:` and `,`, members in
/// the order given here, and everything outside printable ASCII escaped.
indirect enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)

  /// A number by its text; no command takes one, so it is only ever echoed.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([Member])

  /// A member of an object.
  struct Member: Equatable, Sendable {
    let name: String
    let value: JSONValue
  }

  /// An object with the given members.
  static func object(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
    .object(members.map { Member(name: $0.key, value: $0.value) })
  }

  /// An integer.
  static func integer(_ value: Int64) -> JSONValue { .number(String(value)) }

  /// An integer that uses all of 64 bits.
  static func unsigned(_ value: UInt64) -> JSONValue { .number(String(value)) }
}

extension JSONValue {
  /// Adds the value's text to `text`.
  func write(to text: inout [UInt8]) {
    switch self {
    case .null: text += "null".utf8
    case .bool(let isTrue): text += (isTrue ? "true" : "false").utf8
    case .number(let digits): text += digits.utf8
    case .string(let string): Self.write(string, to: &text)
    case .array(let elements):
      text.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { text += ", ".utf8 }
        element.write(to: &text)
      }
      text.append(UInt8(ascii: "]"))
    case .object(let members):
      text.append(UInt8(ascii: "{"))
      for (index, member) in members.enumerated() {
        if index > 0 { text += ", ".utf8 }
        Self.write(member.name, to: &text)
        text += ": ".utf8
        member.value.write(to: &text)
      }
      text.append(UInt8(ascii: "}"))
    }
  }

  private static func write(_ string: String, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "\""))
    for unit in string.utf16 {
      switch unit {
      case 0x08: text += "\\b".utf8
      case 0x09: text += "\\t".utf8
      case 0x0a: text += "\\n".utf8
      case 0x0c: text += "\\f".utf8
      case 0x0d: text += "\\r".utf8
      case 0x22: text += "\\\"".utf8
      case 0x5c: text += "\\\\".utf8
      case 0x20..<0x7f: text.append(UInt8(truncatingIfNeeded: unit))
      default:
        text += "\\u".utf8
        for shift in [12, 8, 4, 0] {
          text.append(hexDigits[Int(unit >> shift & 0xf)])
        }
      }
    }
    text.append(UInt8(ascii: "\""))
  }
}

private let hexDigits = Array("0123456789ABCDEF".utf8)
