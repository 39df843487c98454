package import Board
package import EventLoop
package import Machine

/// What a monitor speaks.
package enum MonitorService: Sendable, Equatable {
  /// QEMU's machine protocol.
  case qmp(QMPVersion)

  /// QEMU's commands for people.
  case hmp(QMPVersion)

  /// QEMU's protocol for tests of devices.
  case qtest
}

/// Offers a machine to whoever is at the other end of a character device, one client after the other.
///
/// Nothing is read while the session's output is full, so a client that does not read what it asked
/// for is not heard any more, and costs a bounded amount of memory.
@VMMain package final class MonitorServer {
  /// How much input is kept that the session has not taken yet, in bytes.
  fileprivate static let inputLimit = 4096

  private let service: MonitorService
  private let backend: any CharacterBackend
  private let control: any MachineControl
  private var session: (any MonitorSession)?
  /// Read, but not yet taken by the session.
  private var unread: ArraySlice<UInt8> = []
  private var isPumping = false
  private var hasFocus = true

  /// Begins to talk over the backend, until `close` or until the server goes.
  package init(
    _ service: MonitorService, over backend: any CharacterBackend,
    controlling control: any MachineControl
  ) {
    self.service = service
    self.backend = backend
    self.control = control
    control.observeEvents { [weak self] event in self?.announce(event) }
    backend.attach(MonitorReceiver(self))
  }

  isolated deinit { close() }

  /// Whether a client is connected.
  package var hasClient: Bool { session != nil }

  /// Sends what the client takes in good time, and gives the backend up.
  package func close() {
    if let session { send(session) }
    session = nil
    backend.close()
  }

  private func announce(_ event: MachineEvent) {
    session?.announce(event)
    pump()
  }

  /// Lets the session take what it has room to answer, and sends the answers.
  private func pump() {
    guard !isPumping, let session else { return }
    isPumping = true
    repeat {
      if !unread.isEmpty { unread = unread.dropFirst(session.receive(unread)) }
      send(session)
    } while self.session === session && !unread.isEmpty && !session.output.isFull
    isPumping = false
    guard self.session === session else { return }
    if session.output.hasOverflowed {
      self.session = nil
      backend.hangUp()
    } else if unread.isEmpty {
      backend.resumeInput()
    }
  }

  /// Sends until all is sent or there is no room.
  private func send(_ session: any MonitorSession) {
    while !session.output.isEmpty {
      let count = backend.write(session.output.pending)
      session.output.removeFirst(count)
      backend.flush()
      if count == 0 { return }
    }
  }

  private func makeSession() -> any MonitorSession {
    switch service {
    case .qmp(let version): QMPSession(control: control, version: version)
    case .hmp(let version): HMPSession(control: control, version: version)
    case .qtest: QtestSession(control: control)
    }
  }
}

// MARK: - What the backend tells

extension MonitorServer {
  fileprivate var inputRoom: Int { session != nil && unread.isEmpty ? Self.inputLimit : 0 }

  fileprivate func receive(_ bytes: ArraySlice<UInt8>) {
    unread += bytes
    pump()
  }

  fileprivate func outputHasRoom() { pump() }

  fileprivate func connectionOpened() {
    unread = []
    let session = makeSession()
    self.session = session
    if !hasFocus { session.focusChanged(false) }
    session.open()
    pump()
  }

  fileprivate func connectionClosed() {
    if let session, !isPumping { send(session) }
    session = nil
    unread = []
  }

  fileprivate func focusChanged(_ hasFocus: Bool) {
    self.hasFocus = hasFocus
    session?.focusChanged(hasFocus)
    pump()
  }
}

/// Passes on what a backend tells under the machine lock.
private final class MonitorReceiver: CharacterReceiver {
  private weak let server: MonitorServer?

  init(_ server: MonitorServer) { self.server = server }

  var inputRoom: Int {
    let server = server
    return VMMain.assumeIsolated { server?.inputRoom ?? 0 }
  }

  func receive(_ byte: UInt8) { receive([byte][...]) }

  func receive(_ bytes: ArraySlice<UInt8>) {
    let server = server
    VMMain.assumeIsolated { server?.receive(bytes) }
  }

  /// No protocol of a monitor has a meaning for it.
  func receiveBreak() {}

  func outputHasRoom() {
    let server = server
    VMMain.assumeIsolated { server?.outputHasRoom() }
  }

  func connectionOpened() {
    let server = server
    VMMain.assumeIsolated { server?.connectionOpened() }
  }

  func connectionClosed() {
    let server = server
    VMMain.assumeIsolated { server?.connectionClosed() }
  }

  func focusChanged(_ hasFocus: Bool) {
    let server = server
    VMMain.assumeIsolated { server?.focusChanged(hasFocus) }
  }
}
