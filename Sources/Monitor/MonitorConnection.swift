internal import EventLoop

/// Moves bytes between one client and its session on the main loop.
///
/// Nothing is read while the session's output is full, so a client that does not read what it asked
/// for is not heard any more, and costs a bounded amount of memory.
@VMMain final class MonitorConnection {
  /// How much is read at once, in bytes.
  private static let readSize = 4096

  private let stream: ByteStream
  private let session: any MonitorSession
  private let onEnd: @VMMain () -> Void
  private var readWatch: EventSource?
  private var writeWatch: EventSource?
  /// Read, but not yet taken by the session.
  private var unread: ArraySlice<UInt8> = []
  private var isPumping = false
  private var isEnded = false

  /// Starts the conversation; `onEnd` is called once, when the client is gone.
  init(
    _ stream: consuming ByteStream, _ session: any MonitorSession,
    onEnd: @escaping @VMMain () -> Void
  ) {
    self.stream = stream
    self.session = session
    self.onEnd = onEnd
  }

  /// Greets the client and listens to it.
  func open() {
    session.open()
    pump()
  }

  /// Sends what the session added to its output outside of a request.
  func flush() {
    if !isPumping { pump() }
  }

  /// Sends what there is room for, and lets the client go. `onEnd` is not called.
  func close() {
    _ = send()
    stop()
  }

  private func handleReadable() {
    var bytes: [UInt8] = []
    switch stream.read(upTo: Self.readSize, into: &bytes) {
    case .bytes:
      unread += bytes
      pump()
    case .wait: break
    case .ended: end()
    }
  }

  /// Lets the session take what it has room to answer, sends the answers, and then waits for what
  /// there is to wait for.
  private func pump() {
    guard !isEnded else { return }
    isPumping = true
    var isOpen = true
    repeat {
      if !unread.isEmpty { unread = unread.dropFirst(session.receive(unread)) }
      isOpen = send()
    } while isOpen && !unread.isEmpty && !session.output.isFull
    isPumping = false
    if isOpen { watch() } else { end() }
  }

  /// Sends until all is sent or there is no room; false when the client is gone or has to go.
  private func send() -> Bool {
    while !session.output.isEmpty {
      switch stream.write(session.output.pending) {
      case .bytes(let count): session.output.removeFirst(count)
      case .wait: return !session.output.hasOverflowed
      case .ended: return false
      }
    }
    return !session.output.hasOverflowed
  }

  private func watch() {
    if unread.isEmpty {
      if readWatch == nil {
        readWatch = MainLoop.watch(stream.input, for: .readable) { [weak self] _ in
          self?.handleReadable()
        }
      }
    } else {
      readWatch = nil
    }
    if session.output.isEmpty {
      writeWatch = nil
    } else if writeWatch == nil {
      writeWatch = MainLoop.watch(stream.output, for: .writable) { [weak self] _ in self?.pump() }
    }
  }

  private func end() {
    guard !isEnded else { return }
    stop()
    onEnd()
  }

  private func stop() {
    isEnded = true
    readWatch = nil
    writeWatch = nil
  }
}
