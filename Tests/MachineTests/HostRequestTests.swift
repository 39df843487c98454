import EventLoop
import HostKernel
import Machine
import PCI
import SimulatedKernel
import Testing
import Tracing

/// The host's two messages about a function that a guest has: an error (AER), and the wish to have it
/// back, which the unbinding of its driver sends and waits for.
@Suite struct HostRequestTests {
  static let address = PCIAddress(bus: 0x83, devfn: 0)

  @VMMain private final class Witness {
    var events: [MachineEvent] = []
  }

  /// The function by its group or by iommufd, with properties.
  static func function(_ isIOMMUFD: Bool, _ properties: String = "") -> [String] {
    (isIOMMUFD ? ["-object", "iommufd,id=i"] : []) + [
      "-device",
      "vfio-pci,host=0000:83:00.0,id=f0\(isIOMMUFD ? ",iommufd=i" : "")\(properties)",
    ]
  }

  static let rootPort = ["-device", "pcie-root-port,id=rp,chassis=1,addr=05.0"]

  /// A machine, with what was told of its start forgotten.
  @VMMain private static func machine(
    _ arguments: [String], on kernel: SimulatedKernel, _ witness: Witness
  ) throws -> SimulatedMachine {
    let machine = try SimulatedMachine(arguments, on: kernel)
    machine.machine.observeEvents { witness.events.append($0) }
    // What this host's kernel and CPU lack.
    machine.messages.removeAll()
    return machine
  }

  /// Turns the loop until something is told; the test's time limit ends a wait in vain.
  @VMMain private static func wait(_ witness: Witness, for count: Int) {
    while witness.events.count < count { MainLoop.turn() }
  }

  // MARK: - Errors

