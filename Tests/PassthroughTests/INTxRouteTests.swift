import HostKernel
import Hypervisor
import SimulatedKernel
import SystemPackage
import Testing
import Tracing

@testable import Passthrough

@Suite struct INTxRouteTests {
  private let kvmOff = [
    "host: intx mask 0+1 none", "accelerator: end of resample gsi 20",
    "host: intx unmask 0+1 none",
    "vfio_intx_disable_kvm  (0000:81:00.0) KVM INTx accel disabled",
  ]

  private func kvmOn(_ gsi: Int) -> [String] {
    [
      "host: intx mask 0+1 none", "accelerator: resample gsi \(gsi)",
      "host: intx unmask 0+1 own", "host: intx unmask 0+1 none",
      "vfio_intx_enable_kvm  (0000:81:00.0) KVM INTx accel enabled",
    ]
  }

  @Test func aMovedLineIsTiedAnew() throws {
    let bench = try FunctionBench()
    bench.place.current.gsi = 10
    bench.function.updateInterruptRoute()
    #expect(
      bench.log.take() == ["vfio_intx_update  (0000:81:00.0) IRQ moved 20 -> 10"] + kvmOff
        + kvmOn(10))
    bench.function.updateInterruptRoute()
    #expect(bench.log.take() == [])
  }

  @Test func aChangedControllerTiesTheSameLineAnew() throws {
    let bench = try FunctionBench()
    bench.function.refreshInterruptRoute()
    #expect(
      bench.log.take() == ["vfio_intx_update  (0000:81:00.0) IRQ moved 20 -> 20"] + kvmOff
        + kvmOn(20))
  }

  @Test func aLineThatIsNotDeliveredComesHereUntilItIs() throws {
    let bench = try FunctionBench()
    bench.place.current = InterruptRoute(isEnabled: false, gsi: 0)
    bench.function.updateInterruptRoute()
    #expect(
      bench.log.take() == ["vfio_intx_update  (0000:81:00.0) IRQ moved 20 -> 0"] + kvmOff)
    bench.place.current = InterruptRoute(isEnabled: true, gsi: 5)
    bench.function.updateInterruptRoute()
    #expect(
      bench.log.take() == ["vfio_intx_update  (0000:81:00.0) IRQ moved 0 -> 5"] + kvmOn(5))
  }

  @Test func withMessagesOnTheWiringIsOfNoInterest() throws {
    let bench = try FunctionBench()
    bench.write(FunctionBench.msi + 2, 2, 1)
    _ = bench.log.take()
    bench.place.current.gsi = 10
    bench.function.updateInterruptRoute()
    bench.function.refreshInterruptRoute()
    #expect(bench.log.take() == [])
    // The line is asked for when INTx comes back.
    bench.write(FunctionBench.msi + 2, 2, 0)
    #expect(bench.log.take().contains("accelerator: resample gsi 10"))
  }

  @Test(arguments: [true, false])
  func hereAMoveEndsAPendingInterrupt(hasResample: Bool) throws {
    var options = FunctionOptions()
    options.isINTxAccelerationAllowed = false
    let bench = try FunctionBench(options: options, hasResampleIRQFD: hasResample)
    try bench.kernel.setInterruptLine(of: FunctionBench.address, asserted: true)
    bench.events.turn()
    #expect(bench.log.take() == ["vfio_intx_interrupt  (0000:81:00.0) Pin A"])
    #expect(bench.place.levels.last == true)
    try bench.kernel.setInterruptLine(of: FunctionBench.address, asserted: false)
    bench.place.current.gsi = 10
    bench.function.updateInterruptRoute()
    // Without resampling the first wiring was never asked for.
    #expect(
      bench.log.take() == [
        "vfio_intx_update  (0000:81:00.0) IRQ moved \(hasResample ? 20 : 0) -> 10",
        "vfio_pci_intx_eoi  (0000:81:00.0) EOI", "host: intx unmask 0+1 none",
      ])
    #expect(bench.place.levels.last == false)
  }

  /// A function whose interrupts come by this process, with BAR 0 at 0xfd000000 and its mappings traced.
  private func mappedBench(mappingTimeout: UInt32) throws -> FunctionBench {
    var options = FunctionOptions()
    options.isINTxAccelerationAllowed = false
    options.mappingTimeout = mappingTimeout
    let bench = try FunctionBench(options: options)
    bench.placeTable()
    bench.write(0x10, 4, 0xfd00_0000)
    bench.write(4, 2, 0x2)
    bench.tracer.set("vfio_region_mmaps_set_enabled", enabled: true)
    return bench
  }

  @Test func mappingsComeBackWhenTheDeviceIsIdle() throws {
    let bench = try mappedBench(mappingTimeout: 100)
    try bench.kernel.setInterruptLine(of: FunctionBench.address, asserted: true)
    bench.events.turn()
    #expect(bench.log.take().filter { $0.hasSuffix("enabled: 0") }.count == 2)
    // Pending all the time: off they stay.
    bench.events.advance(milliseconds: 350)
    #expect(bench.log.take() == [] && bench.events.timerCount == 1)
    try bench.kernel.setInterruptLine(of: FunctionBench.address, asserted: false)
    _ = bench.memory.read(0xfd00_0000, size: 4)
    #expect(bench.log.take().contains("vfio_pci_intx_eoi  (0000:81:00.0) EOI"))
    bench.events.advance(milliseconds: 100)
    #expect(bench.log.take().filter { $0.hasSuffix("enabled: 1") }.count == 2)
    #expect(bench.events.timerCount == 0)
  }

  @Test func eachInterruptPutsTheReturnOfMappingsOffWithoutAnotherTimer() throws {
    let bench = try mappedBench(mappingTimeout: 100)
    for _ in 0..<3 {
      try bench.kernel.setInterruptLine(of: FunctionBench.address, asserted: true)
      bench.events.turn()
      try bench.kernel.setInterruptLine(of: FunctionBench.address, asserted: false)
      _ = bench.memory.read(0xfd00_0000, size: 4)
      #expect(bench.events.timerCount == 1)
      bench.events.advance(milliseconds: 60)
    }
    bench.events.advance(milliseconds: 39)
    #expect(!bench.log.take().contains { $0.hasSuffix("enabled: 1") })
    bench.events.advance(milliseconds: 1)
    #expect(bench.log.take().filter { $0.hasSuffix("enabled: 1") }.count == 2)
    #expect(bench.events.timerCount == 0)
  }

  @Test func mappingsAreOffWhenTheGuestHearsOfTheInterrupt() throws {
    var options = FunctionOptions()
    options.isINTxAccelerationAllowed = false
    let bench = try FunctionBench(options: options)
    bench.tracer.set("vfio_region_mmaps_set_enabled", enabled: true)
    var seen: [String] = []
    bench.place.onLevel = { [log = bench.log] level in if level { seen = log.take() } }
    try bench.kernel.setInterruptLine(of: FunctionBench.address, asserted: true)
    bench.events.turn()
    #expect(seen.filter { $0.hasSuffix("enabled: 0") }.count == 2)
  }

  @Test func aTimeoutOfNothingLeavesMappingsOff() throws {
    var options = FunctionOptions()
    options.isINTxAccelerationAllowed = false
    options.mappingTimeout = 0
    let bench = try FunctionBench(options: options)
    try bench.kernel.setInterruptLine(of: FunctionBench.address, asserted: true)
    bench.events.turn()
    #expect(bench.events.timerCount == 0)
  }
}
