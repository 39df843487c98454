import CommandLine
import Testing

/// The files that the tests' events options name.
let files: [String: String] = [
  "/events": "vfio_intx_eoi\n# comment\n\n-vfio_region*\r\n  iommufd* \n"
]

/// Parses with `files` in place of the file system.
func parse(_ arguments: [String]) throws(CommandLineError) -> CommandLineRequest {
  try CommandLineParser.parse(arguments) { path throws(UnreadableFile) in
    guard let text = files[path] else { throw UnreadableFile(errorNumber: 2) }
    return Array(text.utf8)
  }
}

/// The configuration of a command line that runs a machine.
func configuration(_ arguments: String...) throws -> Configuration {
  guard case .run(let configuration) = try parse(arguments) else {
    throw UnexpectedRequest()
  }
  return configuration
}

/// A request that is not to run a machine.
struct UnexpectedRequest: Error {}

/// What a user sees of a command line that cannot be used; `nil` when it can.
func complaint(_ arguments: [String]) -> String? {
  do throws(CommandLineError) {
    _ = try parse(arguments)
    return nil
  } catch {
    return error.text(program: "swiftvmm")
  }
}

extension CharacterTarget {
  /// `unix:PATH,server=on,wait=off`.
  static func unixServer(_ path: String) -> CharacterTarget {
    .backend(
      CharacterBackendConfiguration(
        .socket(.unix(path: path), .server(waits: false), isPrompt: false)))
  }
}

extension Configuration {
  /// The assigned functions among the devices.
  var functions: [VFIOPCIDevice] {
    devices.compactMap { if case .vfioPCI(let function) = $0 { function } else { nil } }
  }
}
