internal import CommandLine
internal import EventLoop
internal import Glibc
internal import HostKernel
internal import Machine
internal import SystemPackage
internal import Tracing

/// From a command line to an exit status.
struct Program {
  /// How the program was called; the prefix of messages.
  let name: String

  /// Does what the arguments ask, without the program's name, and gives the exit status: 0, or 1 after
  /// one message on standard error.
  func run(_ arguments: [String]) -> Int32 {
    let request: CommandLineRequest
    do throws(CommandLineError) {
      request = try CommandLineParser.parse(arguments, readFile: Self.readFile)
    } catch {
      Output.error(error.text(program: name))
      return 1
    }
    switch request {
    case .help(let topic): Output.standard(topic.text(program: name))
    case .listTraceEvents:
      Output.standard(Tracer.eventNames.map { $0 + "\n" }.joined())
    case .version: Output.standard(Version.text)
    case .run(let configuration): return MachineRun(name: name, configuration).run()
    }
    return 0
  }

  /// Reads a file that the command line names; one that is too long is refused, not cut.
  private static func readFile(_ path: String) throws(UnreadableFile) -> [UInt8] {
    let bytes: [UInt8]
    do throws(Errno) { bytes = try LinuxKernel().contents(of: path) } catch {
      throw UnreadableFile(errorNumber: error.rawValue)
    }
    guard bytes.count < LinuxKernel.contentsLimit else {
      throw UnreadableFile(errorNumber: Errno.fileTooLarge.rawValue)
    }
    return bytes
  }
}
