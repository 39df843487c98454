internal import Glibc

/// What became of an attempt to take a client of a listening socket.
package enum SocketArrival: Equatable, Sendable {
  /// A client's descriptor, closed on exec; it belongs to the caller.
  case client(Int32)

  /// Nobody is there after all.
  case none

  /// There is somebody, but the program has no descriptor or memory left.
  case exhausted

  /// Takes the next client of a listening socket; waits only where its mode does.
  init(acceptingOn listener: Int32) {
    let client = Glibc.accept(listener, nil, nil)
    if client >= 0 {
      _ = fcntl(client, F_SETFD, FD_CLOEXEC)
      self = .client(client)
      return
    }
    switch errno {
    case EMFILE, ENFILE, ENOBUFS, ENOMEM: self = .exhausted
    default: self = .none
    }
  }

  /// Takes the next client of a listening socket without waiting, or, with `waiting`, waits for one to
  /// come.
  package static func next(on listener: Int32, waiting: Bool = false) -> SocketArrival {
    if waiting {
      var request = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
      _ = unsafe poll(&request, 1, -1)
    }
    return SocketArrival(acceptingOn: listener)
  }
}
