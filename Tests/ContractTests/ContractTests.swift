import Contract
import HostKernel
import SimulatedKernel
import Testing

/// The contract on the simulated host. The same cases run on Linux in the lab.
@Suite("Contract")
struct ContractTests {
  static let description = Result { try HostDescription(contentsOf: machineFile("contract.yaml")) }
  static let fixtures = Result {
    try FixtureMap(
      String(
        decoding: try LinuxKernel().contents(of: machineFile("contract.fixtures")),
        as: UTF8.self))
  }

  @Test("the simulated host answers as Linux does", arguments: Contract.sections)
  func section(_ section: ContractSection) throws {
    let description = try Self.description.get()
    let fixtures = try Self.fixtures.get()
    let runner = ContractRunner { SimulatedPlatform(description, fixtures) }
    for row in section.cases {
      let outcome = runner.run(row)
      if case .failed(let reason) = outcome { Issue.record("\(row.name) \(row.text): \(reason)") }
    }
  }

  @Test("random sequences answer the same on two hosts of one description")
  func differential() throws {
    let description = try Self.description.get()
    let fixtures = try Self.fixtures.get()
    let differential = try Differential(
      { SimulatedPlatform(description, fixtures) }, { SimulatedPlatform(description, fixtures) },
      functions: [.a0, .a1, .s0, .s1, .n])
    let divergences = try differential.run(seed: 1, count: 300)
    #expect(divergences.isEmpty, "\(divergences.map(\.description).joined(separator: "\n"))")
  }

  @Test("random sequences find a host that differs, and are cut down to the calls that matter")
  func differentialFinds() throws {
    let description = try Self.description.get()
    let fixtures = try Self.fixtures.get()
    var other = description
    for index in other.functions.indices where other.functions[index].group == 17 {
      other.functions[index].group = 16
    }
    let changed = other
    let differential = try Differential(
      { SimulatedPlatform(description, fixtures) }, { SimulatedPlatform(changed, fixtures) },
      functions: [.a0, .a1, .s0, .s1, .n])
    let divergences = try differential.run(seed: 1, count: 300, limit: 1)
    let found = try #require(divergences.first)
    #expect(found.length < 10)
  }

  @Test("no two cases have one name") func names() {
    let names = Contract.cases.map(\.name)
    #expect(Set(names).count == names.count)
  }
}

extension ContractSection: CustomTestStringConvertible {
  public var testDescription: String { "\(number) \(title)" }
}

/// The path of a file in `machines`.
private func machineFile(_ name: String) -> String {
  let tests = #filePath.split(separator: "/").dropLast(3)
  return "/" + tests.joined(separator: "/") + "/machines/\(name)"
}
