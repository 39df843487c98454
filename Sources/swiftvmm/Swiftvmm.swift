internal import Glibc

/// The `swiftvmm` program.
@main struct Swiftvmm {
  static func main() {
    // Whoever reads what the program writes may go away; that is an error of one write.
    _ = signal(SIGPIPE, SIG_IGN)
    let arguments = Swift.CommandLine.arguments
    let name = arguments.first?.split(separator: "/").last.map(String.init) ?? "swiftvmm"
    exit(Program(name: name).run(Array(arguments.dropFirst())))
  }
}
