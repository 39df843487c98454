package import EventLoop
package import Machine

/// One client's conversation: bytes in, bytes out, nothing about where they come from or go to.
@VMMain package protocol MonitorSession: AnyObject {
  /// What is to be sent to the client.
  var output: OutputQueue { get set }

  /// Says what a client hears first.
  func open()

  /// Takes bytes from the client and answers the requests that they complete. Returns how many bytes
  /// it took: all of them, unless the output is full.
  func receive(_ bytes: ArraySlice<UInt8>) -> Int

  /// Tells the client what happened to the machine, if the protocol has a way and it may hear it.
  func announce(_ event: MachineEvent)

  /// The keyboard went to another user of the same terminal, or came back.
  func focusChanged(_ hasFocus: Bool)
}

extension MonitorSession {
  package func focusChanged(_ hasFocus: Bool) {}
}
