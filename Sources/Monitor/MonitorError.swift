package import SystemPackage

/// Why a monitor could not be reached at its address.
package enum MonitorError: Error, Sendable, Equatable {
  /// The address of a UNIX socket has room for `limit` bytes, the final zero included.
  case pathTooLong(path: String, limit: Int)

  case createSocket(Errno)

  /// A socket that an earlier program left at the path could not be removed.
  case unlink(path: String, Errno)
  case bind(path: String, Errno)
  case listen(path: String, Errno)
}

extension MonitorError: CustomStringConvertible {
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
