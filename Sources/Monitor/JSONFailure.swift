/// Why bytes that a client sent are not a JSON value.
enum JSONFailure: Error, Equatable, Sendable {
  /// Something that is no token; the token as far as it went, cut short.
  case stray(String)
  case nestingLimit
  case sizeLimit
  case expectingValue
  case invalidKeyword(String)
  case keyIsNotAString
  case missingColon
  case expectedSeparatorInObject
  case expectedSeparatorInArray
  case invalidEscape
  case invalidUTF8
  case invalidNumber(String)
  case duplicateKey

  /// QEMU's sentence for it.
  var text: String {
    switch self {
    case .nestingLimit: return "JSON nesting depth limit exceeded"
    case .sizeLimit: return "JSON token size limit exceeded"
    default: return "JSON parse error, \(detail)"
    }
  }

  private var detail: String {
    switch self {
    case .stray(let token): "stray '\(token)'"
    case .nestingLimit, .sizeLimit: "limit exceeded"
    case .expectingValue: "expecting value"
    case .invalidKeyword(let word): "invalid keyword '\(word)'"
    case .keyIsNotAString: "key is not a string in object"
    case .missingColon: "missing : in object pair"
    case .expectedSeparatorInObject: "expected separator in dict"
    case .expectedSeparatorInArray: "expected separator in list"
    case .invalidEscape: "invalid escape sequence in string"
    case .invalidUTF8: "invalid UTF-8 sequence in string"
    case .invalidNumber(let word): "invalid number '\(word)'"
    case .duplicateKey: "duplicate key"
    }
  }
}
