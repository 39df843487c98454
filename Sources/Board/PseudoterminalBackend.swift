internal import CLinux
internal import Glibc
internal import HostKernel
internal import SystemPackage

/// The backend `pty`: a terminal of our own making that a program such as `screen` opens by its path.
/// While nobody has it open output is lost, as in QEMU.
final class PseudoterminalBackend: StreamBackend {
  /// How often to look for a user, in milliseconds.
  private static let lookingPeriod: UInt32 = 250

  /// The path of the terminal, `/dev/pts/3`.
  let path: String
  private let master: Int32
  private var lookingTimer: WatchToken?

  /// Makes the terminal, in raw mode, and waits for a user.
  init(events: any EventSources, on kernel: any HostKernel) throws(CharacterBackendError) {
    let terminal: (master: Int32, path: String)
    do throws(Errno) { terminal = try Self.openTerminal() } catch {
      throw .openPseudoterminal(error)
    }
    master = terminal.master
    path = terminal.path
    do throws(Errno) {
      try super.init(name: "pty:\(path)", events: events, on: kernel)
    } catch {
      Glibc.close(terminal.master)
      throw .eventDescriptor(error)
    }
    lookForUser()
  }

  deinit {
    stopLooking()
    stopWatching()
    Glibc.close(master)
  }

  override func connectionEnded() { lookForUser() }

  override func close() {
    super.close()
    stopLooking()
  }

  private func lookForUser() {
    guard !hasUser else { return connectUser() }
    lookingTimer = events.timer(milliseconds: Self.lookingPeriod) { [unowned self] in
      lookingTimer = nil
      lookForUser()
    }
  }

  private func stopLooking() {
    if let lookingTimer { events.cancel(lookingTimer) }
    lookingTimer = nil
  }

  private func connectUser() {
    let end = ByteEnd(descriptor: master, kind: .prompt)
    connect(ByteChannel(input: end, output: end, owning: []))
  }

  private var hasUser: Bool {
    var request = pollfd(fd: master, events: 0, revents: 0)
    return unsafe poll(&request, 1, 0) == 0
  }

  private static func openTerminal() throws(Errno) -> (master: Int32, path: String) {
    let master = try opened("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK)
    do throws(Errno) {
      var number: UInt32 = 0
      var isLocked: Int32 = 0
      try checked(unsafe clinux_ioctl_pointer(master, TerminalRequest.number, &number))
      try checked(unsafe clinux_ioctl_pointer(master, TerminalRequest.lock, &isLocked))
      let path = "/dev/pts/\(number)"
      // Opened and closed once: from then on the kernel says whether somebody has it open.
      let user = try opened(path, O_RDWR | O_NOCTTY)
      var mode = termios()
      if unsafe tcgetattr(user, &mode) == 0 {
        unsafe cfmakeraw(&mode)
        _ = unsafe tcsetattr(user, TCSAFLUSH, &mode)
      }
      Glibc.close(user)
      return (master, path)
    } catch {
      Glibc.close(master)
      throw error
    }
  }

  private static func opened(_ path: String, _ flags: Int32) throws(Errno) -> Int32 {
    let descriptor = unsafe clinux_open(path, flags)
    try checked(descriptor)
    return descriptor
  }

  private static func checked(_ result: Int32) throws(Errno) {
    if result < 0 { throw Errno(rawValue: -result) }
  }
}

/// Ioctls of a pseudoterminal's master side (`asm-generic/ioctls.h`).
private enum TerminalRequest {
  /// `TIOCGPTN`: its number, a `u32`.
  static let number: UInt = 0x8004_5430
  /// `TIOCSPTLCK`: an `int`, whether the other side cannot be opened.
  static let lock: UInt = 0x4004_5431
}
