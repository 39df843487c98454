internal import CLinux
internal import Glibc
internal import HostKernel
package import SimulatedKernel
internal import SystemPackage

/// Serves one function over vfio-user 0.0 on a UNIX socket, one client after the other.
///
/// The function is as after power-on for each client. The socket's file goes with the server. Used by one
/// thread, but what signals the descriptor that stops it.
package final class FunctionServer {
  private let served: ServedFunction
  private let listener: UnixListener
  private let report: (String) -> Void

  /// How many messages are taken before the other descriptors are looked at again.
  private static let batch = 64

  /// Begins to listen at `path`. What has to be said of a client goes to `report`, a line each.
  package init(
    _ description: HostFunction, at path: String, report: @escaping (String) -> Void
  ) throws(ServingError) {
    served = try ServedFunction(description, report: report)
    do throws(UnixListenerError) { listener = try UnixListener(path: path) } catch {
      throw .listen(error)
    }
    self.report = report
  }

  /// Serves until the client has gone, or for ever with `keep`; ends as soon as `stop` is readable.
  package func run(until stop: Int32, keep: Bool = false) {
    repeat {
      guard let client = accept(until: stop) else { return }
      defer {
        _ = clinux_close(client)
        served.release()
      }
      guard serve(client, until: stop) else { return }
    } while keep
  }

  /// Waits for a client; nil when told to stop.
  private func accept(until stop: Int32) -> Int32? {
    while true {
      var waiting = [
        pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
        pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      _ = unsafe poll(&waiting, UInt(waiting.count), -1)
      if waiting[0].revents != 0 { return nil }
      guard waiting[1].revents != 0 else { continue }
      switch listener.accept() {
      case .client(let client): return client
      case .none: continue
      case .exhausted:
        report("no descriptor is left to take a client with: this program ends")
        return nil
      }
    }
  }

  /// Answers one client until it goes; false when told to stop.
  private func serve(_ client: Int32, until stop: Int32) -> Bool {
    let session = Session(served)
    var reader = MessageReader()
    while true {
      var waiting = [
        pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
        pollfd(fd: client, events: Int16(POLLIN), revents: 0),
        // A negative number is no descriptor to wait for.
        pollfd(fd: served.interrupts.unmask ?? -1, events: Int16(POLLIN), revents: 0),
      ]
      _ = unsafe poll(&waiting, UInt(waiting.count), -1)
      if waiting[0].revents != 0 { return false }
      if waiting[2].revents & Int16(POLLIN) != 0 {
        EventDescriptor.drain(waiting[2].fd)
        served.unmaskINTx()
      }
      guard waiting[1].revents != 0 else { continue }
      switch takeMessages(of: client, with: &reader, session, until: stop) {
      case .stays: continue
      case .gone: return true
      case .stopped: return false
      }
    }
  }

  private enum Client {
    case stays
    case gone
    case stopped
  }

  /// Answers what the client has sent by now.
  private func takeMessages(
    of client: Int32, with reader: inout MessageReader, _ session: Session, until stop: Int32
  ) -> Client {
    for _ in 0..<Self.batch {
      switch reader.next(from: client) {
      case .wait: return .stays
      case .ended: return .gone
      case .broken(let header, let breach):
        report("\(served.function.address): \(breach), connection closed")
        _ = send(header.refusal(Errno.messageTooLong.rawValue), nil, to: client, until: stop)
        return .gone
      case .message(let message):
        switch session.answer(message) {
        case .silence: continue
        case .reply(let bytes, let descriptor):
          let sent = send(bytes, descriptor, to: client, until: stop)
          guard sent == .stays else { return sent }
        case .end(let bytes, let breach):
          report("\(served.function.address): \(breach), connection closed")
          _ = send(bytes, nil, to: client, until: stop)
          return .gone
        }
      }
    }
    return .stays
  }

  /// Sends a whole reply; waits while the client does not read.
  private func send(
    _ bytes: [UInt8], _ descriptor: Int32?, to client: Int32, until stop: Int32
  ) -> Client {
    var done = 0
    let descriptors = descriptor.map { [$0] } ?? []
    while done < bytes.count {
      let result = unsafe bytes.withUnsafeBytes { buffer in
        guard let base = buffer.baseAddress else { return Int64(0) }
        return unsafe clinux_send(
          client, base + done, buffer.count - done, descriptors,
          done == 0 ? Int32(descriptors.count) : 0)
      }
      switch result {
      case 1...: done += Int(result)
      case Int64(-EAGAIN), Int64(-EINTR):
        var waiting = [
          pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
          pollfd(fd: client, events: Int16(POLLOUT), revents: 0),
        ]
        _ = unsafe poll(&waiting, UInt(waiting.count), -1)
        if waiting[0].revents != 0 { return .stopped }
      default: return .gone
      }
    }
    return .stays
  }
}

extension MessageReader.Breach: CustomStringConvertible {
  var description: String {
    switch self {
    case .tooShort(let length):
      "a message of \(length) bytes is shorter than its header"
    case .tooLong(let length):
      "a message of \(length) bytes is longer than the \(Limit.message) that were agreed on"
    }
  }
}

extension Session.Breach: CustomStringConvertible {
  var description: String {
    switch self {
    case .noVersion: "the client did not begin with its version"
    case .version(let major, let minor): "the client speaks version \(major).\(minor), not 0.0"
    case .versionText: "the client's version message is malformed"
    }
  }
}
