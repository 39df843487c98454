import Glibc

/// A program to run to its end.
///
/// SIGINT, SIGTERM and SIGHUP are blocked in this process while the program runs and end the program
/// instead, so that nothing is left behind. Used by one thread, one program at a time.
struct ChildProcess {
  /// How a program ended.
  enum Ending: Equatable {
    case exited(Int32)
    /// By a signal that did not come from here.
    case killed(signal: Int32)
    /// It had no time left and was stopped.
    case timedOut
    /// This process was told to end, by this signal, and stopped it.
    case interrupted(signal: Int32)
  }

  /// The program, looked up on the PATH, and its arguments.
  var arguments: [String]
  /// What stops it: a signal it can answer by cleaning up, or SIGKILL.
  var stopSignal = SIGTERM
  /// After how many seconds it is stopped.
  var timeLimit: Int?
  /// False to give it an empty standard input.
  var hasInput = false

  /// How often the time limit and this process's own signals are looked at, in milliseconds.
  private static let period: Int32 = 100

  /// Runs the program; its standard output goes to `output`, or where this process's goes.
  func run(
    output: ((ArraySlice<UInt8>) throws(LabError) -> Void)? = nil
  ) throws(LabError) -> Ending {
    var watched = sigset_t()
    var previous = sigset_t()
    unsafe sigemptyset(&watched)
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGCHLD] { unsafe sigaddset(&watched, signal) }
    unsafe sigprocmask(SIG_BLOCK, &watched, &previous)
    defer { unsafe sigprocmask(SIG_SETMASK, &previous, nil) }

    var pipeEnds: [Int32] = [-1, -1]
    if output != nil {
      guard unsafe pipe(&pipeEnds) == 0 else {
        throw .system(operation: "make a pipe for", object: name, errno: errno)
      }
      // The program gets the write end as a duplicate; these two stay this process's own.
      for end in pipeEnds { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    }
    defer { if output != nil { close(pipeEnds[0]) } }
    let pid: pid_t
    do {
      defer { if output != nil { close(pipeEnds[1]) } }
      pid = try start(output: pipeEnds[1], signalMask: previous)
    }

    let clock = ContinuousClock()
    let deadline = timeLimit.map { clock.now.advanced(by: .seconds($0)) }
    var isOpen = output != nil
    var stopped: Ending?
    var ended: Int32?
    while ended == nil || isOpen {
      if let output, isOpen {
        isOpen = try pass(from: pipeEnds[0], to: output, wait: ended == nil)
      }
      if ended == nil {
        let wait = isOpen ? 0 : Int(Self.period) * 1_000_000
        if let signal = nextSignal(of: watched, nanoseconds: wait), stopped == nil {
          stopped = .interrupted(signal: signal)
          kill(pid, stopSignal)
        }
        if let deadline, stopped == nil, clock.now >= deadline {
          stopped = .timedOut
          kill(pid, stopSignal)
        }
        var status: Int32 = 0
        if unsafe waitpid(pid, &status, WNOHANG) == pid { ended = status }
      }
    }
    if let stopped { return stopped }
    let status = ended ?? 0
    return status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .killed(signal: status & 0x7f)
  }

  private var name: String { arguments.first ?? "" }

  /// Starts the program with standard output `output`, or this process's when that is negative.
  private func start(output: Int32, signalMask: sigset_t) throws(LabError) -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    if output >= 0 { unsafe posix_spawn_file_actions_adddup2(&actions, output, 1) }
    if !hasInput { unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) }

    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var mask = signalMask
    unsafe posix_spawnattr_setsigmask(&attributes, &mask)

    var strings: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe strings.indices { unsafe free(strings[index]) } }
    var pid: pid_t = 0
    let code = unsafe posix_spawnp(&pid, name, &actions, &attributes, &strings, environ)
    guard code == 0 else { throw .system(operation: "start", object: name, errno: code) }
    return pid
  }

  /// Passes on what is there to read; false when nobody can write any more. With `wait`, waits up to
  /// one period for something; without, what is not there now will not come.
  private func pass(
    from descriptor: Int32, to output: (ArraySlice<UInt8>) throws(LabError) -> Void, wait: Bool
  ) throws(LabError) -> Bool {
    var waited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&waited, 1, wait ? Self.period : 0) > 0 else { return wait }
    var chunk = [UInt8](repeating: 0, count: 65536)
    let count = unsafe chunk.withUnsafeMutableBytes { bytes in
      unsafe read(descriptor, bytes.baseAddress, bytes.count)
    }
    guard count > 0 else { return count < 0 && errno == EINTR }
    try output(chunk[..<count])
    return true
  }

  /// The next signal that tells this process to end, if one is pending or comes in time.
  private func nextSignal(of watched: sigset_t, nanoseconds: Int) -> Int32? {
    var set = watched
    var time = timespec(tv_sec: 0, tv_nsec: nanoseconds)
    let signal = unsafe sigtimedwait(&set, nil, &time)
    return signal > 0 && signal != SIGCHLD ? signal : nil
  }
}
