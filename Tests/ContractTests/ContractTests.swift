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
