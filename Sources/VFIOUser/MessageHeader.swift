/// The first 16 bytes of every message.
struct MessageHeader: Equatable {
  static let size = 16

  /// Chosen by the sender; the reply repeats it.
  var identifier: UInt16
  var command: UInt16
  /// Bytes of the whole message.
  var length: UInt32
  var flags: UInt32
  /// An errno, in a reply with the flag for it.
  var error: UInt32

  /// Low four bits of `flags`: 0 asks, 1 answers.
  private static let kind: UInt32 = 0xF
  private static let reply: UInt32 = 0x1
  private static let noReply: UInt32 = 0x10
  private static let failed: UInt32 = 0x20

  /// Reads the first 16 bytes.
  init(_ bytes: [UInt8]) {
    identifier = bytes.field(at: 0)
    command = bytes.field(at: 2)
    length = bytes.field(at: 4)
    flags = bytes.field(at: 8)
    error = bytes.field(at: 12)
  }

  var isRequest: Bool { flags & Self.kind == 0 }
  var wantsReply: Bool { flags & Self.noReply == 0 }

  /// A whole reply with what follows the header.
  func reply(_ payload: [UInt8]) -> [UInt8] {
    encoded(length: UInt32(Self.size + payload.count), flags: Self.reply, error: 0) + payload
  }

  /// A whole reply that says why nothing was done.
  func refusal(_ error: Int32) -> [UInt8] {
    encoded(
      length: UInt32(Self.size), flags: Self.reply | Self.failed,
      error: UInt32(truncatingIfNeeded: error))
  }

  private func encoded(length: UInt32, flags: UInt32, error: UInt32) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(field: identifier)
    bytes.append(field: command)
    bytes.append(field: length)
    bytes.append(field: flags)
    bytes.append(field: error)
    return bytes
  }
}
