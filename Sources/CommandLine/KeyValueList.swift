/// The comma-separated value of one option, `first,key=value,flag`, in the order written.
///
/// A comma inside a value is written twice. The first element may leave its key out when the option
/// has an implied one.
struct KeyValueList: Sendable, Equatable {
  /// How an element was written.
  enum Form: Sendable, Equatable {
    /// The first element, without its key.
    case implied
    /// `key=value`.
    case assigned
    /// `key` alone: a boolean in its short form.
    case bare
  }

  /// One element of the list; `value` is empty for a bare key.
  struct Entry: Sendable, Equatable {
    var key: String
    var value: String
    var form: Form
  }

  /// The elements, in the order written, repeated keys included.
  let entries: [Entry]

  init(entries: [Entry]) { self.entries = entries }

  /// Splits `text`; `impliedKey` is the key of a first element that has none.
  init(_ text: String, impliedKey: String?) {
    var entries: [Entry] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let key = rest.prefix { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ",") }
      let isAssigned = key.endIndex < rest.endIndex && rest[key.endIndex] == UInt8(ascii: "=")
      if isAssigned {
        rest = rest[(key.endIndex + 1)...]
        let value = Self.takeValue(from: &rest)
        entries.append(Entry(key: Self.text(key), value: value, form: .assigned))
      } else if entries.isEmpty, let impliedKey {
        let value = Self.takeValue(from: &rest)
        entries.append(Entry(key: impliedKey, value: value, form: .implied))
      } else {
        rest = rest[key.endIndex...]
        entries.append(Entry(key: Self.text(key), value: "", form: .bare))
      }
      rest = rest.dropFirst()
    }
    self.entries = entries
  }

  /// Whether an element asks for help, as `help` or `?`, with or without a value.
  var asksForHelp: Bool {
    entries.contains { $0.form == .implied ? Self.isHelp($0.value) : Self.isHelp($0.key) }
  }

  /// The value of the last element with `key`; a bare element reads as `on`.
  func last(_ key: String) -> String? {
    guard let entry = entries.last(where: { $0.key == key }) else { return nil }
    return entry.form == .bare ? "on" : entry.value
  }

  /// Whether `word` is one of the two spellings that ask for help.
  static func isHelp(_ word: String) -> Bool { word == "help" || word == "?" }

  /// Takes a value up to the first single comma, which stays in `rest`; two commas stand for one.
  private static func takeValue(from rest: inout ArraySlice<UInt8>) -> String {
    let comma = UInt8(ascii: ",")
    var value: [UInt8] = []
    while let byte = rest.first {
      if byte == comma {
        guard rest.dropFirst().first == comma else { break }
        rest = rest.dropFirst()
      }
      value.append(byte)
      rest = rest.dropFirst()
    }
    return String(decoding: value, as: UTF8.self)
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes, as: UTF8.self)
  }
}
