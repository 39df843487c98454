import Glibc

extension Lab {
  /// Boots the machine for `request` and returns the exit status that its session left.
  func runInMachine(_ request: RunRequest, output: String) throws(LabError) -> Int32 {
    let programs = try programs(for: request)
    let machine = try checkout.machine(request.machine)
    let kernel = try build(.kernel)
    let root = try build(.root)

    let sockets = machine.served.map { "\($0.name).socket" }
    for name in ["status", "output.log", "console.log"] + sockets {
      try Files.remove("\(output)/\(name)")
    }
    var session = request.sessionCommand
    session.environment.append((name: "PATH", value: "/lab/input/bin:\(Self.searchPath)"))
    var boot = BootCommand(
      machine: machine, labFolder: checkout.labFolder, root: root, kernel: kernel, output: output)
    boot.timestampKilohertz = TimestampCounter.measureKilohertz()
    boot.isInteractive = request.what == .shell
    if boot.isInteractive { session.terminal = Self.terminal() }
    if !machine.served.isEmpty { boot.server = try server(for: request) }
    boot.inputs = programs.map { .init(path: $0.path, name: "bin/\($0.name)") }
    boot.inputs.append(.init(path: "\(checkout.path)/Tests/Traces", name: "traces"))
    let payloads = "\(checkout.path)/.build/guests/payloads"
    if Files.exists(payloads) { boot.inputs.append(.init(path: payloads, name: "payloads")) }
    if let runtime = try swiftRuntime() {
      boot.inputs.append(.init(path: runtime, name: "swift"))
      session.environment.append((name: "LD_LIBRARY_PATH", value: "/lab/input/swift"))
    }
    try Files.write(session.script, to: "\(output)/command")

    let versions = try (kernel: version(in: kernel), root: version(in: root))
    say("booting Linux \(versions.kernel) on \(versions.root)")
    let clock = ContinuousClock()
    let began = clock.now
    let ending = try start(boot, request, output: output)
    for name in sockets { try Files.remove("\(output)/\(name)") }
    if boot.isInteractive { return 0 }
    switch ending {
    case .exited, .killed: break
    case .interrupted(let signal): throw .interrupted(signal: signal)
    case .timedOut: throw .timedOut(seconds: request.timeLimit ?? 0, output: output)
    }
    guard Files.exists("\(output)/status") else {
      throw .noStatus(console: "\(output)/console.log")
    }
    let text = try Files.readText("\(output)/status")
    guard let status = Int32(text.prefix { $0 != "\n" }) else {
      throw .noStatus(console: "\(output)/console.log")
    }
    let tenths = (clock.now - began) / .milliseconds(100)
    say("status \(status) after \(tenths.rounded() / 10) s, logs in \(output)")
    return status
  }

  /// Where the session looks for commands, after the programs of this package.
  private static let searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  /// The terminal of this process: its kind, and its size in characters where it has one.
  private static func terminal() -> SessionCommand.Terminal {
    var terminal = SessionCommand.Terminal()
    if let kind = unsafe getenv("TERM") { terminal.kind = unsafe String(cString: kind) }
    var size = winsize()
    let isKnown = unsafe ioctl(STDIN_FILENO, UInt(TIOCGWINSZ), &size) == 0
    if isKnown && size.ws_row > 0 && size.ws_col > 0 {
      terminal.rows = Int(size.ws_row)
      terminal.columns = Int(size.ws_col)
    }
    return terminal
  }

  private func start(
    _ boot: BootCommand, _ request: RunRequest, output: String
  ) throws(LabError) -> ChildProcess.Ending {
    var child = ChildProcess(arguments: boot.arguments, stopSignal: SIGKILL)
    child.timeLimit = request.timeLimit
    if boot.isInteractive {
      child.hasInput = true
      // QEMU sets the terminal raw; a QEMU that was killed does not set it back.
      var settings = termios()
      let isTerminal = unsafe tcgetattr(STDIN_FILENO, &settings) == 0
      defer { if isTerminal { unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings) } }
      return try child.run()
    }
    let log = try OpenFile(creating: "\(output)/output.log")
    return try child.run { bytes throws(LabError) in
      try log.write(bytes)
      try OpenFile.write(bytes, to: STDOUT_FILENO, called: "stdout")
    }
  }

  /// The programs to offer inside: those asked for, and this package's own where they are built.
  private func programs(for request: RunRequest) throws(LabError) -> [BootCommand.Input] {
    var programs: [BootCommand.Input] = []
    for program in request.namedPrograms {
      guard let path = Files.resolve(program.path), Files.isExecutableFile(path) else {
        throw .noProgram(program.path)
      }
      programs.append(.init(path: path, name: program.name))
    }
    let script = "\(checkout.path)/machines/describe-host"
    programs.append(.init(path: script, name: Files.name(of: script)))
    let own = ["swiftvmm", "swiftvmm-trace", "swiftvmm-contract", "swiftvmm-benchmark"]
    for name in own where !programs.contains(where: { $0.name == name }) {
      if let path = checkout.builtProgram(name) { programs.append(.init(path: path, name: name)) }
    }
    return programs
  }

  /// The program of the host that serves functions: the one asked for, or this build's.
  private func server(for request: RunRequest) throws(LabError) -> String {
    let name = "swiftvmm-serve"
    let asked = request.namedPrograms.last { $0.name == name }.flatMap { Files.resolve($0.path) }
    guard let path = asked ?? checkout.builtProgram(name) else { throw .noProgram(name) }
    return path
  }

  /// The folder of the Swift run-time libraries that this program uses, nil when it is linked
  /// statically. Programs of the same build need the same folder inside the machine.
  private func swiftRuntime() throws(LabError) -> String? {
    for line in try Files.readText("/proc/self/maps").split(separator: "\n") {
      guard line.hasSuffix("/libswiftCore.so"), let slash = line.firstIndex(of: "/") else {
        continue
      }
      return Files.parent(of: String(line[slash...]))
    }
    return nil
  }

  private func version(in folder: String) throws(LabError) -> String {
    let text = try Files.readText("\(folder)/version")
    return String(text.prefix { $0 != "\n" })
  }
}
