import ArgumentParser
import Contract
import SimulatedKernel

/// Runs cases, one line each.
struct Cases: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the cases of the contract.",
    discussion: """
      Prints one line for each case and ends with 'N passed, N failed, N skipped'; exits with 0 \
      only if none failed.
      """)

  @Option(help: "A file of lines 'NAME ADDRESS' that says where the host's fixtures are.")
  var fixtures: String
  @Option(help: "Run on the simulated host that this file describes.")
  var simulate: String?
  @Option(help: "Only cases that need this fixture; repeatable.")
  var needs: [String] = []
  @Flag(help: "Only list the cases.")
  var list = false
  @Argument(help: "Numbers of cases (174), ranges (174-214) or sections (12.6); all without any.")
  var selection: [String] = []

  func run() throws {
    let map = try ContractTool.fixtures(at: fixtures)
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
      let cases = section.cases.filter { row in
        chosen.includes(row, of: section)
          && (needs.isEmpty || row.needs.contains { needs.contains($0.rawValue) })
      }
      if cases.isEmpty { continue }
      ContractTool.say("\(section.number) \(section.title)")
      for row in cases {
        if list {
          ContractTool.say("  \(row.name)  \(row.text)")
          continue
        }
        switch runner.run(row) {
        case .passed:
          passed += 1
          ContractTool.say("  \(row.name) passed: \(row.text)")
        case .failed(let reason):
          failed += 1
          ContractTool.say("  \(row.name) FAILED: \(row.text): \(reason)")
        case .skipped(let reason):
          skipped += 1
          ContractTool.say("  \(row.name) skipped: \(row.text): \(reason)")
        }
      }
    }
    if list { return }
    ContractTool.say("\(passed) passed, \(failed) failed, \(skipped) skipped")
    if failed > 0 || passed + skipped == 0 { throw ExitCode(1) }
  }
}
