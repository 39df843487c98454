import Board

/// A device that remembers its input and has as much room as a test gives it.
final class RecordingReceiver: CharacterReceiver {
  var input: [UInt8] = []
  var inputRoom = Int.max
  var breaks = 0
  var roomCalls = 0
  /// What was told of the other end and of the keyboard, in order.
  var notices: [String] = []

  var text: String { String(decoding: input, as: UTF8.self) }

  func receive(_ byte: UInt8) {
    input.append(byte)
    inputRoom -= 1
  }

  func receiveBreak() { breaks += 1 }

  func outputHasRoom() { roomCalls += 1 }

  func connectionOpened() { notices.append("opened") }

  func connectionClosed() { notices.append("closed") }

  func focusChanged(_ hasFocus: Bool) { notices.append(hasFocus ? "focus" : "no focus") }
}
