import Board
import HostKernel

/// A backend that remembers its output and has as much room as a test gives it.
final class RecordingBackend: CharacterBackend {
  var output: [UInt8] = []
  var room = Int.max
  var resumes = 0
  /// Not kept alive: tests hold the device.
  private weak var receiver: (any CharacterReceiver)?

  let filename = "test"

  func write(_ byte: UInt8) -> Bool {
    guard room > 0 else { return false }
    room -= 1
    output.append(byte)
    return true
  }

  func attach(_ receiver: any CharacterReceiver) { self.receiver = receiver }

  func resumeInput() { resumes += 1 }

  func close() { receiver = nil }

  /// Gives as many bytes as the receiver has room for, and says how many.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Int {
    var sent = 0
    for byte in bytes {
      guard let receiver, receiver.inputRoom > 0 else { break }
      receiver.receive(byte)
      sent += 1
    }
    return sent
  }

  func open() { receiver?.connectionOpened() }

  func hangUp() { receiver?.connectionClosed() }

  func sendBreak() { receiver?.receiveBreak() }

  func giveRoom(_ bytes: Int) {
    room = bytes
    receiver?.outputHasRoom()
  }
}

/// A clock that a test turns by hand.
final class ManualClock {
  var now: UInt64 = 0
  /// The wall clock, nanoseconds since the epoch, when `now` was 0.
  var epoch: Int64

  init(epoch: Int64 = 0) { self.epoch = epoch }

  var clock: BoardClock {
    BoardClock(
      monotonic: { [unowned self] in now },
      wallClock: { [unowned self] in epoch &+ Int64(truncatingIfNeeded: now) })
  }
}
