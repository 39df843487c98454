/// Where the bytes of a character device go to and come from: a terminal, a socket, a file.
///
/// Used only while the machine lock is held. Output is buffered up to a bound and sent by the main
/// loop, so that a write by the guest neither allocates nor waits.
package protocol CharacterBackend: AnyObject {
  /// Takes one byte of output. When there is no room returns false and tells the receiver of room
  /// later. Where nobody can read, a byte is taken and lost.
  func write(_ byte: UInt8) -> Bool

  /// Takes the first bytes of output as far as there is room, and says how many; with fewer than all it
  /// tells the receiver of room later.
  func write(_ bytes: ArraySlice<UInt8>) -> Int

  /// Sends at once what is buffered, as far as the other end takes it. On the main loop only.
  func flush()

  /// Lets the present other end go and, where there can be, waits for another.
  func hangUp()

  /// Says who gets input from now on. The receiver is kept until `close` or another `attach`.
  func attach(_ receiver: any CharacterReceiver)

  /// Says that the receiver, which had no room for input, may have some again.
  func resumeInput()

  /// What QMP's `query-chardev` calls the backend, such as `pty:/dev/pts/3`.
  var filename: String { get }

  /// Sends what is buffered as far as the other end takes it within a fraction of a second, lets the
  /// receiver go, and gives up what was opened. Writes after this are lost.
  func close()
}

extension CharacterBackend {
  package func write(_ bytes: ArraySlice<UInt8>) -> Int {
    var count = 0
    for byte in bytes {
      guard write(byte) else { break }
      count += 1
    }
    return count
  }

  package func flush() {}

  package func hangUp() {}
}

/// A device or monitor that uses a `CharacterBackend`. Called with the machine lock held.
package protocol CharacterReceiver: AnyObject {
  /// How many bytes of input there is room for now.
  var inputRoom: Int { get }

  /// Takes one byte of input; called only while there is room.
  func receive(_ byte: UInt8)

  /// Takes bytes of input, no more than there is room for.
  func receive(_ bytes: ArraySlice<UInt8>)

  /// The other end sent a break.
  func receiveBreak()

  /// A write that was refused may succeed now.
  func outputHasRoom()

  /// There is somebody at the other end now, or was already when the receiver was attached.
  func connectionOpened()

  /// Whoever was at the other end says no more; output may still be heard.
  func connectionClosed()

  /// The keyboard of a shared backend went elsewhere, or came.
  func focusChanged(_ hasFocus: Bool)
}

/// What a device does that asks nobody who is at the other end.
extension CharacterReceiver {
  package func receive(_ bytes: ArraySlice<UInt8>) {
    for byte in bytes { receive(byte) }
  }

  package func connectionOpened() {}

  package func connectionClosed() {}

  package func focusChanged(_ hasFocus: Bool) {}
}

/// The backend `null`: takes all output, gives no input.
package final class NullBackend: CharacterBackend {
  package init() {}

  package var filename: String { "null" }

  package func write(_ byte: UInt8) -> Bool { true }

  package func attach(_ receiver: any CharacterReceiver) {}

  package func resumeInput() {}

  package func close() {}
}
