internal import Glibc
internal import SystemPackage

/// Where a socket is.
package enum SocketEndpoint: Equatable, Sendable {
  case unix(path: String)
  /// An empty host is any address of this machine for a server, and this machine for a client.
  case tcp(host: String, port: String)

  /// As `-serial` names it, `unix:PATH` or `tcp:HOST:PORT`.
  package var text: String {
    switch self {
    case .unix(let path): "unix:\(path)"
    case .tcp(let host, let port): "tcp:\(host.isEmpty ? "0.0.0.0" : host):\(port)"
    }
  }
}

/// One address that a socket can be bound or connected to, as the kernel takes it.
struct SocketAddress {
  let family: Int32
  let bytes: [UInt8]

  /// The address of a UNIX socket.
  static func unix(_ path: String) throws(CharacterBackendError) -> SocketAddress {
    var address = sockaddr_un()
    let limit = MemoryLayout.size(ofValue: address.sun_path)
    guard path.utf8.count < limit else { throw .pathTooLong(path: path, limit: limit) }
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    return SocketAddress(
      family: AF_UNIX, bytes: unsafe withUnsafeBytes(of: &address) { unsafe Array($0) })
  }

  /// The addresses that a host's name and a port stand for; `isPassive` for those to bind to.
  static func resolve(
    host: String, port: String, isPassive: Bool
  ) throws(CharacterBackendError) -> [SocketAddress] {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = isPassive ? AI_PASSIVE : 0
    // Any address means the older family, as in QEMU.
    unsafe hints.ai_family = host.isEmpty ? AF_INET : AF_UNSPEC
    var first: UnsafeMutablePointer<addrinfo>?
    let status = unsafe getaddrinfo(host.isEmpty ? nil : host, port, &hints, &first)
    guard status == 0 else {
      throw .resolve(host: host, port: port, reason: unsafe String(cString: gai_strerror(status)))
    }
    defer { unsafe freeaddrinfo(first) }
    var addresses: [SocketAddress] = []
    var next = unsafe first
    while let entry = unsafe next {
      if let address = unsafe entry.pointee.ai_addr {
        addresses.append(
          SocketAddress(
            family: unsafe entry.pointee.ai_family,
            bytes: unsafe Array(
              UnsafeRawBufferPointer(start: address, count: Int(entry.pointee.ai_addrlen)))))
      }
      unsafe next = entry.pointee.ai_next
    }
    return addresses
  }

  /// Calls a function such as `bind` with the address.
  func with(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    unsafe bytes.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return -1 }
      return unsafe body(base.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
  }

  /// Makes a stream socket of the address's family, closed on exec.
  func makeSocket() throws(CharacterBackendError) -> Int32 {
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw .createSocket(Errno(rawValue: errno)) }
    return descriptor
  }
}
