import EventLoop
import Machine
import PCI
import SimulatedKernel
import Testing
import VirtualIOMMU

/// Functions whose extended capabilities leave no room, or are damaged.
@Suite struct CapabilityChainTests {
  static let function = "0000:00:06.0"

  @VMMain private static func made(
    _ host: String, _ options: String = ""
  ) throws -> CapabilityMachine {
    let arguments = CapabilityMachine.arguments(
      "pasid-bits=20", functions: ["\(function)\(options)"])
    return try CapabilityMachine(
      arguments, on: try Checkout.host(host), functions: [function])
  }

  /// Each capability that the guest finds, as `id@offset`.
  @VMMain private static func chain(_ made: CapabilityMachine) throws -> [String] {
    let walk = CapabilityWalk.extended(in: try made.configSpace(function))
    #expect(walk.problem == nil)
    return walk.capabilities.map {
      String($0.id.rawValue, radix: 16) + "@" + String($0.offset, radix: 16)
    }
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let host: String
    var options = ""
    let chain: [String]
    /// Part of the reason of none; nil when the guest finds the capability.
    let reason: String?

    var testDescription: String { "\(host)\(options)" }
  }

  static let cases = [
    Case(host: "pasid-exec", chain: ["1@100", "f@160", "1b@ff8"], reason: nil),
    Case(
      host: "pasid-exec", options: ",x-vpasid-cap-offset=0x200",
      chain: ["1@100", "f@160", "1b@200"], reason: nil),
    Case(
      host: "pasid-exec", options: ",x-vpasid-cap-offset=0x160", chain: ["1@100", "f@160"],
      reason: "0x160 is taken by capability 0xf at 0x160"),
    Case(
      host: "pasid-exec", options: ",x-vpasid-cap-offset=0x202", chain: ["1@100", "f@160"],
      reason: "0x202 is not a multiple of 4"),
    Case(
      host: "full-chain", chain: ["1@100", "f@150", "b@158"],
      reason: "no free span between the function's capabilities is long enough"),
    Case(
      host: "full-chain", options: ",x-vpasid-cap-offset=0x200",
      chain: ["1@100", "f@150", "b@158"], reason: "0x200 is taken by capability 0xb at 0x158"),
    Case(
      host: "looped-chain", chain: ["1@100", "f@160", "3@170"],
      reason: "the capability chain comes back to 0x100"),
    Case(host: "chain-end", chain: ["1@100", "f@160", "1b@ff4"], reason: nil),
  ]

  @Test(arguments: cases)
  func theCapabilityIsPutWhereThereIsRoomOrTheReasonIsTold(_ item: Case) throws {
    try MainLoop.own {
      let made = try Self.made(item.host, item.options)
      #expect(try Self.chain(made) == item.chain)
      let told = try made.told(Self.function)
      if let reason = item.reason {
        #expect(told.text.contains(reason), "\(told.text)")
        #expect(CapabilityMachine.word(told) == "none")
        let notes = try made.report.notes
        #expect(notes.count == 1)
        #expect(
          notes.first?.hasPrefix("\(Self.function) shows its guest no PASID capability: ") == true)
        #expect(notes.first?.contains(reason) == true, "\(notes)")
      } else {
        #expect(try made.report.notes == [])
        #expect(try made.guestPASID(Self.function) == CapabilityMachine.word(told))
      }
    }
  }

  /// Every byte but those of the capability and of the link to it is what a guest without a vIOMMU
  /// finds.
  @Test(arguments: ["pasid-exec", "full-chain", "looped-chain", "chain-end", "x710-pasid"])
  func nothingElseOfConfigSpaceChanges(host: String) throws {
    try MainLoop.own {
      let function = host == "x710-pasid" ? "0000:81:00.0" : Self.function
      let description = try Checkout.host(host)
      let with = try CapabilityMachine("pasid-bits=20", functions: [function], on: description)
      let plain = try CapabilityMachine(
        ["-object", "iommufd,id=i", "-device", "vfio-pci,host=\(function),iommufd=i,addr=4.0"],
        on: description, functions: [function])
      #expect(plain.machine.capabilityReport == nil)
      #expect(try plain.guestPASID(function) == nil)
      let offset = try with.pasidOffset(function)
      let old = try plain.configSpace(function)
      let new = try with.configSpace(function)
      let changed = old.indices.filter { old[$0] != new[$0] }
      let walk = CapabilityWalk.extended(in: new)
      let link = walk.capabilities.first { offset != nil && Int($0.next) == offset }?.offset
      for index in changed {
        let isOwn = offset.map { $0..<$0 + 8 ~= index } ?? false
        let isLink = link.map { $0 + 2..<$0 + 4 ~= index } ?? false
        #expect(isOwn || isLink, "byte \(String(index, radix: 16))")
      }
    }
  }
}
