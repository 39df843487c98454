import EventLoop
import Machine
import PCI
import SimulatedKernel
import Testing
import Tracing

@Suite struct INTxTests {
  static let address = PCIAddress(bus: 0x81, devfn: 0)

  /// One function of the e1000e pair at slot 4 with BAR 0 at 0xfe000000, its mappings' timer as asked.
  @VMMain private static func machine(
    _ kernel: SimulatedKernel, timeout: Int, accelerator: String = "qtest"
  ) throws -> SimulatedMachine {
    let machine = try SimulatedMachine(
      [
        "-accel", accelerator, "-device",
        "vfio-pci,host=0000:81:00.0,addr=04.0,romfile=,x-intx-mmap-timeout-ms=\(timeout)",
      ], on: kernel)
    machine.machine.writePort(0xcf8, size: 4, value: 0x8000_2010)
    machine.machine.writePort(0xcfc, size: 4, value: 0xfe00_0000)
    machine.writeConfig(slot: 4, offset: 4, 0x2)
    machine.machine.tracer.set("vfio*", enabled: true)
    return machine
  }

  /// Turns the loop until a line of the trace begins with `text`; the test's time limit ends a wait in
  /// vain.
  @VMMain private static func wait(_ machine: SimulatedMachine, for text: String) {
    while !machine.trace.lines.contains(where: { $0.hasPrefix(text) }) { MainLoop.turn() }
  }

  @Test(.timeLimit(.minutes(15)))
  func anInterruptUnmapsTheBARsUntilAnAccessEndsItAndTheTimerMapsThemAgain() throws {
    try MainLoop.own {
      let kernel = SimulatedKernel(try Checkout.host("e1000e-pair"))
      let machine = try Self.machine(kernel, timeout: 1)
      try kernel.setInterruptLine(of: Self.address, asserted: true)
      Self.wait(machine, for: "vfio_region_mmaps_set_enabled Region 0000:81:00.0 BAR 3")
      #expect(
        machine.trace.lines.filter { !$0.hasPrefix("vfio_listener") } == [
          "vfio_intx_interrupt  (0000:81:00.0) Pin A",
          "vfio_region_mmaps_set_enabled Region 0000:81:00.0 BAR 0 mmaps enabled: 0",
          "vfio_region_mmaps_set_enabled Region 0000:81:00.0 BAR 1 mmaps enabled: 0",
          "vfio_region_mmaps_set_enabled Region 0000:81:00.0 BAR 2 mmaps enabled: 0",
          "vfio_region_mmaps_set_enabled Region 0000:81:00.0 BAR 3 mmaps enabled: 0",
        ])
      #expect(
        machine.trace.lines.contains(
          "vfio_listener_region_skip SKIPPING region_add 0xfe000000 - 0xfe01ffff"))
      machine.trace.removeAll()
      try kernel.setInterruptLine(of: Self.address, asserted: false)
      _ = machine.machine.readMemory(0xfe00_00c0, size: 4)
      #expect(
        machine.trace.lines == [
          "vfio_region_read  (0000:81:00.0:region0+0xc0, 4) = 0x0",
          "vfio_pci_intx_eoi  (0000:81:00.0) EOI",
        ])
      machine.trace.removeAll()
      Self.wait(machine, for: "vfio_region_mmaps_set_enabled Region 0000:81:00.0 BAR 3")
      #expect(
        machine.trace.lines.contains(
          "vfio_region_mmaps_set_enabled Region 0000:81:00.0 BAR 0 mmaps enabled: 1"))
      machine.trace.removeAll()
      _ = machine.machine.readMemory(0xfe00_00c0, size: 4)
      #expect(machine.trace.lines == [])
    }
  }

  @Test(.timeLimit(.minutes(15)))
  func anInterruptThatIsStillAssertedAfterItsEndComesAgain() throws {
    try MainLoop.own {
      let kernel = SimulatedKernel(try Checkout.host("e1000e-pair"))
      let machine = try Self.machine(kernel, timeout: 0)
      try kernel.setInterruptLine(of: Self.address, asserted: true)
      Self.wait(machine, for: "vfio_region_mmaps_set_enabled Region 0000:81:00.0 BAR 3")
      machine.trace.removeAll()
      machine.machine.writeMemory(0xfe00_00c4, size: 4, value: 0x3d0)
      Self.wait(machine, for: "vfio_intx_interrupt")
      #expect(
        machine.trace.lines.prefix(3) == [
          "vfio_region_write  (0000:81:00.0:region0+0xc4, 0x3d0, 4)",
          "vfio_pci_intx_eoi  (0000:81:00.0) EOI",
          "vfio_intx_interrupt  (0000:81:00.0) Pin A",
        ])
    }
  }

  @Test func withAResampleIRQFDNoInterruptComesToThisProcess() throws {
    try MainLoop.own {
      let kernel = SimulatedKernel(try Checkout.host("e1000e-pair"))
      let machine = try Self.machine(kernel, timeout: 1, accelerator: "qtest,irqfd=on")
      try kernel.setInterruptLine(of: Self.address, asserted: true)
      while MainLoop.turn(waiting: false) {}
      #expect(machine.trace.lines == [])
    }
  }
}
