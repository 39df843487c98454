import EventLoop
import PCI
import SimulatedKernel
import Testing

@Suite struct RecordedResetTests {
  static let pair = [
    "-vfio-flow", "iommufd-rfcv3", "-object", "iommufd,id=iommufd0",
    "-device", "vfio-pci,host=0000:81:00.0,iommufd=iommufd0,addr=04.0",
    "-device", "vfio-pci,host=0000:81:00.1,iommufd=iommufd0,addr=05.0",
  ]

  /// The reset of the pair with the guest's command registers set as in the recorded run.
  @VMMain static func reset(
    _ host: HostDescription, command: UInt32 = 0x142
  ) throws -> [String] {
    let machine = try SimulatedMachine(pair, on: SimulatedKernel(host))
    for slot: UInt32 in [4, 5] { machine.writeConfig(slot: slot, offset: 4, command) }
    return machine.traceReset()
  }

  /// A line with blanks collapsed and device ids renamed in the order of their appearance.
  static func normalised(_ lines: [String]) -> [String] {
    var names: [Substring: Int] = [:]
    return lines.filter { $0 != "......" }.map { line in
      var words = line.split(whereSeparator: \.isWhitespace)
      if let place = words.firstIndex(of: "devid"), place + 1 < words.count {
        let id = words[place + 1]
        let name = names[id] ?? names.count
        names[id] = name
        words[place + 1] = "#\(name)"
      }
      return words.joined(separator: " ")
    }
  }

  static func recorded() throws -> [String] {
    let bytes = try Checkout.bytes("Tests/Traces/iommufd-rfcv3-pair.log")
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test func theResetOfTheX710PairEqualsTheTraceRecordedIn2023() throws {
    let lines = try MainLoop.own { try Self.reset(Checkout.host("x710-pair")) }
    #expect(lines.count == 79)
    #expect(try Self.normalised(lines) == Self.normalised(Self.recorded()))
  }

  @Test(arguments: [
    ("0x2008", "0x0008", "@0x44, len=0x2) 0x2008", "@0x44, len=0x2) 0x8"),
    ("index: 3", "index: 2", "BAR 3 mmaps", "BAR 2 mmaps"),
    ("table-bar: 3", "table-bar: 0", "x", "x"),
  ])
  func otherHardwareGivesOtherLines(
    old: String, new: String, oldText: String, newText: String
  ) throws {
    var changes = [(old, new)]
    if old == "index: 3" {
      changes += [("table-bar: 3", "table-bar: 2"), ("pba-bar: 3", "pba-bar: 2")]
    }
    if old == "table-bar: 3" { changes += [("pba-bar: 3", "pba-bar: 0")] }
    let host = try Checkout.host("x710-pair", replacing: changes)
    let lines = try MainLoop.own { try Self.reset(host) }
    let expected = try Self.recorded().map { line in
      line.split(separator: oldText, omittingEmptySubsequences: false).joined(
        separator: newText)
    }
    #expect(Self.normalised(lines) == Self.normalised(expected))
  }

  @Test func anotherGuestCommandGivesOtherLines() throws {
    let lines = try MainLoop.own { try Self.reset(Checkout.host("x710-pair"), command: 0x102) }
    #expect(lines.contains { $0.hasSuffix("@0x4, len=0x2) 0x102") })
    #expect(lines.contains { $0.hasSuffix("@0x4, 0x100, len=0x2)") })
  }

  @Test func functionsOfAnotherAddressGiveThatAddress() throws {
    let host = try Checkout.host("x710-pair", replacing: [("0000:81", "0000:42")])
    let arguments = Self.pair.map {
      $0.split(separator: "0000:81", omittingEmptySubsequences: false).joined(
        separator: "0000:42")
    }
    let lines = try MainLoop.own {
      let machine = try SimulatedMachine(arguments, on: SimulatedKernel(host))
      for slot: UInt32 in [4, 5] { machine.writeConfig(slot: slot, offset: 4, 0x142) }
      return machine.traceReset()
    }
    let expected = try Self.recorded().map {
      $0.split(separator: "0000:81", omittingEmptySubsequences: false).joined(
        separator: "0000:42")
    }
    #expect(Self.normalised(lines) == Self.normalised(expected))
  }

  @Test func bothFunctionsAreResetOnceByEachHotReset() throws {
    try MainLoop.own {
      let kernel = SimulatedKernel(try Checkout.host("x710-pair"))
      let machine = try SimulatedMachine(Self.pair, on: kernel)
      let addresses = ["0000:81:00.0", "0000:81:00.1"].compactMap { PCIAddress($0) }
      let before = try addresses.map { try kernel.resetCount(of: $0) }
      _ = machine.traceReset()
      let after = try addresses.map { try kernel.resetCount(of: $0) }
      #expect(zip(before, after).map { $1 - $0 } == [2, 2])
    }
  }
}
