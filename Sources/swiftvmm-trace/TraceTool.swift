import ArgumentParser
import Glibc
import TraceComparison

/// `swiftvmm-trace`: looks at trace logs of swiftvmm and QEMU.
@main
struct TraceTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "swiftvmm-trace",
    abstract: "Looks at trace logs of swiftvmm and QEMU.",
    subcommands: [Compare.self])

  /// Exits 0 when done or equal, 1 when logs differ, 2 when the arguments or the input cannot be used.
  static func main() {
    do {
      var command = try parseAsRoot(Compare.joiningPairs(Array(CommandLine.arguments.dropFirst())))
      try command.run()
    } catch let code as ExitCode {
      Glibc.exit(code.rawValue)
    } catch let error as ComparisonError {
      StandardOutput.writeError("swiftvmm-trace: \(error.message)\n")
      Glibc.exit(2)
    } catch {
      guard exitCode(for: error) != .success else { exit(withError: error) }
      StandardOutput.writeError("\(fullMessage(for: error))\n")
      Glibc.exit(2)
    }
  }
}
