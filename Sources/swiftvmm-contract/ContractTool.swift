import ArgumentParser
import Contract
import Glibc
import HostKernel
import PCI
import SimulatedKernel

@main
struct ContractTool: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "swiftvmm-contract",
    abstract: "Runs the cases of the VFIO and iommufd contract on this Linux or on a simulated host.",
    discussion: """
      Prints one line for each case and ends with 'N passed, N failed, N skipped'; exits with 0 \
      only if none failed. On Linux it needs root, and functions that nobody else uses.
      """)

  @Option(help: "A file of lines 'NAME ADDRESS' that says where the host's fixtures are.")
  var fixtures: String
  @Option(help: "Run on the simulated host that this file describes.")
  var simulate: String?
  @Flag(help: "Only list the cases.")
  var list = false
  @Argument(help: "Numbers of cases (174), ranges (174-214) or sections (12.6); all without any.")
  var selection: [String] = []

  func run() throws {
    let map = try FixtureMap(
      String(decoding: try LinuxKernel().contents(of: fixtures), as: UTF8.self))
    let runner: ContractRunner
    if let simulate {
      let description = try HostDescription(contentsOf: simulate)
      runner = ContractRunner { SimulatedPlatform(description, map) }
    } else {
      let platform = LinuxPlatform(map)
      runner = ContractRunner { platform }
    }
    let chosen = try CaseSelection(selection)
    var passed = 0
    var failed = 0
    var skipped = 0
    for section in Contract.sections {
      let cases = section.cases.filter { chosen.includes($0, of: section) }
      if cases.isEmpty { continue }
      Self.say("\(section.number) \(section.title)")
      for row in cases {
        if list {
          Self.say("  \(row.name)  \(row.text)")
          continue
        }
        switch runner.run(row) {
        case .passed:
          passed += 1
          Self.say("  \(row.name) passed: \(row.text)")
        case .failed(let reason):
          failed += 1
          Self.say("  \(row.name) FAILED: \(row.text): \(reason)")
        case .skipped(let reason):
          skipped += 1
          Self.say("  \(row.name) skipped: \(row.text): \(reason)")
        }
      }
    }
    if list { return }
    Self.say("\(passed) passed, \(failed) failed, \(skipped) skipped")
    if failed > 0 || passed + skipped == 0 { throw ExitCode(1) }
  }

  /// Writes a line at once, so that the last one before a hang is seen.
  private static func say(_ line: String) {
    let bytes = Array("\(line)\n".utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe write(STDOUT_FILENO, $0.baseAddress, $0.count) }
  }
}
