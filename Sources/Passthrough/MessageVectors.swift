internal import HostKernel
internal import VFIO

/// Which kind of message-signalled interrupt of a function is on, and its vectors.
///
/// Used under the machine lock.
final class MessageVectors {
  enum Mode {
    case off
    case msi
    case msix
  }

  private(set) var mode = Mode.off
  /// By number; nil for a vector that was never used since the mode is on.
  private var vectors: [MessageVector?] = []
  /// As many as the host was asked for: one more than the highest that was used.
  private(set) var count = 0
  /// Whether masking and unmasking act on vectors.
  var followsMasks = false
  /// Whether routes and the host's vectors are set up for all vectors at once, later.
  var isDeferred = false
  /// Vectors of MSI-X that fired while masked, so that the pending bits are emulated.
  private var waiting: [Bool] = []
  private var waitingCount = 0

  /// Begins a mode with room for vectors.
  func begin(_ mode: Mode, capacity: Int) {
    self.mode = mode
    vectors = [MessageVector?](repeating: nil, count: capacity)
    waiting = [Bool](repeating: false, count: capacity)
    waitingCount = 0
    count = 0
  }

  /// Ends the mode and all that its vectors hold.
  func end() {
    mode = .off
    followsMasks = false
    isDeferred = false
    vectors = []
    waiting = []
    waitingCount = 0
    count = 0
  }

  /// A vector in use, or nil.
  subscript(number: Int) -> MessageVector? {
    vectors.indices.contains(number) ? vectors[number] : nil
  }

  /// Puts a vector into use.
  func use(_ vector: MessageVector, at number: Int) {
    guard vectors.indices.contains(number) else { return }
    vectors[number] = vector
  }

  /// Notes that the host has been asked for a vector, and says whether it is above all before.
  func reach(_ number: Int) -> Bool {
    guard number >= count else { return false }
    count = number + 1
    return true
  }

  /// Notes that a vector fired while it was masked.
  func setWaiting(_ number: Int) {
    guard waiting.indices.contains(number), !waiting[number] else { return }
    waiting[number] = true
    waitingCount += 1
  }

  /// Notes that a vector waits no longer, and says whether none does.
  func clearWaiting(_ number: Int) -> Bool {
    if waiting.indices.contains(number), waiting[number] {
      waiting[number] = false
      waitingCount -= 1
    }
    return waitingCount == 0
  }

  /// Calls `body` with each vector in use, in order.
  func forEachUsed(_ body: (Int, MessageVector) -> Void) {
    for number in vectors.indices {
      // The body may end the mode.
      guard number < vectors.count else { return }
      if let vector = vectors[number] { body(number, vector) }
    }
  }
}
