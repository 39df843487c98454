internal import CJSON

/// Turns the text of one value into a `JSONValue` with json-c, by RFC 8259: what json-c takes beyond
/// it is refused, and so are QEMU's single-quoted strings and integers of more than 64 bits.
enum JSONParser {
  static func parse(_ text: [UInt8]) throws(JSONFailure) -> JSONValue {
    let words = try JSONWords(text)
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
    guard status == json_tokener_success else { throw failure(status) }
    guard end >= text.count else { throw .expectingValue }
    var memberCount = 0
    let result = unsafe value(root, &memberCount)
    // json-c lets the later of two members with one name win without a word.
    guard memberCount == words.colonCount else { throw .duplicateKey }
    return result
  }

  private static func failure(_ status: json_tokener_error) -> JSONFailure {
    switch status {
    case json_tokener_error_depth: .nestingLimit
    case json_tokener_error_parse_array: .expectedSeparatorInArray
    case json_tokener_error_parse_object_key_name: .keyIsNotAString
    case json_tokener_error_parse_object_key_sep: .missingColon
    case json_tokener_error_parse_object_value_sep: .expectedSeparatorInObject
    case json_tokener_error_parse_string: .invalidEscape
    case json_tokener_error_parse_utf8_string: .invalidUTF8
    case json_tokener_error_size: .sizeLimit
    default: .expectingValue
    }
  }

  /// The value of a json-c object, adding the members of all objects in it to `memberCount`; the
  /// recursion is as deep as the tokener let the text nest.
  private static func value(_ object: OpaquePointer?, _ memberCount: inout Int) -> JSONValue {
    switch unsafe json_object_get_type(object) {
    case json_type_boolean:
      return unsafe .bool(json_object_get_boolean(object) != 0)
    case json_type_int, json_type_double:
      // json-c keeps the text of a fraction, and prints an integer exactly.
      guard let digits = unsafe json_object_to_json_string(object) else { return .null }
      return unsafe .number(String(cString: digits))
    case json_type_string:
      guard let characters = unsafe json_object_get_string(object) else { return .string("") }
      let count = unsafe json_object_get_string_len(object)
      let bytes = unsafe UnsafeRawBufferPointer(start: characters, count: Int(count))
      return unsafe .string(String(decoding: bytes, as: UTF8.self))
    case json_type_array:
      var elements: [JSONValue] = []
      for index in unsafe 0..<json_object_array_length(object) {
        elements.append(unsafe value(json_object_array_get_idx(object, index), &memberCount))
      }
      return .array(elements)
    case json_type_object:
      var members: [JSONValue.Member] = []
      var position = unsafe json_object_iter_begin(object)
      var end = unsafe json_object_iter_end(object)
      while unsafe json_object_iter_equal(&position, &end) == 0 {
        if let name = unsafe json_object_iter_peek_name(&position) {
          let member = unsafe value(json_object_iter_peek_value(&position), &memberCount)
          members.append(unsafe JSONValue.Member(name: String(cString: name), value: member))
        }
        unsafe json_object_iter_next(&position)
      }
      memberCount += members.count
      return .object(members)
    default:
      return .null
    }
  }
}
