internal import CJSON

/// Turns the text of one value into a `JSONValue` with json-c, by RFC 8259 alone: QEMU's
/// single-quoted strings are refused. Of two members with one name the last counts.
enum JSONParser {
  static func parse(_ text: [UInt8]) throws(JSONFailure) -> JSONValue {
    // One level more than the splitter lets through, for the scalars inside the innermost one.
    guard let tokener = unsafe json_tokener_new_ex(Int32(JSONSplitter.nestingLimit + 1)) else {
      throw .sizeLimit
    }
    defer { unsafe json_tokener_free(tokener) }
    unsafe json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8)

    // The terminator ends a bare number.
    let terminated = text + [0]
    let root = unsafe terminated.withUnsafeBufferPointer { bytes in
      unsafe bytes.withMemoryRebound(to: CChar.self) { characters in
        unsafe json_tokener_parse_ex(
          tokener, characters.baseAddress, Int32(clamping: characters.count))
      }
    }
    defer { _ = unsafe json_object_put(root) }

    let end = unsafe json_tokener_get_parse_end(tokener)
    let status = unsafe json_tokener_get_error(tokener)
    guard status == json_tokener_success else {
      throw failure(status, in: text, at: end)
    }
    guard end >= text.count else { throw .expectingValue }
    return try unsafe value(root)
  }

  private static func failure(
    _ status: json_tokener_error, in text: [UInt8], at end: Int
  ) -> JSONFailure {
    switch status {
    case json_tokener_error_depth: return .nestingLimit
    case json_tokener_error_parse_null, json_tokener_error_parse_boolean:
      return .invalidKeyword(word(in: text, around: end))
    case json_tokener_error_parse_number: return .invalidNumber
    case json_tokener_error_parse_array: return .expectedSeparatorInArray
    case json_tokener_error_parse_object_key_name: return .keyIsNotAString
    case json_tokener_error_parse_object_key_sep: return .missingColon
    case json_tokener_error_parse_object_value_sep: return .expectedSeparatorInObject
    case json_tokener_error_parse_string: return .invalidEscape
    case json_tokener_error_parse_utf8_string: return .invalidUTF8
    case json_tokener_error_size: return .sizeLimit
    default:
      let word = word(in: text, around: end)
      return word.isEmpty ? .expectingValue : .invalidKeyword(word)
    }
  }

  /// The lower-case letters around an index, as many as a keyword could have.
  private static func word(in text: [UInt8], around index: Int) -> String {
    func isLetter(_ byte: UInt8) -> Bool { UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte }
    let index = min(max(index, 0), text.count)
    let before = text[..<index].suffix(64).reversed().prefix(while: isLetter).reversed()
    let after = text[index...].prefix(64).prefix(while: isLetter)
    return String(decoding: Array(before) + Array(after), as: UTF8.self)
  }

  /// The value of a json-c object; the recursion is as deep as the tokener let the text nest.
  private static func value(_ object: OpaquePointer?) throws(JSONFailure) -> JSONValue {
    switch unsafe json_object_get_type(object) {
    case json_type_boolean:
      return unsafe .bool(json_object_get_boolean(object) != 0)
    case json_type_int, json_type_double:
      // json-c keeps the text of a fraction, and prints an integer exactly.
      guard let digits = unsafe json_object_to_json_string(object) else { throw .invalidNumber }
      let text = unsafe String(cString: digits)
      // "NaN" and "Infinity" are json-c's own.
      guard text.utf8.last.map({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) == true else {
        throw .invalidKeyword(text)
      }
      return .number(text)
    case json_type_string:
      guard let characters = unsafe json_object_get_string(object) else { return .string("") }
      let count = unsafe json_object_get_string_len(object)
      let bytes = unsafe UnsafeRawBufferPointer(start: characters, count: Int(count))
      return unsafe .string(String(decoding: bytes, as: UTF8.self))
    case json_type_array:
      var elements: [JSONValue] = []
      for index in unsafe 0..<json_object_array_length(object) {
        elements.append(try unsafe value(json_object_array_get_idx(object, index)))
      }
      return .array(elements)
    case json_type_object:
      var members: [JSONValue.Member] = []
      var position = unsafe json_object_iter_begin(object)
      var end = unsafe json_object_iter_end(object)
      while unsafe json_object_iter_equal(&position, &end) == 0 {
        if let name = unsafe json_object_iter_peek_name(&position) {
          let member = try unsafe value(json_object_iter_peek_value(&position))
          members.append(unsafe JSONValue.Member(name: String(cString: name), value: member))
        }
        unsafe json_object_iter_next(&position)
      }
      return .object(members)
    default:
      return .null
    }
  }
}
