package import HostKernel
package import SystemPackage

/// Why a character device could not be opened.
package enum CharacterBackendError: Error, Equatable, Sendable {
  case openFile(path: String, Errno)
  case createSocket(Errno)
  case resolve(host: String, port: String, reason: String)
  /// The path of a server to connect to.
  case pathTooLong(path: String, limit: Int)
  case listen(UnixListenerError)
  /// No address of a host and a port could be bound.
  case bind(Errno)
  case listenAtPort(Errno)
  case connect(address: String, Errno)
  case openPseudoterminal(Errno)
  case standardIOTaken
  case eventDescriptor(Errno)
  case duplicateLabel(String)

  /// A sentence for the user, in QEMU's words.
  package var message: String {
    switch self {
    case .openFile(let path, let errno): "Could not open '\(path)': \(errno)"
    case .createSocket(let errno): "Failed to create socket: \(errno)"
    case .resolve(let host, let port, let reason):
      "address resolution failed for \(host):\(port): \(reason)"
    case .pathTooLong(let path, let limit):
      "UNIX socket path '\(path)' is too long\nPath must be less than \(limit) bytes"
    case .listen(let error): error.description
    case .bind(let errno): "Failed to find an available port: \(errno)"
    case .listenAtPort(let errno): "Failed to listen on socket: \(errno)"
    case .connect(let address, let errno): "Failed to connect to '\(address)': \(errno)"
    case .openPseudoterminal(let errno): "Failed to create PTY: \(errno)"
    case .standardIOTaken: "cannot use stdio by multiple character devices"
    case .eventDescriptor(let errno): "cannot create an eventfd for a character device: \(errno)"
    case .duplicateLabel(let label): "Chardev '\(label)' already exists"
    }
  }
}
