import Board

/// A device that remembers its input and has as much room as a test gives it.
final class RecordingReceiver: CharacterReceiver {
  var input: [UInt8] = []
  var inputRoom = Int.max
  var breaks = 0
  var roomCalls = 0

  var text: String { String(decoding: input, as: UTF8.self) }

  func receive(_ byte: UInt8) {
    input.append(byte)
    inputRoom -= 1
  }

  func receiveBreak() { breaks += 1 }

  func outputHasRoom() { roomCalls += 1 }
}
