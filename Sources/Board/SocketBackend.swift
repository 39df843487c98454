internal import Glibc
internal import HostKernel
internal import SystemPackage

/// How a socket comes to a connection.
package enum SocketMode: Equatable, Sendable {
  case client
  /// With `waits` the machine does not start before a client is there.
  case server(waits: Bool)
}

/// The backend `socket`: a connection to a server, or one client after the other of a server of our own.
/// While there is none output is lost, as in QEMU.
final class SocketBackend: StreamBackend {
  /// How long to leave a client waiting while the program has no descriptors left, in milliseconds.
  private static let exhaustionPause: UInt32 = 100

  private let endpoint: SocketEndpoint
  private let isServer: Bool
  private var listener: SocketListener?
  private let isPrompt: Bool
  private var arrivalWatch: WatchToken?

  /// Connects, or listens. `announce` gets a line for the user before a wait for a client;
  /// `isPrompt` sends small pieces at once (`TCP_NODELAY`).
  init(
    _ endpoint: SocketEndpoint, _ mode: SocketMode, isPrompt: Bool, events: any EventSources,
    on kernel: any HostKernel, announce: (String) -> Void
  ) throws(CharacterBackendError) {
    self.endpoint = endpoint
    self.isPrompt = isPrompt
    isServer = mode != .client
    listener = mode == .client ? nil : try SocketListener(endpoint)
    let client = mode == .client ? try Self.connect(to: endpoint) : nil
    do throws(Errno) {
      try super.init(name: endpoint.text, events: events, on: kernel)
    } catch {
      if let client { Glibc.close(client) }
      throw .eventDescriptor(error)
    }
    if let client { use(client) }
    if mode == .server(waits: true) {
      announce("QEMU waiting for connection on: \(filename)")
      waitForClient()
    }
    if listener != nil, !isConnected { listenForClients() }
  }

  override var filename: String {
    "\(isConnected ? "" : "disconnected:")\(endpoint.text)\(isServer ? ",server=on" : "")"
  }

  override func connectionEnded() { listenForClients() }

  override func close() {
    super.close()
    stopListening()
    listener = nil
  }

  deinit { stopListening() }

  // MARK: - Server

  private func listenForClients() {
    guard let listener, arrivalWatch == nil else { return }
    arrivalWatch = events.watch(listener.descriptor) { [unowned self] in takeClient() }
  }

  private func stopListening() {
    if let arrivalWatch { events.cancel(arrivalWatch) }
    arrivalWatch = nil
  }

  private func takeClient() {
    switch listener?.accept() {
    case .client(let client):
      stopListening()
      use(client)
    case .exhausted:
      stopListening()
      arrivalWatch = events.timer(milliseconds: Self.exhaustionPause) { [unowned self] in
        arrivalWatch = nil
        listenForClients()
      }
    case Optional.none, .some(.none): break
    }
  }

  private func waitForClient() {
    while let listener {
      switch listener.accept(waiting: true) {
      case .client(let client): return use(client)
      case .none: continue
      case .exhausted: return
      }
    }
  }

  private func use(_ client: Int32) {
    if isPrompt, case .tcp = endpoint {
      var one: Int32 = 1
      _ = unsafe setsockopt(
        client, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    }
    connect(ByteChannel(.socket, taking: client))
  }

  // MARK: - Client

  /// Waits for the connection, as the machine is being built.
  private static func connect(to endpoint: SocketEndpoint) throws(CharacterBackendError) -> Int32 {
    switch endpoint {
    case .unix(let path): return try connect(to: SocketAddress.unix(path), path)
    case .tcp(let host, let port):
      var failure = CharacterBackendError.resolve(host: host, port: port, reason: "no address")
      for address in try SocketAddress.resolve(host: host, port: port, isPassive: false) {
        do throws(CharacterBackendError) {
          return try connect(to: address, "\(host):\(port)")
        } catch { failure = error }
      }
      throw failure
    }
  }

  private static func connect(
    to address: SocketAddress, _ name: String
  ) throws(CharacterBackendError) -> Int32 {
    let descriptor = try address.makeSocket()
    guard unsafe address.with({ unsafe Glibc.connect(descriptor, $0, $1) }) == 0 else {
      let failure = Errno(rawValue: errno)
      Glibc.close(descriptor)
      throw .connect(address: name, failure)
    }
    return descriptor
  }
}
