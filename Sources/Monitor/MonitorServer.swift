package import CommandLine
package import EventLoop
internal import Glibc
package import HostKernel
package import Machine

/// What a monitor speaks.
package enum MonitorService: Sendable, Equatable {
  /// QEMU's machine protocol.
  case qmp(QMPVersion)

  /// QEMU's protocol for tests of devices.
  case qtest
}

/// Offers a machine to clients at one address, one client at a time, on the main loop. The next
/// client of a socket waits until the one before is gone.
@VMMain package final class MonitorServer {
  private let service: MonitorService
  private let control: any MachineControl
  private var listener: UnixListener?
  private var listenerWatch: EventSource?
  private var retry: EventSource?
  private var session: (any MonitorSession)?
  private var connection: MonitorConnection?

  /// Begins to listen, or to talk over standard input and output. Both last until `close`, or until
  /// the server goes.
  package init(
    _ service: MonitorService, at endpoint: CharacterDevice.Endpoint,
    controlling control: any MachineControl
  ) throws(UnixListenerError) {
    self.service = service
    self.control = control
    switch endpoint {
    case .unixServer(let path):
      listener = try UnixListener(path: path)
      awaitClient()
    case .standardIO:
      // A reader of standard output that goes away is the end of a conversation, not of the program.
      _ = signal(SIGPIPE, SIG_IGN)
      serve(ByteStream(borrowing: STDIN_FILENO, STDOUT_FILENO))
    }
    control.observeEvents { [weak self] event in self?.announce(event) }
  }

  /// Whether a client is connected.
  package var hasClient: Bool { connection != nil }

  /// Sends what there is room for without waiting, lets the client go, and takes the socket away.
  package func close() {
    connection?.close()
    connection = nil
    session = nil
    listenerWatch = nil
    retry = nil
    listener = nil
  }

  private func announce(_ event: MachineEvent) {
    session?.announce(event)
    connection?.flush()
  }

  private func awaitClient() {
    guard let descriptor = listener?.descriptor else { return }
    listenerWatch = MainLoop.watch(descriptor, for: .readable) { [weak self] _ in
      self?.acceptClient()
    }
  }

  private func acceptClient() {
    switch listener?.accept() {
    case .client(let descriptor):
      listenerWatch = nil
      serve(ByteStream(takingSocket: descriptor))
    case .exhausted:
      // The client stays in the queue, and the loop would spin on it.
      listenerWatch = nil
      retry = MainLoop.timer(milliseconds: 100) { [weak self] in self?.awaitClient() }
    case .some(.none), nil: break
    }
  }

  private func serve(_ stream: consuming ByteStream) {
    let session = makeSession()
    self.session = session
    let connection = MonitorConnection(stream, session) { [weak self] in self?.clientLeft() }
    self.connection = connection
    connection.open()
  }

  private func clientLeft() {
    session = nil
    connection = nil
    awaitClient()
  }

  private func makeSession() -> any MonitorSession {
    switch service {
    case .qmp(let version): QMPSession(control: control, version: version)
    case .qtest: QtestSession(control: control)
    }
  }
}
