internal import CJSON

/// What the text of a version message says of the client.
struct ClientCapabilities: Equatable {
  /// How many descriptors the client takes with one message.
  var descriptors = 1

  /// Reads the text behind the two version numbers: nothing, or a JSON object and a zero byte. Nil
  /// when it is anything else.
  init?(_ text: [UInt8]) {
    if text.isEmpty { return }
    guard text.count <= Limit.versionText, text.last == 0, text.firstIndex(of: 0) == text.count - 1,
      let tokener = unsafe json_tokener_new_ex(4)
    else { return nil }
    defer { unsafe json_tokener_free(tokener) }
    unsafe json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8)
    let root = unsafe text.withUnsafeBufferPointer { bytes in
      unsafe bytes.withMemoryRebound(to: CChar.self) { characters in
        unsafe json_tokener_parse_ex(tokener, characters.baseAddress, Int32(characters.count))
      }
    }
    defer { _ = unsafe json_object_put(root) }
    guard unsafe json_tokener_get_error(tokener) == json_tokener_success,
      unsafe json_object_get_type(root) == json_type_object
    else { return nil }
    var capabilities: OpaquePointer?
    guard unsafe json_object_object_get_ex(root, "capabilities", &capabilities) != 0 else { return }
    guard unsafe json_object_get_type(capabilities) == json_type_object else { return nil }
    var limit: OpaquePointer?
    guard unsafe json_object_object_get_ex(capabilities, "max_msg_fds", &limit) != 0 else { return }
    guard unsafe json_object_get_type(limit) == json_type_int,
      case let number = unsafe json_object_get_int64(limit), number >= 0
    else { return nil }
    descriptors = Int(clamping: number)
  }

  /// The server's side: the text of its version message, zero byte included.
  ///
  /// No longer than a client's own, since QEMU gives the reply no more room than it sent.
  static var server: [UInt8] {
    let text =
      "{\"capabilities\":{\"max_msg_fds\":\(Limit.descriptors),"
      + "\"max_data_xfer_size\":\(Limit.transfer)}}"
    return Array(text.utf8) + [0]
  }
}
