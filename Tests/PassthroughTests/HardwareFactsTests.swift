import HostKernel
import PCI
import SystemPackage
import Testing
import Tracing
import VFIO
import VirtualIOMMU

@testable import Passthrough

/// ATS by rule, and what a function's host says of it.
@Suite struct HardwareFactsTests {
  private typealias Bench = FunctionBench

  private static func device(hasATS: Bool, isUsable: Bool) -> Bench.Device {
    var device = Bench.Device()
    device.extended =
      ["id: dsn, at: 0x100, serial: 0x1"] + (hasATS ? ["id: ats, at: 0x140"] : [])
      + ["id: pri, at: 0x150, capacity: 512"]
    if isUsable { device.unit.append("device-tlb: true") }
    return device
  }

  /// QEMU 11.1's table: `ats`, assigned by group, capability there, host says usable; shown, warning.
  @Test(
    arguments: [
      (.off, false, true, true, false, nil), (.off, true, true, true, false, nil),
      (.off, false, true, false, false, nil), (.off, false, false, true, false, nil),
      (.auto, true, true, false, true, nil), (.auto, true, false, false, false, nil),
      (.auto, false, true, true, true, nil), (.auto, false, true, false, false, .masked),
      (.auto, false, false, false, false, nil), (.on, true, true, false, true, nil),
      (.on, true, false, false, false, .noCapability), (.on, false, true, true, true, nil),
    ]
      as [(ATSDecision.Request, Bool, Bool, Bool, Bool, ATSDecision.Warning?)])
  func `ATS is shown or hidden by the rule and PRI is left alone`(
    request: ATSDecision.Request, isByGroup: Bool, hasATS: Bool, isUsable: Bool, isShown: Bool,
    warning: ATSDecision.Warning?
  ) throws {
    var options = FunctionOptions()
    options.ats = request
    let bench = try Bench(
      Self.device(hasATS: hasATS, isUsable: isUsable), options: options,
      attachesByGroup: isByGroup, isTraced: true)
    let offsets = bench.guestChain.capabilities.map(\.offset)
    #expect(offsets == (isShown ? [0x100, 0x140, 0x150] : [0x100, 0x150]))
    #expect(bench.function.isATSShown == isShown)
    #expect(bench.function.hasATSCapability == hasATS)
    #expect(
      bench.startMessages.filter { $0.contains("ATS") || $0.contains("ats") }
        == (warning.map { ["p: warning: \($0.message)"] } ?? []))
    // QEMU does not trace it.
    #expect(!bench.startLog.contains { $0.hasPrefix("vfio_add_ext_cap_dropped") })
    // Its registers stay readable.
    if hasATS { #expect(bench.read(0x140, 2) == 0x000f) }
  }

  @Test(arguments: [true, false])
  func `ATS that the host cannot use is refused when it is asked for`(hasATS: Bool) throws {
    var options = FunctionOptions()
    options.ats = .on
    let error = #expect(throws: AssignmentError.Failure.self) {
      _ = try Bench(Self.device(hasATS: hasATS, isUsable: false), options: options)
    }
    #expect(
      error.map { AssignmentError(Bench.name, $0).message }
        == "vfio 0000:81:00.0: vfio-pci: ATS requested but not supported by kernel")
    #expect(
      error.map { AssignmentError(Bench.name, $0).hints } == ["ats=auto or ats=off would work"])
  }

  @Test func `The facts are those of the unit and of the function`() throws {
    var device = Self.device(hasATS: true, isUsable: true)
    device.extended.append("id: pasid, at: 0x200, width: 12, execute: true, privileged: false")
    device.unit += ["pasid-bits: 16", "address-width: 47", "dirty-tracking: true"]
    let bench = try Bench(device)
    let facts = bench.function.hardwareFacts
    #expect(facts.name == Bench.name)
    #expect(facts.unitName == "unit")
    #expect(facts.backend == .iommufd)
    #expect(facts.iovaRanges == [0...0xfedf_ffff, 0xfef0_0000...0x7fff_ffff_ffff])
    #expect(facts.iovaAlignment == 4096)
    #expect(facts.addressWidth == 47)
    let information = try #require(facts.information)
    #expect(information.capabilities == [.dirtyTracking, .pasidExec])
    #expect(information.pasidWidth == 12)
    guard case .vtd(let unit) = information.unit else {
      Issue.record("\(information.unit)")
      return
    }
    #expect(unit.capability.bits == 0xd2_008c_222f_0686)
    #expect(unit.extendedCapability.bits == 0xf00f4a)
  }

  @Test func `Of a function assigned by its group only addresses are known`() throws {
    let bench = try Bench(
      Self.device(hasATS: true, isUsable: true), attachesByGroup: true)
    let facts = bench.function.hardwareFacts
    #expect(facts.backend == .legacy)
    #expect(facts.information == nil)
    #expect(facts.unitName == "unit")
    #expect(facts.addressWidth == 48)
  }

  @Test func `Facts are asked for without a trace`() throws {
    let bench = try Bench()
    bench.tracer.set("*", enabled: true)
    _ = bench.log.take()
    _ = bench.function.hardwareFacts
    #expect(bench.log.take() == [])
  }
}
