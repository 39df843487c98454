import EventLoop
import Testing
import VirtualIOMMU

@Suite struct VirtualIOMMUQueryTests {
  @Test func `A machine without a vIOMMU says what to add`() {
    MainLoop.own {
      #expect(
        makeSession(FakeMachine()).answers(to: #"{"execute":"query-viommu"}"#)
          == errorLine("GenericError", "No vIOMMU: add -device intel-iommu"))
    }
  }

  @Test func `The answer is the report, values by the names of the command line`() throws {
    let report = try Self.report(isFrozen: false)
    MainLoop.own {
      let machine = FakeMachine()
      machine.capabilityReport = report
      let answer = makeSession(machine).answers(to: #"{"execute":"query-viommu"}"#)
      #expect(answer.hasPrefix(#"{"return": {"type": "intel-iommu", "frozen": false, "#))
      #expect(
        answer.contains(
          #"{"name": "aw-bits", "requested": "auto", "effective": "39", "limited-by": ["f1"], "#
            + #""reasons": ["f1: maps addresses of 39 bits"], "#
            + #""devices": [{"device": "f1", "allowed": "39", "#
            + #""reason": "maps addresses of 39 bits"}]}"#))
      #expect(
        answer.contains(
          #"{"name": "fsts", "requested": "auto", "reserved": "off", "effective": "off", "#))
      #expect(answer.contains(#"{"name": "pasid-bits", "requested": "16", "effective": "16", "#))
      #expect(
        answer.contains(
          #""table-modes": ["legacy", "scalable-second-stage"], "table-levels": 3, "#
            + #""page-sizes": [4096, 2097152, 1073741824]"#))
      #expect(answer.hasSuffix(#""notes": []}}"# + "\r\n"))
    }
  }

  @Test func `Each function has its registers decoded and its capability or the reason`() throws {
    let report = try Self.report(isFrozen: true)
    MainLoop.own {
      let machine = FakeMachine()
      machine.capabilityReport = report
      let answer = makeSession(machine).answers(to: #"{"execute":"query-viommu"}"#)
      #expect(answer.contains(#""frozen": true"#))
      #expect(
        answer.contains(
          #"{"device": "f0", "unit": "dmar0", "unit-type": "intel-vt-d", "address-width": 48, "#))
      #expect(answer.contains(#"{"name": "ecap", "value": 80919347072974, "fields": [{"name": "#))
      #expect(answer.contains(#"{"name": "pss", "value": 19}"#))
      #expect(
        answer.contains(
          #""pasid": {"width": 16, "exec": true, "privileged": false}, "ats-usable": true, "#
            + #""dirty-tracking": false}"#))
      #expect(
        answer.contains(
          #"{"device": "f1", "unit-type": "not-told", "address-width": 39, "registers": [], "#
            + #""no-pasid-reason": "it is assigned without iommufd"}"#))
    }
  }
}

extension VirtualIOMMUQueryTests {
  /// Two functions: one with PASIDs of 20 bits and exec, one assigned without iommufd that maps
  /// addresses of 39 bits.
  static func report(isFrozen: Bool) throws -> CapabilityReport {
    let ecap: UInt64 = 0x4998_80f0_0fce
    let data: [UInt8] =
      [UInt8](repeating: 0, count: 16)
      + (0..<8).map { UInt8(truncatingIfNeeded: ecap >> (8 * UInt64($0))) }
    let devices = [
      DeviceFacts(
        name: "f0", unitName: "dmar0",
        information: DeviceFacts.HardwareInformation(
          type: 1, data: data, maxPASIDLog2: 20, capabilities: 2),
        iovaRanges: [0...(1 << 48) - 1]),
      DeviceFacts(name: "f1", backend: .legacy, iovaRanges: [0...(1 << 39) - 1]),
    ]
    let resolution = try Resolver.resolve(
      VIOMMURequest([.sharedVirtualMemory: 0, .pasidWidth: 16], reserves: [.firstStage: 0]),
      devices: devices)
    return isFrozen
      ? CapabilityReport(FrozenCapabilities(resolution)) : CapabilityReport(resolution)
  }
}
