internal import Glibc

/// A client's two descriptors, read and written without ever blocking. Never changes descriptor
/// flags, which standard input and output share with other programs.
struct ByteStream: ~Copyable {
  /// What became of a read or write.
  enum Transfer: Equatable {
    case bytes(Int)

    /// Nothing to read, or no room to write.
    case wait

    /// The end of the stream, or a failure.
    case ended
  }

  let input: Int32
  let output: Int32
  private let isSocket: Bool

  /// Takes over a connected socket.
  init(takingSocket descriptor: Int32) {
    input = descriptor
    output = descriptor
    isSocket = true
  }

  /// Uses descriptors that others own, such as standard input and output. A reader that goes away
  /// must not raise SIGPIPE: the program ignores it.
  init(borrowing input: Int32, _ output: Int32) {
    self.input = input
    self.output = output
    isSocket = false
  }

  deinit {
    if isSocket { close(input) }
  }

  /// Reads up to `limit` bytes to the end of `bytes`.
  borrowing func read(upTo limit: Int, into bytes: inout [UInt8]) -> Transfer {
    guard isSocket || isReady(input, POLLIN) else { return .wait }
    var transfer = Transfer.wait
    bytes += unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      let result =
        unsafe isSocket
        ? recv(input, buffer.baseAddress, limit, Int32(MSG_DONTWAIT))
        : Glibc.read(input, buffer.baseAddress, limit)
      transfer = result == 0 ? .ended : Self.transfer(result)
      count = max(result, 0)
    }
    return transfer
  }

  /// Writes as many of `bytes`, which are not empty, as there is room for.
  borrowing func write(_ bytes: ArraySlice<UInt8>) -> Transfer {
    if isSocket {
      return unsafe bytes.withUnsafeBytes {
        unsafe Self.transfer(
          send(output, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL)))
      }
    }
    // A pipe or terminal that polls as writable takes this much at once.
    guard isReady(output, POLLOUT) else { return .wait }
    return unsafe bytes.prefix(512).withUnsafeBytes {
      unsafe Self.transfer(Glibc.write(output, $0.baseAddress, $0.count))
    }
  }

  /// What a call's result means; `errno` is still that call's.
  private static func transfer(_ result: Int) -> Transfer {
    if result >= 0 { return .bytes(result) }
    return errno == EAGAIN || errno == EINTR ? .wait : .ended
  }

  private func isReady(_ descriptor: Int32, _ event: Int32) -> Bool {
    var request = pollfd(fd: descriptor, events: Int16(event), revents: 0)
    return unsafe poll(&request, 1, 0) == 1
  }
}
