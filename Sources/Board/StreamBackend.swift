internal import Glibc
internal import HostKernel
internal import SystemPackage

/// A backend over descriptors: buffers output, sends it on the main loop's turn, waits where the other
/// end is slow, and reads no more than its receiver has room for.
///
/// Without a connection output is taken and lost, as in QEMU. Used only while the machine lock is held.
class StreamBackend: CharacterBackend {
  /// How much is read at once, in bytes.
  private static let readSize = 4096

  /// How long `close` waits for the other end, in milliseconds.
  private static let closingTime: Int32 = 200

  final let events: any EventSources
  private let name: String
  private final var channel: ByteChannel?
  private final var receiver: (any CharacterReceiver)?

  private final var unsent = OutputRing()
  /// Tells the main loop of output, so that a write by the guest costs at most this one call.
  private let bell: EventDescriptor
  private final var bellWatch: WatchToken?
  private final var isBellRung = false
  private final var roomWatch: WatchToken?
  /// Whether the receiver waits for room.
  private final var hasRefused = false

  private final var inputWatch: WatchToken?
  private final var isInputEnded = false
  /// Of a socket: its end is noticed by it while nothing is read.
  private final var hangUpWatch: WatchToken?
  private final var readBuffer = [UInt8](repeating: 0, count: StreamBackend.readSize)

  /// Makes a backend without a connection; `name` is its `filename`. Throws as `eventfd(2)`.
  init(name: String, events: any EventSources, on kernel: any HostKernel) throws(Errno) {
    self.name = name
    self.events = events
    bell = try EventDescriptor(on: kernel)
    bellWatch = events.watch(bell.rawValue) { [unowned self] in answerBell() }
  }

  deinit { stopWatching() }

  var filename: String { name }

  /// Called after the other end went away and the connection was given up.
  func connectionEnded() {}

  // MARK: - Connection

  final var isConnected: Bool { channel != nil }

  /// Starts to use a channel in place of another.
  final func connect(_ channel: ByteChannel) {
    disconnect()
    self.channel = channel
    isInputEnded = channel.input == nil
    if let socket = channel.socket {
      hangUpWatch = events.watchHangUp(socket) { [unowned self] in handleHangUp() }
    }
    receiver?.connectionOpened()
    resumeInput()
  }

  /// Gives the connection up, and output that is still unsent.
  final func disconnect() {
    stopWatchingChannel()
    unsent.removeAll()
    guard channel != nil else { return }
    channel = nil
    receiver?.connectionClosed()
    roomAppeared()
  }

  final func hangUp() {
    if channel != nil { endConnection() }
  }

  private final func endConnection() {
    disconnect()
    connectionEnded()
  }

  // MARK: - Output

  final func write(_ byte: UInt8) -> Bool {
    guard channel != nil else { return true }
    guard unsent.append(byte) else {
      hasRefused = true
      return false
    }
    if !isBellRung, roomWatch == nil {
      isBellRung = true
      bell.signal()
    }
    return true
  }

  final func write(_ bytes: ArraySlice<UInt8>) -> Int {
    guard channel != nil else { return bytes.count }
    var count = 0
    while count < bytes.count, write(bytes[bytes.startIndex + count]) { count += 1 }
    return count
  }

  final func flush() {
    if roomWatch == nil { send() }
  }

  private final func answerBell() {
    bell.drain()
    isBellRung = false
    flush()
  }

  /// Sends until all is sent or there is no room.
  private final func send() {
    while !unsent.isEmpty, let channel {
      switch channel.write(unsent.firstRun) {
      case .bytes(let count): unsent.removeFirst(count)
      case .wait:
        startWaiting()
        return roomAppeared()
      case .ended: return outputEnded()
      }
    }
    stopWaiting()
    roomAppeared()
  }

  /// Output that cannot be written is lost; a connection that goes both ways is over.
  private final func outputEnded() {
    if let channel, channel.isOneConnection { return endConnection() }
    unsent.removeAll()
    stopWaiting()
    roomAppeared()
  }

  private final func roomAppeared() {
    guard hasRefused, unsent.count < OutputRing.capacity else { return }
    hasRefused = false
    receiver?.outputHasRoom()
  }

  private final func startWaiting() {
    guard roomWatch == nil, let output = channel?.output else { return }
    roomWatch = events.watchWritable(output.descriptor) { [unowned self] in send() }
  }

  private final func stopWaiting() {
    if let roomWatch { events.cancel(roomWatch) }
    roomWatch = nil
  }

  // MARK: - Input

  final func attach(_ receiver: any CharacterReceiver) {
    self.receiver = receiver
    if channel != nil { receiver.connectionOpened() }
    resumeInput()
  }

  final func resumeInput() {
    guard inputWatch == nil, !isInputEnded, let receiver, let input = channel?.input,
      receiver.inputRoom > 0
    else { return }
    inputWatch = events.watch(input.descriptor) { [unowned self] in handleInput() }
  }

  private final func handleInput() {
    guard let channel, let receiver else { return stopInput() }
    let room = min(receiver.inputRoom, Self.readSize)
    guard room > 0 else { return stopInput() }
    switch channel.read(upTo: room, into: &readBuffer) {
    case .bytes(let count):
      receiver.receive(readBuffer[..<count])
    case .wait: break
    case .ended:
      if channel.isOneConnection { return endConnection() }
      isInputEnded = true
      stopInput()
      receiver.connectionClosed()
    }
  }

  private final func stopInput() {
    if let inputWatch { events.cancel(inputWatch) }
    inputWatch = nil
  }

  /// Makes way for the next client when the receiver has no room to hear of this one's end. What it
  /// has sent and nobody has read is lost, as in QEMU; while there is room it is read first.
  private final func handleHangUp() {
    if inputWatch == nil { endConnection() }
  }

  // MARK: - End

  func close() {
    sendRest()
    receiver = nil
    hasRefused = false
    disconnect()
    stopWatching()
  }

  /// Ends every watch of the backend, before descriptors are closed for good.
  final func stopWatching() {
    stopWatchingChannel()
    if let bellWatch { events.cancel(bellWatch) }
    bellWatch = nil
  }

  private final func stopWatchingChannel() {
    stopInput()
    stopWaiting()
    if let hangUpWatch { events.cancel(hangUpWatch) }
    hangUpWatch = nil
  }

  /// Sends what is buffered while the other end takes some of it in good time.
  private final func sendRest() {
    var patience = Self.closingTime
    while !unsent.isEmpty, let channel {
      switch channel.write(unsent.firstRun) {
      case .bytes(let count): unsent.removeFirst(count)
      case .wait:
        let step: Int32 = 10
        guard patience > 0, let output = channel.output else { return }
        patience -= output.isReady(POLLOUT, milliseconds: step) ? 1 : step
      case .ended: return
      }
    }
  }
}
