internal import Glibc

/// One direction of a `ByteChannel`.
struct ByteEnd {
  enum Kind {
    /// Sends and receives with `MSG_DONTWAIT`.
    case socket
    /// A descriptor in nonblocking mode, or a regular file, whose bytes are there at once.
    case prompt
    /// Others rely on the descriptor's blocking mode: each call asks first whether it would wait, and
    /// then writes at most so many bytes.
    case shared(limit: Int)
  }

  let descriptor: Int32
  let kind: Kind

  /// Waits so many milliseconds for a read or write that does not wait, or for an error.
  func isReady(_ event: Int32, milliseconds: Int32 = 0) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(event), revents: 0)
    return unsafe poll(&request, 1, milliseconds) == 1
  }
}

/// A way in and a way out for bytes, over descriptors that may be one and the same, and that other
/// programs may hold too. No transfer waits.
final class ByteChannel {
  /// What became of a read or write.
  enum Transfer: Equatable {
    case bytes(Int)
    case wait
    /// The other end is gone, or there is no way to go on.
    case ended
  }

  let input: ByteEnd?
  let output: ByteEnd?
  /// Closed at the end.
  private let owned: [Int32]

  init(input: ByteEnd?, output: ByteEnd?, owning owned: [Int32]) {
    self.input = input
    self.output = output
    self.owned = owned
  }

  /// Both directions over one descriptor, which becomes the channel's.
  convenience init(_ kind: ByteEnd.Kind, taking descriptor: Int32) {
    let end = ByteEnd(descriptor: descriptor, kind: kind)
    self.init(input: end, output: end, owning: [descriptor])
  }

  deinit {
    for descriptor in owned { close(descriptor) }
  }

  /// Whether the end of one direction is the end of the other.
  var isOneConnection: Bool { input?.descriptor == output?.descriptor }

  /// The socket that both directions go over; nil when there is none.
  var socket: Int32? {
    guard isOneConnection, let input, case .socket = input.kind else { return nil }
    return input.descriptor
  }

  /// Reads up to `limit` bytes to the start of `buffer`.
  func read(upTo limit: Int, into buffer: inout [UInt8]) -> Transfer {
    guard let input else { return .ended }
    if case .shared = input.kind, !input.isReady(POLLIN) { return .wait }
    let limit = min(limit, buffer.count)
    guard limit > 0 else { return .wait }
    let result = unsafe buffer.withUnsafeMutableBytes { bytes in
      if case .socket = input.kind {
        unsafe recv(input.descriptor, bytes.baseAddress, limit, Int32(MSG_DONTWAIT))
      } else {
        unsafe Glibc.read(input.descriptor, bytes.baseAddress, limit)
      }
    }
    return result == 0 ? .ended : Self.transfer(result)
  }

  /// Writes as many of the bytes as there is room for.
  func write(_ bytes: ArraySlice<UInt8>) -> Transfer {
    guard let output else { return .ended }
    var bytes = bytes
    if case .shared(let limit) = output.kind {
      guard output.isReady(POLLOUT) else { return .wait }
      bytes = bytes.prefix(limit)
    }
    let result = unsafe bytes.withUnsafeBytes { bytes in
      if case .socket = output.kind {
        unsafe send(
          output.descriptor, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
      } else {
        unsafe Glibc.write(output.descriptor, bytes.baseAddress, bytes.count)
      }
    }
    return Self.transfer(result)
  }

  /// What a call's result means; `errno` is still that call's.
  private static func transfer(_ result: Int) -> Transfer {
    if result >= 0 { return .bytes(result) }
    return errno == EAGAIN || errno == EINTR ? .wait : .ended
  }
}
