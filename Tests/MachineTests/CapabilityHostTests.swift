import EventLoop
import Machine
import SimulatedKernel
import Testing
import Tracing
import VirtualIOMMU

/// Hosts of `machines/`, what is asked of the vIOMMU on them, and what user and guest find.
@Suite struct CapabilityHostTests {
  struct Row: Sendable, CustomTestStringConvertible {
    let host: String
    let functions: [String]
    let request: String
    /// `property=value:limiter,…` and `function#pasid`, as `CapabilityMachine.word` writes it with the
    /// reason of `none` behind a colon.
    let expected: [String]

    init(_ host: String, _ functions: [String], _ request: String, _ expected: String...) {
      self.host = host
      self.functions = functions
      self.request = request
      self.expected = expected
    }

    var testDescription: String { "\(host) \(functions) \(request)" }
  }

  static let gpu = "0000:00:06.0"
  static let adapter = "0000:00:07.0"
  static let old = "0000:00:08.0"
  static let far = "0000:80:06.0"
  static let port0 = "0000:81:00.0"
  static let port1 = "0000:81:00.1"
  static let hasNone = "none: the host reports no PASID width for it"
  static func notOffered(_ limiter: String) -> String {
    "none: the vIOMMU offers no PASIDs (\(limiter))"
  }

  static let rows = [
    // One IOMMU, unequal devices.
    Row(
      "unequal-devices", [gpu], "", "aw-bits=48", "scalable-mode=on", "caching-mode=on",
      "pasid-bits=20", "snoop-control=on", "device-iotlb=on", "\(gpu)#20xp"),
    Row(
      "unequal-devices", [gpu, adapter], "", "pasid-bits=16:\(adapter)", "\(gpu)#16xp",
      "\(adapter)#16"),
    Row(
      "unequal-devices", [gpu, adapter], "pasid-bits=20", "pasid-bits=20:request", "\(gpu)#20xp",
      "\(adapter)#16"),
    Row(
      "unequal-devices", [gpu, adapter, old], "", "pasid-bits=0:\(old)",
      "\(gpu)#\(notOffered(old))", "\(adapter)#\(notOffered(old))", "\(old)#\(hasNone)"),
    Row(
      "unequal-devices", [gpu, adapter, old], "pasid-bits=20", "pasid-bits=20:request",
      "\(gpu)#20xp", "\(adapter)#16", "\(old)#\(hasNone)"),
    Row("unequal-devices", [gpu], "pasid-bits=8", "pasid-bits=8:request", "\(gpu)#8xp"),
    Row(
      "unequal-devices", [gpu], "pasid-bits=0", "pasid-bits=0:request",
      "\(gpu)#\(notOffered("request"))"),
    Row(
      "unequal-devices", [gpu], "scalable-mode=off", "pasid-bits=0:scalable-mode",
      "\(gpu)#\(notOffered("scalable-mode"))"),
    Row(
      "unequal-devices", [gpu], "reserve-pasid-bits=12", "pasid-bits=12:reserve-pasid-bits",
      "\(gpu)#12xp"),
    Row(
      "unequal-devices", ["group:\(gpu)", adapter], "pasid-bits=20", "pasid-bits=20:request",
      "\(gpu)#none: it is assigned without iommufd", "\(adapter)#16"),
    Row(
      "unequal-devices", ["group:\(gpu)"], "", "pasid-bits=0:\(gpu)", "snoop-control=off:\(gpu)",
      "device-iotlb=off:\(gpu)", "\(gpu)#none: it is assigned without iommufd"),
    // Two IOMMUs.
    Row("unequal-iommus", [gpu], "aw-bits=48", "aw-bits=48:request", "\(gpu)#20xp"),
    Row(
      "unequal-iommus", [gpu, far], "", "aw-bits=39:\(far)", "pasid-bits=16:\(far)",
      "snoop-control=off:\(far)", "device-iotlb=on", "\(gpu)#16xp", "\(far)#16xp"),
    Row("unequal-iommus", [far], "aw-bits=39", "aw-bits=39:request", "pasid-bits=16:\(far)"),
    Row(
      "unequal-iommus", [gpu], "reserve-aw-bits=47,reserve-snoop-control=off",
      "aw-bits=39:reserve-aw-bits", "snoop-control=off:reserve-snoop-control"),
    // Execute without privileged.
    Row("pasid-exec", [gpu], "", "pasid-bits=20", "\(gpu)#20x"),
    // With PASID beside without.
    Row("x710-pasid", [port0], "", "pasid-bits=20", "\(port0)#20x"),
    Row(
      "x710-pasid", [port0, port1], "pasid-bits=20", "pasid-bits=20:request", "\(port0)#20x",
      "\(port1)#\(hasNone)"),
    Row(
      "x710-pasid", [port0, port1], "", "pasid-bits=0:\(port1)", "\(port0)#\(notOffered(port1))",
      "\(port1)#\(hasNone)"),
    Row(
      "x710-pair", [port0, port1], "", "aw-bits=48", "pasid-bits=0:\(port0),\(port1)",
      "\(port0)#\(hasNone)"),
  ]

