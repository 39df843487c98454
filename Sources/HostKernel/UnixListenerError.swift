package import SystemPackage

/// Why nobody can be listened for at the path of a UNIX socket.
package enum UnixListenerError: Error, Sendable, Equatable {
  /// The address of a UNIX socket has room for `limit` bytes, the final zero included.
  case pathTooLong(path: String, limit: Int)

  case createSocket(Errno)

  /// A socket that an earlier program left at the path could not be removed.
  case unlink(path: String, Errno)
  case bind(path: String, Errno)
  case listen(path: String, Errno)
}

extension UnixListenerError: CustomStringConvertible {
  /// QEMU's sentence.
  package var description: String {
    switch self {
    case .pathTooLong(let path, let limit):
      "UNIX socket path '\(path)' is too long\nPath must be less than \(limit) bytes"
    case .createSocket(let errno): "Failed to create Unix socket: \(errno)"
    case .unlink(let path, let errno): "Failed to unlink socket \(path): \(errno)"
    case .bind(let path, let errno): "Failed to bind socket to \(path): \(errno)"
    case .listen(let path, let errno): "Failed to listen on socket \(path): \(errno)"
    }
  }
}
