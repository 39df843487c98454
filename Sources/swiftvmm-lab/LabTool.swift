import ArgumentParser
import Glibc
import Lab

@main
struct LabTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "swiftvmm-lab",
    abstract: "Boots a machine with real VFIO, iommufd and KVM, and runs things in it.",
    subcommands: [Build.self, Run.self, Shell.self, List.self])

  /// Runs part of the tool; a `LabError` becomes one line on standard error and its exit status.
  static func reporting(_ body: () throws(LabError) -> Int32) throws {
    let status: Int32
    do throws(LabError) {
      status = try body()
    } catch {
      let line = Array("swiftvmm-lab: \(error)\n".utf8)
      _ = unsafe line.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
      throw ExitCode(error.exitStatus)
    }
    if status != 0 { throw ExitCode(status) }
  }

  struct Build: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Build the lab's kernel and Debian root, unless they are in the cache.")

    func run() throws {
      try LabTool.reporting { () throws(LabError) in
        let lab = try Lab()
        for recipe in Recipe.allCases { print("\(recipe.rawValue): \(try lab.build(recipe))") }
        return 0
      }
    }
  }

  struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Run a scenario or a command in the lab machine, and exit with its status.",
      usage: """
        swiftvmm-lab run [OPTIONS] SCENARIO [-- ARGUMENT ...]
        swiftvmm-lab run [OPTIONS] -- COMMAND [ARGUMENT ...]
        """)

    @OptionGroup var boot: BootOptions
    @Option(help: "Stop the machine after this many seconds.")
    var timeout = 1800
    @Flag(help: "Run QEMU in swiftvmm's place: a test of the scenario itself.")
    var peerOnly = false
    @Argument(help: "A scenario; 'swiftvmm-lab list' shows them.")
    var scenario: String?
    @Argument(
      parsing: .postTerminator,
      help: "The scenario's arguments, or a command of the lab's Debian root.")
    var words: [String] = []

    func validate() throws {
      guard scenario != nil || !words.isEmpty else {
        throw ValidationError("Name one scenario, or give a command after '--'.")
      }
      guard timeout > 0 else { throw ValidationError("--timeout takes a number above zero.") }
    }

    func run() throws {
      let what: RunRequest.What =
        scenario.map { .scenario($0, words) } ?? .command(words)
      var request = boot.request(for: what)
      request.timeLimit = timeout
      request.isPeerOnly = peerOnly
      try LabTool.reporting { () throws(LabError) in try Lab().run(request) }
    }
  }

  struct Shell: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Open a shell in the lab machine (ends with 'exit', or with Ctrl-A x).")

    @OptionGroup var boot: BootOptions

    func run() throws {
      let request = boot.request(for: .shell)
      try LabTool.reporting { () throws(LabError) in try Lab().run(request) }
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the scenarios.")

    func run() throws {
      try LabTool.reporting { () throws(LabError) in
        for scenario in try Lab().scenarios() {
          print("\(scenario.name) (\(scenario.place.rawValue)): \(scenario.summary)")
        }
        return 0
      }
    }
  }
}

/// What every command that boots the machine takes.
struct BootOptions: ParsableArguments {
  @Option(
    help: "What the machine contains (default: the scenario's, or machines/lab/default.machine).")
  var machine: String?
  @Option(help: "The folder for logs (default: .build/lab/SCENARIO in the checkout).")
  var output: String?
  @Option(
    help: ArgumentHelp(
      "A program of the host to offer in the machine's PATH (default: this build's).",
      valueName: "[name=]path"))
  var program: [String] = []

  func request(for what: RunRequest.What) -> RunRequest {
    var request = RunRequest(what)
    request.machine = machine
    request.output = output
    request.programs = program
    return request
  }
}
