import ArgumentParser
import Contract
import SimulatedKernel

/// Runs random sequences on this Linux and on a simulated host.
struct DifferentialRun: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "differential",
    abstract: "Run random sequences of calls on this Linux and on a simulated host, and compare.",
    discussion: """
      Prints each sequence that the two answer differently, cut down to the calls that matter, and \
      ends with 'N passed, N failed'. The same seed gives the same sequences.
      """)

  @Option(help: "Where the fixtures are on this Linux.")
  var fixtures: String
  @Option(help: "The description of the simulated host.")
  var simulate: String
  @Option(help: "Where the fixtures are on the simulated host.")
  var simulatedFixtures: String
  @Option(help: "Functions that the sequences use.")
  var functions = "A0,A1,S0,S1,N"
  @Option(help: "What the sequences are made from.")
  var seed: UInt64 = 1
  @Option(help: "The first sequence.")
  var first = 0
  @Option(help: "How many sequences to run.")
  var count = 200
  @Option(help: "Stop after this many that differ.")
  var limit = 10

  func run() throws {
    let description = try HostDescription(contentsOf: simulate)
    let simulatedMap = try ContractTool.fixtures(at: simulatedFixtures)
    let linux = LinuxPlatform(try ContractTool.fixtures(at: fixtures))
    let used = try functions.split(separator: ",").map { name in
      guard let fixture = Fixture(rawValue: String(name)) else {
        throw ValidationError("no such fixture: \(name)")
      }
      return fixture
    }
    let differential = try Differential(
      { linux }, { SimulatedPlatform(description, simulatedMap) }, functions: used)
    var agreed = 0
    let divergences = try differential.run(
      seed: seed, first: first, count: count, limit: limit
    ) { number in
      agreed += 1
      if (number + 1).isMultiple(of: 100) { ContractTool.say("\(number + 1) sequences run") }
    }
    for divergence in divergences { ContractTool.say("\(divergence)") }
    ContractTool.say("\(agreed) passed, \(divergences.count) failed")
    if !divergences.isEmpty { throw ExitCode(1) }
  }
}
