internal import CLinux
internal import Glibc
package import HostKernel
internal import SystemPackage

/// What a character device is over.
package enum CharacterBackendKind: Equatable, Sendable {
  case null
  /// The program's own input and output; `allowsSignals` leaves keys such as Ctrl-C to the program.
  case standardIO(allowsSignals: Bool)
  /// Output only; the file is created, and emptied unless `appends`.
  case file(path: String, appends: Bool)
  case socket(SocketEndpoint, SocketMode, isPrompt: Bool)
  case pseudoterminal
}

/// What QMP's `query-chardev` tells of one character device.
package struct CharacterDeviceInfo: Equatable, Sendable {
  package let label: String
  package let filename: String
  /// Whether a device uses it.
  package let isFrontEndOpen: Bool

  package init(label: String, filename: String, isFrontEndOpen: Bool) {
    self.label = label
    self.filename = filename
    self.isFrontEndOpen = isFrontEndOpen
  }
}

/// The character devices of a machine by their labels. Used only while the machine lock is held.
package final class CharacterBackends {
  private enum Device {
    case single(any CharacterBackend, isTaken: Bool)
    case shared(MuxBackend)
  }

  private let events: any EventSources
  private let kernel: any HostKernel
  private let escape: UInt8
  private let commands: MuxCommands
  private let announce: (String) -> Void
  private var devices: [(label: String, device: Device)] = []
  /// Those under a multiplexer, by the multiplexer's label with `-base`.
  private var bases: [(label: String, backend: any CharacterBackend)] = []
  private var isStandardIOTaken = false

  /// `escape` is the key by which shared ones switch and command; `announce` gets lines for the user
  /// such as the path of a new terminal.
  package init(
    events: any EventSources, on kernel: any HostKernel,
    escape: UInt8 = MuxBackend.defaultEscape, commands: MuxCommands,
    announce: @escaping (String) -> Void
  ) {
    self.events = events
    self.kernel = kernel
    self.escape = escape
    self.commands = commands
    self.announce = announce
  }

  deinit { close() }

  /// Opens a character device. One that is `shared` can be used by several devices, with an escape key.
  package func open(
    _ kind: CharacterBackendKind, label: String, isShared: Bool = false
  ) throws(CharacterBackendError) {
    guard !devices.contains(where: { $0.label == label }) else { throw .duplicateLabel(label) }
    let backend = try make(kind, label: isShared ? "\(label)-base" : label)
    if isShared {
      bases.append(("\(label)-base", backend))
      devices.append(
        (label, .shared(MuxBackend(over: backend, escape: escape, commands: commands))))
    } else {
      devices.append((label, .single(backend, isTaken: false)))
    }
  }

  /// Gives a device its backend: nil when there is none of this label, or another device has it.
  package func take(_ label: String) -> (any CharacterBackend)? {
    guard let index = devices.firstIndex(where: { $0.label == label }) else { return nil }
    switch devices[index].device {
    case .single(_, isTaken: true): return nil
    case .single(let backend, isTaken: false):
      devices[index].device = .single(backend, isTaken: true)
      return backend
    case .shared(let mux): return mux.makePort()
    }
  }

  /// What there is, in the order of its making.
  package var info: [CharacterDeviceInfo] {
    devices.map { label, device in
      switch device {
      case .single(let backend, let isTaken):
        CharacterDeviceInfo(label: label, filename: backend.filename, isFrontEndOpen: isTaken)
      case .shared: CharacterDeviceInfo(label: label, filename: "mux", isFrontEndOpen: true)
      }
    }
      + bases.map { label, backend in
        CharacterDeviceInfo(label: label, filename: backend.filename, isFrontEndOpen: true)
      }
  }

  /// Sends what is buffered, closes everything, and leaves the terminal as it was found. To be called
  /// before the machine goes: devices and backends hold each other until then.
  package func close() {
    for (_, device) in devices {
      switch device {
      case .single(let backend, _): backend.close()
      case .shared(let mux): mux.close()
      }
    }
    devices = []
    bases = []
  }

  private func make(
    _ kind: CharacterBackendKind, label: String
  ) throws(CharacterBackendError) -> any CharacterBackend {
    switch kind {
    case .null: return NullBackend()
    case .standardIO(let allowsSignals):
      guard !isStandardIOTaken else { throw .standardIOTaken }
      isStandardIOTaken = true
      do throws(Errno) {
        return try StandardIOBackend(allowsSignals: allowsSignals, events: events, on: kernel)
      } catch { throw .eventDescriptor(error) }
    case .file(let path, let appends): return try makeFile(path, appends: appends)
    case .socket(let endpoint, let mode, let isPrompt):
      return try SocketBackend(
        endpoint, mode, isPrompt: isPrompt, events: events, on: kernel, announce: announce)
    case .pseudoterminal:
      let backend = try PseudoterminalBackend(events: events, on: kernel)
      announce("char device redirected to \(backend.path) (label \(label))")
      return backend
    }
  }

  private func makeFile(
    _ path: String, appends: Bool
  ) throws(CharacterBackendError) -> any CharacterBackend {
    let flags = O_WRONLY | O_CREAT | (appends ? O_APPEND : O_TRUNC)
    let descriptor = unsafe clinux_open(path, flags)
    guard descriptor >= 0 else { throw .openFile(path: path, Errno(rawValue: -descriptor)) }
    // What is no regular file, such as a pipe or a serial line, may not keep the machine waiting.
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    let backend: StreamBackend
    do throws(Errno) {
      backend = try StreamBackend(name: "file", events: events, on: kernel)
    } catch {
      Glibc.close(descriptor)
      throw .eventDescriptor(error)
    }
    let end = ByteEnd(descriptor: descriptor, kind: .prompt)
    backend.connect(ByteChannel(input: nil, output: end, owning: [descriptor]))
    return backend
  }
}
