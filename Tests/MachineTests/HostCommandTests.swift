import CommandLine
import EventLoop
import Glibc
import Machine
import SimulatedKernel
import Testing
import VirtualIOMMU

/// The command that a host description gives in its first comment.
@Suite struct HostCommandTests {
  static let names = [
    "unequal-devices", "unequal-iommus", "pasid-exec", "x710-pasid", "full-chain", "looped-chain",
    "chain-end",
  ]

  /// The words behind `#   swiftvmm`, lines that end with a backslash joined.
  static func words(_ name: String) throws -> [String] {
    let text = String(decoding: try Checkout.bytes("machines/\(name).yaml"), as: UTF8.self)
    var words: [String] = []
    var isInside = false
    for line in text.split(separator: "\n") {
      if line.hasPrefix("#   swiftvmm ") { isInside = true }
      guard isInside else { continue }
      let parts = line.dropFirst().split(separator: " ").map(String.init)
      words += parts.filter { $0 != "\\" }
      if parts.last != "\\" { break }
    }
    return Array(words.dropFirst())
  }

  @Test(arguments: names)
  func theCommandOfAHostFileBuildsItsMachineAndHasAReport(name: String) throws {
    let words = try Self.words(name)
    let request = try CommandLineParser.parse(words) {
      (_: String) throws(UnreadableFile) -> [UInt8] in throw UnreadableFile(errorNumber: ENOENT)
    }
    guard case .run(let configuration) = request else {
      Issue.record("\(words) runs nothing")
      return
    }
    #expect(configuration.simulation?.file == "machines/\(name).yaml")
    #expect(configuration.startsPaused)
    let vfio = words.firstIndex(of: "-monitor").map { words[$0 + 1] }
    #expect(vfio == "stdio")
    try MainLoop.own {
      // Standard input and output are the test's own.
      let index = try #require(words.firstIndex(of: "-monitor"))
      let made = try SimulatedMachine(
        Array(words[..<index]) + ["-m", "16M"] + Array(words[(index + 2)...]),
        on: SimulatedKernel(try Checkout.host(name), report: { _ in }))
      let report = try #require(made.machine.capabilityReport)
      #expect(report.text.hasPrefix("intel-iommu, values not frozen yet\n"))
      #expect(report.functions.count == words.count { $0.hasPrefix("vfio-pci,") })
    }
  }
}
