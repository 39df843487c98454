internal import CLinux
internal import Glibc

/// Puts messages together from what a socket has, without ever waiting.
///
/// Holds at most one message: its bytes as they come, so that a length alone costs nothing.
struct MessageReader: ~Copyable {
  private var header: MessageHeader?
  private var bytes: [UInt8] = []
  private var descriptors: [Int32] = []
  private var lostDescriptors = false

  /// What a look at the socket gave.
  enum Arrival: ~Copyable {
    case message(Message)
    /// Nothing more for now.
    case wait
    /// The client has gone.
    case ended
    /// The stream cannot be followed any further; the reply to the message that broke it.
    case broken(MessageHeader, Breach)
  }

  /// Why a stream cannot be followed.
  enum Breach: Equatable {
    /// A message says that it is shorter than its header.
    case tooShort(UInt32)
    /// A message says that it is longer than `Limit.message`.
    case tooLong(UInt32)
  }

  deinit { for descriptor in descriptors { _ = clinux_close(descriptor) } }

  /// Takes the next message, or as much of it as there is.
  mutating func next(from socket: Int32) -> Arrival {
    while true {
      let wanted: Int
      if let header {
        wanted = Int(header.length) - MessageHeader.size - bytes.count
        if wanted == 0 { return .message(finish(header)) }
      } else {
        wanted = MessageHeader.size - bytes.count
      }
      switch receive(min(wanted, 1 << 16), from: socket) {
      case 0: return .ended
      case 1...: break
      case Int64(-EAGAIN), Int64(-EINTR): return .wait
      default: return .ended
      }
      guard header == nil, bytes.count == MessageHeader.size else { continue }
      let read = MessageHeader(bytes)
      guard read.length >= UInt32(MessageHeader.size) else {
        return .broken(read, .tooShort(read.length))
      }
      guard read.length <= UInt32(Limit.message) else {
        return .broken(read, .tooLong(read.length))
      }
      header = read
      bytes.removeAll(keepingCapacity: true)
    }
  }

  private mutating func finish(_ header: MessageHeader) -> Message {
    let message = Message(
      header: header, payload: bytes, descriptors: descriptors, lostDescriptors: lostDescriptors)
    self.header = nil
    bytes = []
    descriptors = []
    lostDescriptors = false
    return message
  }

  /// Adds up to `count` bytes and what comes with them; gives how many, or `-errno`.
  private mutating func receive(_ count: Int, from socket: Int32) -> Int64 {
    var arrived = [Int32](repeating: -1, count: Limit.descriptors)
    var number: Int32 = 0
    var isCut: Int32 = 0
    var result: Int64 = 0
    let piece = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      guard let base = buffer.baseAddress else { return }
      result = unsafe clinux_receive(
        socket, base, count, &arrived, Int32(Limit.descriptors - descriptors.count), &number,
        &isCut)
      filled = max(0, Int(result))
    }
    descriptors += arrived.prefix(Int(number))
    if isCut != 0 { lostDescriptors = true }
    bytes += piece
    return result
  }
}
