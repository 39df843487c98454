/// The arguments of one command, taken one by one; what is left over at the end is unexpected.
struct QMPArguments {
  private var members: [JSONValue.Member]

  init(_ members: [JSONValue.Member]) { self.members = members }

  mutating func string(_ name: String) throws(QMPError) -> String {
    switch try required(name) {
    case .string(let text): return text
    default: throw .parameterType(name, expected: "string")
    }
  }

  mutating func optionalString(_ name: String) throws(QMPError) -> String? {
    members.contains { $0.name == name } ? try string(name) : nil
  }

  mutating func bool(_ name: String) throws(QMPError) -> Bool {
    switch try required(name) {
    case .bool(let value): return value
    default: throw .parameterType(name, expected: "boolean")
    }
  }

  mutating func optionalBool(_ name: String) throws(QMPError) -> Bool? {
    members.contains { $0.name == name } ? try bool(name) : nil
  }

  /// A list of strings; `nil` when it is absent.
  mutating func optionalStrings(_ name: String) throws(QMPError) -> [String]? {
    guard let value = take(name) else { return nil }
    guard case .array(let elements) = value else {
      throw .parameterType(name, expected: "array")
    }
    var strings: [String] = []
    for (index, element) in elements.enumerated() {
      guard case .string(let text) = element else {
        throw .parameterType("\(name)[\(index)]", expected: "string")
      }
      strings.append(text)
    }
    return strings
  }

  /// Takes all that is left as properties by name, in order: strings, numbers and booleans.
  mutating func properties() throws(QMPError) -> [(name: String, value: String)] {
    var properties: [(name: String, value: String)] = []
    for member in members {
      switch member.value {
      case .string(let text): properties.append((member.name, text))
      case .number(let digits): properties.append((member.name, digits))
      case .bool(let isOn): properties.append((member.name, isOn ? "on" : "off"))
      case .null, .array, .object: throw .parameterType(member.name, expected: "string")
      }
    }
    members = []
    return properties
  }

  /// Refuses what no command took.
  func finish() throws(QMPError) {
    if let member = members.first { throw .unexpectedParameter(member.name) }
  }

  private mutating func required(_ name: String) throws(QMPError) -> JSONValue {
    guard let value = take(name) else { throw .missingParameter(name) }
    return value
  }

  private mutating func take(_ name: String) -> JSONValue? {
    guard let index = members.firstIndex(where: { $0.name == name }) else { return nil }
    return members.remove(at: index).value
  }
}
