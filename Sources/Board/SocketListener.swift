internal import Glibc
internal import SystemPackage

/// A listening stream socket; the file of a UNIX socket goes when it does.
final class SocketListener {
  let descriptor: Int32
  /// The path of a UNIX socket and which file is there, so that one that another program put there since
  /// is left alone.
  private let file: (path: String, identity: SocketFile)?

  /// Binds and listens. A UNIX socket that is there already is taken for one that an earlier program
  /// left, as QEMU does; another kind of file is left alone.
  init(_ endpoint: SocketEndpoint) throws(CharacterBackendError) {
    switch endpoint {
    case .unix(let path):
      let address = try SocketAddress.unix(path)
      if SocketFile(at: path) != nil, unsafe unlink(path) != 0, errno != ENOENT {
        throw .unlink(path: path, Errno(rawValue: errno))
      }
      descriptor = try Self.listen(at: address, path: path)
      file = SocketFile(at: path).map { (path, $0) }
    case .tcp(let host, let port):
      descriptor = try Self.listen(host: host, port: port)
      file = nil
    }
  }

  deinit {
    close(descriptor)
    if let file, SocketFile(at: file.path) == file.identity { _ = unsafe unlink(file.path) }
  }

  /// What became of an attempt to take a client.
  enum Arrival: Equatable {
    /// A client's descriptor, closed on exec; it belongs to the caller.
    case client(Int32)
    /// Nobody is there after all.
    case none
    /// There is somebody, but the program has no descriptor or memory left.
    case exhausted
  }

  /// Takes the next client, if there is one; with `waiting` waits for one.
  func accept(waiting: Bool = false) -> Arrival {
    if waiting {
      var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      _ = unsafe poll(&request, 1, -1)
    }
    let client = Glibc.accept(descriptor, nil, nil)
    guard client >= 0 else {
      switch errno {
      case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted
      default: return .none
      }
    }
    _ = fcntl(client, F_SETFD, FD_CLOEXEC)
    return .client(client)
  }

  /// The port that the kernel chose or that was asked for; nil for a UNIX socket.
  var port: UInt16? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let status = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(descriptor, $0, &length)
      }
    }
    guard status == 0 else { return nil }
    let family = Int32(storage.ss_family)
    guard family == AF_INET || family == AF_INET6 else { return nil }
    // Both families have the port after the family's two bytes, in network order.
    return unsafe withUnsafeBytes(of: &storage) { bytes in
      unsafe UInt16(bytes[2]) << 8 | UInt16(bytes[3])
    }
  }

  private static func listen(
    host: String, port: String
  ) throws(CharacterBackendError) -> Int32 {
    var failure = CharacterBackendError.resolve(host: host, port: port, reason: "no address")
    for address in try SocketAddress.resolve(host: host, port: port, isPassive: true) {
      do throws(CharacterBackendError) { return try listen(at: address, path: nil) } catch {
        failure = error
      }
    }
    throw failure
  }

  private static func listen(
    at address: SocketAddress, path: String?
  ) throws(CharacterBackendError) -> Int32 {
    let descriptor = try address.makeSocket()
    if path == nil {
      var one: Int32 = 1
      _ = unsafe setsockopt(
        descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    }
    do throws(CharacterBackendError) {
      guard unsafe address.with({ unsafe bind(descriptor, $0, $1) }) == 0 else {
        throw .bind(path: path, Errno(rawValue: errno))
      }
      guard Glibc.listen(descriptor, 1) == 0 else {
        throw .listen(path: path, Errno(rawValue: errno))
      }
      _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
      return descriptor
    } catch {
      close(descriptor)
      throw error
    }
  }
}

/// Which file a path names.
private struct SocketFile: Equatable {
  let device: UInt
  let inode: UInt

  /// Nil when there is no socket at `path`.
  init?(at path: String) {
    var status = stat()
    guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
    device = UInt(status.st_dev)
    inode = UInt(status.st_ino)
  }
}
