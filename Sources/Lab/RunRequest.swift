/// What somebody asked the lab to run, and how.
package struct RunRequest: Equatable, Sendable {
  /// What the machine is booted for.
  package enum What: Equatable, Sendable {
    /// A script under `machines/lab/scenarios`, and its arguments.
    case scenario(String, [String])
    /// A command of the lab's Debian root, and its arguments.
    case command([String])
    /// A shell on the terminal.
    case shell
  }

  package var what: What
  /// The machine description; nil for the scenario's own, or `machines/lab/default.machine`.
  package var machine: String?
  /// The folder for logs; nil for one named after the scenario, under the checkout's `.build/lab`.
  package var output: String?
  /// After how many seconds the machine is stopped; nil for never.
  package var timeLimit: Int?
  /// Programs of the host to offer inside: paths, or NAME=PATH.
  package var programs: [String] = []
  /// True to run QEMU in swiftvmm's place too: a test of the scenario itself.
  package var isPeerOnly = false

  package init(_ what: What) { self.what = what }

  /// The program that stands for both sides of a comparison, in the lab's root.
  package static let peer = "qemu-system-x86_64"

  /// The output folder's name when none was asked for.
  package var defaultOutputName: String {
    switch what {
    case .scenario(let name, _): name
    case .command: "command"
    case .shell: "shell"
    }
  }

  /// The programs asked for, by the name that each has inside the machine.
  package var namedPrograms: [BootCommand.Input] {
    programs.map { program in
      if let equals = program.firstIndex(of: "=") {
        let path = String(program[equals...].dropFirst())
        return BootCommand.Input(path: path, name: String(program[..<equals]))
      }
      return BootCommand.Input(path: program, name: Files.name(of: program))
    }
  }

  /// What the session runs. Scenarios are seen at `/lab/input/lab/scenarios`.
  package var sessionCommand: SessionCommand {
    var session =
      switch what {
      case .scenario(let name, let arguments):
        SessionCommand(["/lab/input/lab/scenarios/\(name)"] + arguments)
      case .command(let arguments): SessionCommand(arguments)
      case .shell: SessionCommand(["bash", "-l"], terminal: .init())
      }
    if isPeerOnly { session.environment.append((name: "SWIFTVMM_PROGRAM", value: Self.peer)) }
    return session
  }
}
