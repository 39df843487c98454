import Glibc

/// The terminal or file that the report goes to.
enum StandardOutput {
  /// Whether the report may be coloured: only on a terminal, and not when `NO_COLOR` is set.
  static var takesColor: Bool {
    let isRefused = unsafe getenv("NO_COLOR") != nil
    return !isRefused && isatty(STDOUT_FILENO) == 1
  }

  /// The columns of the terminal, or 120 for a file or a pipe.
  static var columns: Int {
    var size = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 40 else {
      return 120
    }
    return Int(size.ws_col)
  }

  /// Writes all of `bytes`; ends the program with status 2 when that fails.
  static func write(_ bytes: ArraySlice<UInt8>) {
    if !write(bytes, to: STDOUT_FILENO) {
      writeError(
        "swiftvmm-trace: cannot write the report: \(unsafe String(cString: strerror(errno)))\n")
      exit(2)
    }
  }

  /// Writes a message to the standard error.
  static func writeError(_ message: String) {
    _ = write(Array(message.utf8)[...], to: STDERR_FILENO)
  }

  private static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      let written = unsafe rest.withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if written < 0 && errno == EINTR { continue }
      guard written > 0 else { return false }
      rest = rest.dropFirst(written)
    }
    return true
  }
}
