internal import Glibc
internal import HostKernel
internal import SystemPackage

/// The backend `stdio`: the program's own input and output, with the terminal in raw mode if there is
/// one.
final class StandardIOBackend: StreamBackend {
  private var terminal: TerminalMode?

  /// `allowsSignals` leaves keys such as Ctrl-C to the program. Throws as `eventfd(2)`.
  init(
    allowsSignals: Bool, events: any EventSources, on kernel: any HostKernel
  ) throws(Errno) {
    terminal = TerminalMode(allowsSignals: allowsSignals)
    try super.init(name: "stdio", events: events, on: kernel)
    connect(Self.channel())
  }

  override func close() {
    super.close()
    terminal = nil
  }

  /// Standard input and output belong to others as well, so that their mode cannot be changed; a
  /// terminal or pipe for output is opened once more, in nonblocking mode.
  private static func channel() -> ByteChannel {
    var status = stat()
    let isKnown = unsafe fstat(1, &status) == 0
    let output: ByteEnd
    var owned: [Int32] = []
    switch isKnown ? status.st_mode & S_IFMT : 0 {
    case S_IFREG: output = ByteEnd(descriptor: 1, kind: .prompt)
    case S_IFSOCK: output = ByteEnd(descriptor: 1, kind: .socket)
    case S_IFIFO:
      owned = reopened()
      output =
        owned.first.map { ByteEnd(descriptor: $0, kind: .prompt) }
        ?? ByteEnd(descriptor: 1, kind: .shared(limit: 512))
    default:
      owned = reopened()
      output =
        owned.first.map { ByteEnd(descriptor: $0, kind: .prompt) }
        ?? ByteEnd(descriptor: 1, kind: .shared(limit: 1))
    }
    return ByteChannel(
      input: ByteEnd(descriptor: 0, kind: .shared(limit: 1)), output: output, owning: owned)
  }

  /// Standard output once more as a description of our own; none where that is not allowed.
  private static func reopened() -> [Int32] {
    let descriptor = unsafe open(
      "/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
    return descriptor < 0 ? [] : [descriptor]
  }
}
