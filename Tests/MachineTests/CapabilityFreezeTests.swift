import CommandLine
import EventLoop
import HostKernel
import Machine
import SimulatedKernel
import SystemPackage
import Testing
import VirtualIOMMU

/// The values of a vIOMMU before the guest's first instruction and after, and devices that come then.
@Suite(.serialized) struct CapabilityFreezeTests {
  static let first = CapabilityHostTests.gpu
  static let second = CapabilityHostTests.far

  static func arguments(_ request: String) -> [String] {
    CapabilityMachine.arguments(request, functions: [first])
      + ["-device", "pcie-root-port,id=port,addr=8.0"]
  }

  @VMMain private static func made(_ request: String) throws -> CapabilityMachine {
    try CapabilityMachine(
      arguments(request), on: try Checkout.host("unequal-iommus"), functions: [first])
  }

  /// The second function for the root port.
  @VMMain static func late() throws -> DeviceConfiguration {
    try SimulatedMachine.device(
      arguments("") + ["-device", "vfio-pci,id=late,host=\(second),iommufd=i,bus=port"])
  }

  @Test func aDeviceThatComesBeforeTheFirstInstructionNarrowsWhatIsAuto() throws {
    try MainLoop.own {
      let made = try Self.made("")
      #expect(try made.row("aw-bits").effective == "48")
      #expect(try made.guestPASID(Self.first) == "20xp")
      try made.machine.addDevice(try Self.late())
      #expect(try made.report.isFrozen == false)
      #expect(try made.row("aw-bits").effective == "39")
      #expect(try made.row("aw-bits").limitedBy == [Self.second])
      #expect(try made.guestPASID(Self.first) == "16xp")
      #expect(CapabilityMachine.word(try made.told(Self.second)) == "16xp")
    }
  }

  struct Late: Sendable, CustomTestStringConvertible {
    let request: String
    let starts: Bool
    let message: String
    let hint: String

    var testDescription: String { "\(request) \(starts ? "frozen" : "not frozen")" }
  }

  static let refused = [
    Late(
      request: "aw-bits=48", starts: false, message: "aw-bits 48 > host aw-bits 47",
      hint: "aw-bits=39 would work"),
    Late(
      request: "aw-bits=48", starts: true, message: "aw-bits 48 > host aw-bits 47",
      hint: "reserve-aw-bits=39 to keep room for such a device"),
    Late(
      request: "", starts: true, message: "aw-bits 48 > host aw-bits 47",
      hint: "reserve-aw-bits=39 to keep room for such a device"),
    Late(
      request: "aw-bits=39,snoop-control=off", starts: true,
      message: "PASID bits size 20 > host IOMMU PASID bits size 16",
      hint: "reserve-pasid-bits=16 to keep room for such a device"),
    Late(
      request: "aw-bits=39,pasid-bits=16", starts: true,
      message: "snoop-control=on: its IOMMU has no snoop control",
      hint: "reserve-snoop-control=off to keep room for such a device"),
  ]

  @Test(arguments: refused)
  func aDeviceThatCannotLiveWithTheValuesIsRefusedByNameAndLeavesNothing(_ late: Late) throws {
    try MainLoop.own {
      let made = try Self.made(late.request)
      if late.starts { try made.machine.resume() }
      let report = try made.report
      #expect(report.isFrozen == late.starts)
      let held = made.kernel.openObjects
      let refusal = #expect(throws: MachineRefusal.self) {
        try made.machine.addDevice(try Self.late())
      }
      let text = try #require(refusal?.message)
      #expect(
        text.contains("vfio \(Self.second): Failed to set vIOMMU: \(late.message)"), "\(text)")
      #expect(text.contains(late.hint), "\(text)")
      #expect(try made.report == report)
      #expect(made.kernel.openObjects == held)
      #expect(made.machine.knownDevices.ids.contains("late") == false)
    }
  }

  static let admitted = [
    "aw-bits=39,pasid-bits=16,snoop-control=off",
    "reserve-aw-bits=39,reserve-pasid-bits=16,reserve-snoop-control=off",
    "aw-bits=39,pasid-bits=8,reserve-snoop-control=off",
  ]

  @Test(arguments: admitted)
  func aDeviceForWhichThereIsRoomComesLateAndChangesNoValue(_ request: String) throws {
    try MainLoop.own {
      let made = try Self.made(request)
      try made.machine.resume()
      let report = try made.report
      try made.machine.addDevice(try Self.late())
      #expect(try made.report.isFrozen)
      #expect(try made.report.rows.map(\.effective) == report.rows.map(\.effective))
      #expect(try made.report.functions.map(\.device) == [Self.first, Self.second])
      let isNarrow = request.contains("pasid-bits=8")
      #expect(CapabilityMachine.word(try made.told(Self.second)) == (isNarrow ? "8xp" : "16xp"))
      #expect(made.machine.knownDevices.ids.contains("late"))
    }
  }

  @Test func aResetKeepsWhatIsFrozen() throws {
    try MainLoop.own {
      let made = try Self.made("")
      try made.machine.resume()
      let report = try made.report
      made.machine.stop()
      made.machine.reset(.hostQMPSystemReset)
      #expect(try made.report == report)
      #expect(throws: MachineRefusal.self) { try made.machine.addDevice(try Self.late()) }
      _ = made.simulated.enableConfigWindow()
      #expect(try made.guestPASID(Self.first) == "20xp")
    }
  }

  /// In a process of its own, since it builds a machine for each call and would keep the tests of this
  /// one from the main loop all that time.
  @Test(arguments: [false, true])
  func whicheverCallFailsNothingIsLeftOpen(isFrozen: Bool) async {
    await #expect(processExitsWith: .success) { [isFrozen = isFrozen as Bool] in
      let host = try Checkout.host("unequal-iommus")
      try MainLoop.own {
        let request = CapabilityFreezeTests.admitted[1]
        let device = try CapabilityFreezeTests.late()
        var number = 1
        var lateFailures = 0
        while true {
          let kernel = SimulatedKernel(host, report: { _ in })
          let faulty = FaultInjectingKernel(kernel, failing: number, with: .ioError)
          var held: [String] = []
          do {
            let made = try SimulatedMachine(CapabilityFreezeTests.arguments(request), on: faulty)
            if isFrozen { try made.machine.resume() }
            held = kernel.openObjects
            let report = made.machine.capabilityReport
            do {
              try made.machine.addDevice(device)
            } catch let error as MachineRefusal {
              lateFailures += 1
              #expect(!error.message.isEmpty)
              #expect(kernel.openObjects == held, "call \(number) failed")
              #expect(made.machine.capabilityReport == report, "call \(number) failed")
            }
          } catch let error as MachineError {
            #expect(!(error.lines.first ?? "").isEmpty)
          }
          #expect(kernel.openObjects == [], "call \(number) failed")
          if !faulty.hasFailed { break }
          number += 1
        }
        #expect(number > 16)
        #expect(lateFailures > 4)
      }
    }
  }
}