  @Test(.timeLimit(.minutes(15)), arguments: [false, true])
  func anErrorStopsTheMachineInQEMUsWords(isIOMMUFD: Bool) throws {
    try MainLoop.own {
      let kernel = SimulatedKernel(try Checkout.host("nvme-flr"))
      let witness = Witness()
      let machine = try Self.machine(Self.function(isIOMMUFD), on: kernel, witness)
      try machine.machine.resume()
      try kernel.reportError(of: Self.address)
      Self.wait(witness, for: 3)
      #expect(
        witness.events == [
          .resumed, .deviceError(id: "f0", host: "0000:83:00.0", stopsMachine: true), .stopped,
        ])
      #expect(machine.machine.runState == .internalError)
      #expect(
        machine.messages.lines == [
          "swiftvmm: vfio_err_notifier_handler(0000:83:00.0) Unrecoverable error detected. Please "
            + "collect any data possible and then kill the guest"
        ])
      let refusal = #expect(throws: MachineRefusal.self) { try machine.machine.resume() }
      #expect(refusal?.message == "Resetting the Virtual Machine is required")
      machine.machine.reset(.hostQMPSystemReset)
      try machine.machine.resume()
      #expect(machine.machine.runState == .running)
    }
  }

  @Test(.timeLimit(.minutes(15)))
  func anErrorThatIsReportedOnlyLetsTheMachineGoOn() throws {
    try MainLoop.own {
      let kernel = SimulatedKernel(try Checkout.host("nvme-flr"))
      let witness = Witness()
      let machine = try Self.machine(Self.function(true, ",x-err=report"), on: kernel, witness)
      try machine.machine.resume()
      for count in 1...2 {
        try kernel.reportError(of: Self.address)
        Self.wait(witness, for: 1 + count)
      }
      let error = MachineEvent.deviceError(
        id: "f0", host: "0000:83:00.0", stopsMachine: false)
      #expect(witness.events == [.resumed, error, error])
      #expect(machine.machine.runState == .running)
      #expect(machine.messages.lines.count == 2)
    }
  }

  @Test(.timeLimit(.minutes(15)), .enabled(if: TinyPayload.canRun))
  func aGuestThatRunsIsStoppedByAnError() throws {
    let payload = try TinyPayload([0xf4, 0xeb, 0xfd])
    try MainLoop.own {
      let kernel = SimulatedKernel(try Checkout.host("nvme-flr"), runsGuests: true)
      let witness = Witness()
      let machine = try Self.machine(
        ["-accel", "kvm", "-kernel", payload.path] + Self.function(true), on: kernel, witness)
      try machine.machine.resume()
      try kernel.reportError(of: Self.address)
      Self.wait(witness, for: 3)
      #expect(witness.events.last == .stopped)
      #expect(machine.machine.runState == .internalError)
    }
  }

  // MARK: - Requests

  /// A guest that waits for the attention button of the port at 05.0 and turns the slot off.
  static let lettingGo: [UInt8] = [
    0x66, 0xba, 0xf8, 0x0c,  // mov $0xcf8, %dx
    0xb8, 0x6c, 0x28, 0x00, 0x80,  // mov $0x8000286c, %eax
    0xef,  // out %eax, (%dx)
    0x66, 0xba, 0xfe, 0x0c,  // mov $0xcfe, %dx
    0x66, 0xed,  // in (%dx), %ax
    0xa8, 0x01,  // test $1, %al
    0x74, 0xfa,  // jz to the input
    0x66, 0xba, 0xfc, 0x0c,  // mov $0xcfc, %dx
    0x66, 0xb8, 0x00, 0x07,  // mov $0x700, %ax
    0x66, 0xef,  // out %ax, (%dx)
    0xf4, 0xeb, 0xfd,  // hlt, again and again
  ]

  /// What the user reads when the host waits for a function that thus cannot be reset.
  static let notReset =
    "swiftvmm: warning: vfio 0000:83:00.0: not reset, since the host holds the device while it waits "
    + "for it: its next driver finds it as the guest left it"

  @Test(.timeLimit(.minutes(15)), arguments: [false, true])
  func theHostGetsAFunctionBackWhenTheGuestLetsItGo(isIOMMUFD: Bool) throws {
    try MainLoop.own {
      let kernel = SimulatedKernel(try Checkout.host("nvme-flr"))
      let witness = Witness()
      let machine = try Self.machine(
        Self.rootPort + Self.function(isIOMMUFD, ",bus=rp"), on: kernel, witness)
      try machine.machine.resume()
      #expect(try !kernel.unbindDriver(of: Self.address))
      // The guest sees the attention button.
      while machine.readConfig(slot: 5, offset: 0x6c) >> 16 & 1 == 0 { MainLoop.turn() }
      #expect(witness.events == [.resumed])
      #expect(try !kernel.unbindDriver(of: Self.address))
      MainLoop.turn()
      machine.writeConfig(slot: 5, offset: 0x6c, 0x700)
      #expect(witness.events == [.resumed, .deviceDeleted(id: "f0")])
      // The last close lets the unbinding end.
      #expect(try Self.driver(on: kernel) == nil)
      #expect(!kernel.openObjects.contains { $0.contains("0000:83:00.0") || $0.contains("group") })
      #expect(machine.messages.lines == [Self.notReset])
      #expect(machine.machine.runState == .running)
      // It is an ordinary function of the host again, and can come back.
      try kernel.bindDriver("vfio-pci", to: Self.address)
      #expect(try Self.driver(on: kernel) == "vfio-pci")
    }
  }

  @Test(.timeLimit(.minutes(15)), .enabled(if: TinyPayload.canRun), arguments: [false, true])
  func aGuestThatRunsLetsTheFunctionGo(isIOMMUFD: Bool) throws {
    let payload = try TinyPayload(Self.lettingGo)
    try MainLoop.own {
      let kernel = SimulatedKernel(try Checkout.host("nvme-flr"), runsGuests: true)
      let witness = Witness()
      let machine = try Self.machine(
        ["-accel", "kvm", "-kernel", payload.path] + Self.rootPort
          + Self.function(isIOMMUFD, ",bus=rp"), on: kernel, witness)
      try machine.machine.resume()
      #expect(try !kernel.unbindDriver(of: Self.address))
      Self.wait(witness, for: 2)
      #expect(witness.events == [.resumed, .deviceDeleted(id: "f0")])
      #expect(try Self.driver(on: kernel) == nil)
      #expect(machine.messages.lines == [Self.notReset])
    }
  }

  @Test(.timeLimit(.minutes(15)), arguments: [false, true])
  func onTheRootBusTheHostWaitsUntilTheMachineEnds(isIOMMUFD: Bool) throws {
    try MainLoop.own {
      let kernel = SimulatedKernel(try Checkout.host("nvme-flr"))
      let witness = Witness()
      do {
        let machine = try Self.machine(
          Self.function(isIOMMUFD, ",addr=06.0"), on: kernel, witness)
        try machine.machine.resume()
        for _ in 0..<3 {
          #expect(try !kernel.unbindDriver(of: Self.address))
          while machine.messages.lines.isEmpty { MainLoop.turn() }
        }
        #expect(
          machine.messages.lines == [
            "swiftvmm: warning: vfio 0000:83:00.0: Bus 'pcie.0' does not support hotplugging; the host "
              + "waits for the device until this machine ends; behind a pcie-root-port the guest could "
              + "let it go"
          ])
        // The guest keeps the function meanwhile.
        #expect(machine.readConfig(slot: 6, offset: 0) != .max)
        #expect(witness.events == [.resumed])
      }
      #expect(try Self.driver(on: kernel) == nil)
      #expect(kernel.openObjects == [])
    }
  }

  /// Who has the function, as sysfs tells.
  private static func driver(on kernel: SimulatedKernel) throws -> String? {
    let link = try? kernel.link(at: "/sys/bus/pci/devices/0000:83:00.0/driver")
    return link?.split(separator: "/").last.map(String.init)
  }
}
