internal import Glibc
internal import HostKernel

/// Puts the terminal at standard input into raw mode, and back at the end, however the program ends.
///
/// One at a time for the whole program. Nothing happens where standard input is no terminal.
struct TerminalMode: ~Copyable {
  /// Makes the terminal raw: each key arrives at once, unseen and unchanged. With `allowsSignals` the
  /// keys for interrupt, quit and stop (Ctrl-C, Ctrl-\, Ctrl-Z) still mean the program.
  init(allowsSignals: Bool) {
    var mode = termios()
    guard unsafe tcgetattr(0, &mode) == 0 else { return }
    unsafe TerminalState.original = mode
    mode.c_iflag &= ~tcflag_t(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON)
    mode.c_oflag |= tcflag_t(OPOST)
    mode.c_lflag &= ~tcflag_t(ECHO | ECHONL | ICANON | IEXTEN)
    mode.c_cflag &= ~tcflag_t(CSIZE | PARENB)
    mode.c_cflag |= tcflag_t(CS8)
    unsafe withUnsafeMutableBytes(of: &mode.c_cc) { characters in
      unsafe characters[Int(VMIN)] = 1
      unsafe characters[Int(VTIME)] = 0
    }
    if !allowsSignals { mode.c_lflag &= ~tcflag_t(ISIG) }
    unsafe TerminalState.raw = mode
    unsafe TerminalState.isRaw = true
    TerminalState.installHandlers()
    TerminalState.enter()
  }

  deinit { TerminalState.leave() }
}

/// What signal handlers need of the terminal's mode.
private enum TerminalState {
  // Written on the main thread, before handlers can look or while the write is harmless to them.
  nonisolated(unsafe) static var original = termios()
  nonisolated(unsafe) static var raw = termios()
  nonisolated(unsafe) static var isRaw = false
  nonisolated(unsafe) static var areHandlersInstalled = false

  static func enter() { _ = unsafe tcsetattr(0, TCSANOW, &raw) }

  static func leave() {
    guard unsafe isRaw else { return }
    unsafe isRaw = false
    _ = unsafe tcsetattr(0, TCSANOW, &original)
  }

  /// Signals that end the program, and the one by which a shell lets it go on. Those that the program
  /// ignores stay ignored; those that the main loop takes later are its own.
  static func installHandlers() {
    guard unsafe !areHandlersInstalled else { return }
    unsafe areHandlersInstalled = true
    _ = atexit { TerminalState.leave() }
    for signal in [
      SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV,
    ] {
      install(signal, flags: Int32(bitPattern: UInt32(SA_RESETHAND)) | SA_NODEFER) { signal in
        TerminalState.leave()
        raise(signal)
      }
    }
    install(SIGCONT, flags: SA_RESTART) { _ in
      if unsafe TerminalState.isRaw { TerminalState.enter() }
    }
  }

  private static func install(
    _ signal: Int32, flags: Int32, _ handler: @escaping @convention(c) (Int32) -> Void
  ) {
    var present = sigaction()
    guard unsafe sigaction(signal, nil, &present) == 0 else { return }
    // Only where nobody else has a handler: SIG_DFL is zero.
    let isDefault = unsafe present.__sigaction_handler.sa_handler == nil
    guard isDefault else { return }
    var action = sigaction()
    unsafe action.__sigaction_handler.sa_handler = handler
    action.sa_flags = flags
    _ = unsafe sigaction(signal, &action, nil)
  }
}
