import ArgumentParser
import Contract
import Glibc
import HostKernel
import SimulatedKernel

@main
struct ContractTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "swiftvmm-contract",
    abstract: "What VFIO and iommufd answer, checked on this Linux or on a simulated host.",
    discussion: "On Linux it needs root, and functions that nobody else uses.",
    subcommands: [Cases.self, DifferentialRun.self], defaultSubcommand: Cases.self)

  /// Reads a file that says where fixtures are.
  static func fixtures(at path: String) throws -> FixtureMap {
    try FixtureMap(String(decoding: try LinuxKernel().contents(of: path), as: UTF8.self))
  }

  /// Writes a line at once, so that the last one before a hang is seen.
  static func say(_ line: String) {
    let bytes = Array("\(line)\n".utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe write(STDOUT_FILENO, $0.baseAddress, $0.count) }
  }
}
