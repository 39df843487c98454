internal import Glibc

/// The `swiftvmm` program.
@main struct Swiftvmm {
  static func main() {
    let arguments = Swift.CommandLine.arguments
    let name = arguments.first?.split(separator: "/").last.map(String.init) ?? "swiftvmm"
    exit(Program(name: name).run(Array(arguments.dropFirst())))
  }
}
