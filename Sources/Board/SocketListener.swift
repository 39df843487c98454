internal import Glibc
internal import HostKernel
internal import SystemPackage

/// A listening stream socket; the file of a UNIX socket goes when it does.
final class SocketListener {
  private enum Listener: ~Copyable {
    case unix(UnixListener)
    case tcp(OwnedSocket)
  }

  let descriptor: Int32
  private let listener: Listener

  /// Binds and listens.
  init(_ endpoint: SocketEndpoint) throws(CharacterBackendError) {
    switch endpoint {
    case .unix(let path):
      do throws(UnixListenerError) {
        let unix = try UnixListener(path: path)
        descriptor = unix.descriptor
        listener = .unix(unix)
      } catch {
        throw .listen(error)
      }
    case .tcp(let host, let port):
      descriptor = try Self.listen(host: host, port: port)
      listener = .tcp(OwnedSocket(descriptor: descriptor))
    }
  }

  /// Takes the next client, if there is one; with `waiting` waits for one.
  func accept(waiting: Bool = false) -> SocketArrival { .next(on: descriptor, waiting: waiting) }

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
      do throws(CharacterBackendError) { return try listen(at: address) } catch {
        failure = error
      }
    }
    throw failure
  }

  private static func listen(
    at address: SocketAddress
  ) throws(CharacterBackendError) -> Int32 {
    let descriptor = try address.makeSocket()
    var one: Int32 = 1
    _ = unsafe setsockopt(
      descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    do throws(CharacterBackendError) {
      guard unsafe address.with({ unsafe bind(descriptor, $0, $1) }) == 0 else {
        throw .bind(Errno(rawValue: errno))
      }
      guard Glibc.listen(descriptor, 1) == 0 else {
        throw .listenAtPort(Errno(rawValue: errno))
      }
      _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
      return descriptor
    } catch {
      close(descriptor)
      throw error
    }
  }
}

/// A socket that is closed when it goes.
private struct OwnedSocket: ~Copyable {
  let descriptor: Int32

  deinit { close(descriptor) }
}
