import Board
import EventLoop
import HostKernel
import Machine
import Monitor

/// A monitor on a character device of its own.
@VMMain final class TestServer {
  static let version = QMPVersion(major: 11, minor: 1, micro: 3, package: "p")

  private let devices: CharacterBackends
  private let server: MonitorServer

  /// Listens at the path of a UNIX socket.
  convenience init(
    _ machine: FakeMachine, _ path: String, _ service: MonitorService = .qmp(version)
  ) throws {
    try self.init(
      machine, .socket(.unix(path: path), .server(waits: false), isPrompt: false), service)
  }

  init(_ machine: FakeMachine, _ kind: CharacterBackendKind, _ service: MonitorService) throws {
    devices = CharacterBackends(
      events: LoopEventSources(), on: LinuxKernel(), commands: MuxCommands(quit: {}),
      announce: { _ in })
    try devices.open(kind, label: "monitor")
    guard let backend = devices.take("monitor") else { throw NoBackend() }
    server = MonitorServer(service, over: backend, controlling: machine)
  }

  var hasClient: Bool { server.hasClient }

  func close() { server.close() }
}

private struct NoBackend: Error {}
