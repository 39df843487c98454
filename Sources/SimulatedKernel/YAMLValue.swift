internal import Tracing

/// A node of a description file together with where it is: each reader names file, line and key.
struct YAMLValue {
  let file: String
  let document: YAMLDocument
  private let node: Int
  /// The key with its parents, such as `functions[0].bars[1]`.
  let path: String

  /// The top of a document.
  init(topOf document: YAMLDocument, file: String) {
    self.init(file: file, document: document, node: document.root, path: "")
  }

  private init(file: String, document: YAMLDocument, node: Int, path: String) {
    self.file = file
    self.document = document
    self.node = node
    self.path = path
  }

  /// From 1.
  var line: Int { document.nodes[node].line }

  /// An error at this place.
  func mistake(_ problem: HostDescriptionError.Problem) -> HostDescriptionError {
    HostDescriptionError(file: file, line: line, key: path, problem: problem)
  }

  private func child(_ index: Int, named name: String) -> YAMLValue {
    YAMLValue(file: file, document: document, node: index, path: name)
  }

  /// The pairs of a mapping, each key one of `known`.
  func fields(_ known: [String]) throws(HostDescriptionError) -> YAMLFields {
    guard case .mapping(let pairs) = document.nodes[node].content else {
      throw mistake(.wrongType(expected: "a mapping", found: kind))
    }
    var values: [String: YAMLValue] = [:]
    for pair in pairs {
      let key = child(pair.key, named: path)
      let name = try key.text()
      guard known.contains(name) else {
        throw key.mistake(.unknownKey(name, nearest: NearestName.find(name, in: known)))
      }
      if let first = values[name] {
        throw key.mistake(.repeatedKey(name, firstLine: first.line))
      }
      values[name] = child(pair.value, named: path.isEmpty ? name : "\(path).\(name)")
    }
    return YAMLFields(place: self, values: values)
  }

  /// The items of a sequence, at most `limit`.
  func items(limit: Int) throws(HostDescriptionError) -> [YAMLValue] {
    guard case .sequence(let indices) = document.nodes[node].content else {
      throw mistake(.wrongType(expected: "a list", found: kind))
    }
    guard indices.count <= limit else {
      throw mistake(.outOfRange(UInt64(indices.count), low: 0, high: UInt64(limit)))
    }
    return indices.enumerated().map { child($1, named: "\(path)[\($0)]") }
  }

  func text() throws(HostDescriptionError) -> String {
    guard case .scalar(let text) = document.nodes[node].content else {
      throw mistake(.wrongType(expected: "a single value", found: kind))
    }
    return text
  }

  /// The text of a single value, or nil for a list or a mapping.
  var isScalar: Bool {
    if case .scalar = document.nodes[node].content { true } else { false }
  }

  func boolean() throws(HostDescriptionError) -> Bool {
    switch try text() {
    case "true", "yes", "on": true
    case "false", "no", "off": false
    case let other: throw mistake(.wrongType(expected: "true or false", found: "'\(other)'"))
    }
  }

  /// A number in decimal or with 0x, in a range.
  func integer<Integer: FixedWidthInteger & UnsignedInteger>(
    in range: ClosedRange<Integer> = Integer.min...Integer.max
  ) throws(HostDescriptionError) -> Integer {
    let text = try text()
    guard let value = Self.number(text) else { throw mistake(.notAnInteger(text)) }
    guard value >= UInt64(range.lowerBound), value <= UInt64(range.upperBound) else {
      throw mistake(
        .outOfRange(value, low: UInt64(range.lowerBound), high: UInt64(range.upperBound)))
    }
    return Integer(value)
  }

  /// A number of bytes, with the suffixes K, M, G and T for powers of 1024.
  func size() throws(HostDescriptionError) -> UInt64 {
    let text = try text()
    let shifts: [Character: UInt64] = ["K": 10, "M": 20, "G": 30, "T": 40]
    if let suffix = text.last, let shift = shifts[suffix] {
      guard let value = Self.number(String(text.dropLast())), value <= .max >> shift else {
        throw mistake(.notAnInteger(text))
      }
      return value << shift
    }
    guard let value = Self.number(text) else { throw mistake(.notAnInteger(text)) }
    return value
  }

  /// One of a set of names.
  func choice<Value>(_ names: [(String, Value)]) throws(HostDescriptionError) -> Value {
    let text = try text()
    if let match = names.first(where: { $0.0 == text }) { return match.1 }
    let known = names.map(\.0)
    throw mistake(
      .unknownName(text, nearest: NearestName.find(text, in: known), known: known))
  }

  /// Hexadecimal bytes; blanks between them and `0x` rows with an offset and a colon are skipped.
  func hexadecimalBytes() throws(HostDescriptionError) -> [UInt8] {
    let text = try text()
    var bytes: [UInt8] = []
    for word in text.split(whereSeparator: { $0 == " " || $0 == "\n" || $0 == "\t" })
    where !word.hasSuffix(":") {
      let digits = word.utf8.map(hexadecimalDigit)
      guard digits.count.isMultiple(of: 2) else { throw mistake(.notHexadecimal(String(word))) }
      for index in stride(from: 0, to: digits.count, by: 2) {
        guard let high = digits[index], let low = digits[index + 1] else {
          throw mistake(.notHexadecimal(String(word)))
        }
        bytes.append(high << 4 | low)
      }
    }
    return bytes
  }

  private var kind: String {
    switch document.nodes[node].content {
    case .scalar(let text): text.isEmpty ? "nothing" : "the value '\(text)'"
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }

  private static func number(_ text: String) -> UInt64? {
    if text.hasPrefix("0x") {
      guard text.utf8.dropFirst(2).allSatisfy({ hexadecimalDigit($0) != nil }) else { return nil }
      return UInt64(text.dropFirst(2), radix: 16)
    }
    // A leading zero would mean octal to other YAML readers.
    guard text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), !text.hasPrefix("0") || text == "0" else {
      return nil
    }
    return UInt64(text)
  }
}

/// The pairs of one mapping, every key known.
struct YAMLFields {
  let place: YAMLValue
  let values: [String: YAMLValue]

  /// The value of a key, or nil when it is not given.
  subscript(_ name: String) -> YAMLValue? { values[name] }

  /// The value of a key that must be given.
  func required(_ name: String) throws(HostDescriptionError) -> YAMLValue {
    guard let value = values[name] else { throw place.mistake(.missingKey(name)) }
    return value
  }

  /// A number, or `standard` when the key is not given.
  func integer<Integer: FixedWidthInteger & UnsignedInteger>(
    _ name: String, or standard: Integer,
    in range: ClosedRange<Integer> = Integer.min...Integer.max
  ) throws(HostDescriptionError) -> Integer {
    guard let value = values[name] else { return standard }
    return try value.integer(in: range)
  }

  /// A truth value, or `standard` when the key is not given.
  func boolean(_ name: String, or standard: Bool) throws(HostDescriptionError) -> Bool {
    guard let value = values[name] else { return standard }
    return try value.boolean()
  }
}