  @Test(arguments: rows)
  func userAndGuestFindWhatTheHostAllowsAndWhoLimitedIt(row: Row) throws {
    try MainLoop.own {
      let made = try CapabilityMachine(
        row.request, functions: row.functions, on: try Checkout.host(row.host))
      #expect(try made.report.isFrozen == false)
      #expect(try row.expected.map { try Self.found($0, in: made) } == row.expected)
      for function in made.functions {
        let told = try made.told(function)
        #expect(try made.guestPASID(function) ?? "none" == CapabilityMachine.word(told))
      }
    }
  }

  @Test(
    arguments: [
      ("unequal-devices", gpu, "", true), ("unequal-devices", gpu, "pasid-bits=20", true),
      ("unequal-devices", gpu, "pasid-bits=0", false), ("x710-pasid", port1, "", false),
    ])
  func `PASIDs can be attached beside the page table of a device that has some, where offered`(
    host: String, function: String, request: String, canBe: Bool
  ) throws {
    try MainLoop.own {
      let arguments = CapabilityMachine.arguments(request, functions: [function])
      let made = try CapabilityMachine(
        arguments + ["-trace", "iommufd_backend_alloc_hwpt"], on: try Checkout.host(host),
        functions: [function])
      let lines = made.simulated.trace.lines
      // IOMMU_HWPT_ALLOC_PASID
      #expect(lines.map { $0.contains(" flags=0x8 ") } == [canBe])
    }
  }

  /// What an expectation should have been.
  @VMMain private static func found(_ word: String, in made: CapabilityMachine) throws -> String {
    if let hash = word.firstIndex(of: "#") {
      let function = String(word[..<hash])
      let pasid = try made.told(function)
      if case .none = pasid { return "\(function)#\(pasid.text)" }
      return "\(function)#\(CapabilityMachine.word(pasid))"
    }
    let row = try made.row(String(word.prefix { $0 != "=" }))
    let limiters = row.limitedBy.joined(separator: ",")
    return "\(row.property)=\(row.effective)" + (limiters.isEmpty ? "" : ":\(limiters)")
  }

  struct Refusal: Sendable, CustomTestStringConvertible {
    let host: String
    let functions: [String]
    let request: String
    let message: String
    let hint: String

    var testDescription: String { "\(host) \(functions) \(request)" }
  }

  static let refusals = [
    Refusal(
      host: "unequal-iommus", functions: [gpu, far], request: "aw-bits=48",
      message: "vfio \(far): Failed to set vIOMMU: aw-bits 48 > host aw-bits 47",
      hint: "aw-bits=39 would work"),
    Refusal(
      host: "unequal-iommus", functions: [far, gpu], request: "pasid-bits=20",
      message: "vfio \(far): Failed to set vIOMMU: PASID bits size 20 > host IOMMU PASID bits "
        + "size 16",
      hint: "pasid-bits=16 would work"),
    Refusal(
      host: "unequal-iommus", functions: [gpu, far], request: "snoop-control=on",
      message:
        "vfio \(far): Failed to set vIOMMU: snoop-control=on: its IOMMU has no snoop control",
      hint: "snoop-control=off would work"),
    Refusal(
      host: "unequal-devices", functions: [gpu], request: "caching-mode=off",
      message: "vfio \(gpu): Failed to set vIOMMU: Device assignment is not allowed without "
        + "enabling caching-mode=on for Intel IOMMU.",
      hint: "caching-mode=on would work"),
    Refusal(
      host: "unequal-devices", functions: [gpu], request: "pasid-bits=20,reserve-pasid-bits=16",
      message: "pasid-bits=20 is ruled out by reserve-pasid-bits: keeps room for a device to come",
      hint: "pasid-bits=16 would work"),
  ]

  @Test(arguments: refusals)
  func whatADeviceCannotLiveWithIsRefusedByItsNameWithTheValueThatWorks(_ refusal: Refusal) throws {
    try MainLoop.own {
      let kernel = SimulatedKernel(try Checkout.host(refusal.host), report: { _ in })
      let error = #expect(throws: MachineError.self) {
        try SimulatedMachine(
          CapabilityMachine.arguments(refusal.request, functions: refusal.functions), on: kernel)
      }
      let lines = try #require(error?.lines)
      #expect(lines.contains { $0.contains(refusal.message) }, "\(lines)")
      #expect(lines.contains { $0.contains(refusal.hint) }, "\(lines)")
      #expect(kernel.openObjects == [])
    }
  }
}
