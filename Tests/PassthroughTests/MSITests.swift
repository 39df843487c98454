import HostKernel
import Hypervisor
import SimulatedKernel
import SystemPackage
import Testing
import Tracing

@testable import Passthrough

@Suite struct MSITests {
  /// Programs the message and turns MSI on with 2 to the power of `shift` vectors.
  private func enable(_ bench: FunctionBench, shift: UInt32 = 0) {
    bench.write(4, 2, 0x406)
    bench.write(FunctionBench.msi + 4, 4, 0xfee0_1000)
    bench.write(FunctionBench.msi + 0xc, 2, 0x40)
    _ = bench.log.take()
    bench.write(FunctionBench.msi + 2, 2, shift << 4 | 1)
  }

  @Test func oneVectorTakesTheSameStepsAsInQEMU() throws {
    let bench = try FunctionBench()
    bench.tracer.set("vfio_pci_*_config", enabled: true)
    bench.tracer.set("vfio_region_mmaps_set_enabled", enabled: true)
    enable(bench)
    #expect(
      bench.log.take() == [
        "vfio_pci_write_config  (0000:81:00.0, @0x52, 0x1, len=0x2)",
        "host: intx mask 0+1 none", "accelerator: end of resample gsi 20",
        "host: intx unmask 0+1 none",
        "vfio_intx_disable_kvm  (0000:81:00.0) KVM INTx accel disabled",
        "host: intx trigger 0+0 none",
        "vfio_region_mmaps_set_enabled Region 0000:81:00.0 BAR 0 mmaps enabled: 1",
        "vfio_region_mmaps_set_enabled Region 0000:81:00.0 BAR 3 mmaps enabled: 1",
        "vfio_intx_disable  (0000:81:00.0)",
        "accelerator: route 24 fee01000/40", "accelerator: commit", "accelerator: trigger 24",
        "host: msi trigger 0+1 gsi24",
        "vfio_msi_enable  (0000:81:00.0) Enabled 1 MSI vectors",
      ])
    bench.write(FunctionBench.msi + 2, 2, 0x80)
    #expect(
      bench.log.take() == [
        "vfio_pci_write_config  (0000:81:00.0, @0x52, 0x80, len=0x2)",
        "host: msi trigger 0+0 none", "accelerator: end of trigger 24", "accelerator: remove 24",
        "vfio_pci_read_config  (0000:81:00.0, @0x3d, len=0x1) 0x1",
        "host: intx trigger 0+1 own", "host: intx mask 0+1 none",
        "accelerator: resample gsi 20", "host: intx unmask 0+1 own", "host: intx unmask 0+1 none",
        "vfio_intx_enable_kvm  (0000:81:00.0) KVM INTx accel enabled",
        "vfio_intx_enable  (0000:81:00.0)", "vfio_msi_disable  (0000:81:00.0)",
      ])
    #expect(bench.accelerator.triggers.count == 1 && bench.accelerator.routes.isEmpty)
  }

  @Test func severalVectorsAreOneBatchAndOneCall() throws {
    let bench = try FunctionBench()
    enable(bench, shift: 2)
    #expect(
      bench.log.take().suffix(11) == [
        "accelerator: route 24 fee01000/40", "accelerator: route 25 fee01000/41",
        "accelerator: route 26 fee01000/42", "accelerator: route 27 fee01000/43",
        "accelerator: commit", "accelerator: trigger 24", "accelerator: trigger 25",
        "accelerator: trigger 26", "accelerator: trigger 27",
        "host: msi trigger 0+4 gsi24 gsi25 gsi26 gsi27",
        "vfio_msi_enable  (0000:81:00.0) Enabled 4 MSI vectors",
      ])
  }

  @Test func moreVectorsThanThereAreAreCutToThose() throws {
    let bench = try FunctionBench()
    enable(bench, shift: 7)
    #expect(bench.log.take().last == "vfio_msi_enable  (0000:81:00.0) Enabled 4 MSI vectors")
    #expect(bench.read(FunctionBench.msi + 2, 2) >> 4 & 7 == 2)
  }

  @Test func aHostWithFewerVectorsIsAskedForThose() throws {
    var device = FunctionBench.Device()
    device.remapsInterrupts = false
    // Such a host assigns functions only when told that it is trusted.
    let bench = try FunctionBench(device, isHostTrusted: true)
    enable(bench, shift: 2)
    #expect(
      bench.log.take().suffix(7) == [
        "accelerator: end of trigger 27", "accelerator: remove 27",
        "accelerator: route 24 fee01000/40", "accelerator: commit", "accelerator: trigger 24",
        "host: msi trigger 0+1 gsi24", "vfio_msi_enable  (0000:81:00.0) Enabled 1 MSI vectors",
      ])
    #expect(
      bench.messages.lines == [
        "p: vfio 0000:81:00.0: Failed to enable 4 MSI vectors, retry with 1"
      ])
  }

  @Test func aHostThatRefusesLeavesNoInterruptOn() throws {
    let bench = try FunctionBench()
    // Four calls turn INTx off.
    bench.host.refuseInterrupts([nil, nil, nil, .noSpace])
    enable(bench)
    #expect(!bench.log.take().contains { $0.hasPrefix("vfio_msi_enable") })
    #expect(
      bench.messages.lines == [
        "p: vfio 0000:81:00.0: Failed to setup MSI fds: No space left on device",
        "p: vfio 0000:81:00.0: Failed to enable MSI",
      ])
    #expect(bench.accelerator.triggers.isEmpty && bench.accelerator.routes.isEmpty)
    #expect(bench.events.watchCount == 2)
    // Turning it off in the capability finds nothing to do.
    bench.write(FunctionBench.msi + 2, 2, 0)
    #expect(bench.log.take() == [])
  }

  @Test func aNewMessageChangesTheRouteAndNothingElse() throws {
    let bench = try FunctionBench()
    enable(bench, shift: 1)
    _ = bench.log.take()
    bench.write(FunctionBench.msi + 0xc, 2, 0x51)
    bench.write(FunctionBench.msi + 0xc, 2, 0x51)
    bench.write(FunctionBench.msi + 8, 4, 0x1)
    #expect(
      bench.log.take() == [
        "accelerator: update 24 fee01000/50", "accelerator: update 25 fee01000/51",
        "accelerator: commit", "accelerator: update 24 1fee01000/50",
        "accelerator: update 25 1fee01000/51", "accelerator: commit",
      ])
  }

  @Test func withoutRoutesEachInterruptComesHere() throws {
    let bench = try FunctionBench(hasMessageRoutes: false)
    enable(bench, shift: 1)
    #expect(
      bench.log.take().suffix(2) == [
        "host: msi trigger 0+2 own own", "vfio_msi_enable  (0000:81:00.0) Enabled 2 MSI vectors",
      ])
    try bench.raise(1)
    #expect(
      bench.log.take() == [
        "vfio_msi_interrupt  (0000:81:00.0) vector 1 0xfee01000/0x41",
        "accelerator: send fee01000/41",
      ])
  }

  @Test func anOptionKeepsVectorsHere() throws {
    var options = FunctionOptions()
    options.isMSIAccelerationAllowed = false
    let bench = try FunctionBench(options: options)
    enable(bench)
    #expect(bench.log.take().contains("host: msi trigger 0+1 own"))
    try bench.raise(0)
    #expect(bench.accelerator.signalled == [MSIMessage(address: 0xfee0_1000, data: 0x40)])
  }

  @Test func aMaskedVectorWaitsForItsMaskBit() throws {
    let bench = try FunctionBench(hasMessageRoutes: false)
    enable(bench, shift: 1)
    bench.write(FunctionBench.msi + 0x10, 4, 2)
    _ = bench.log.take()
    try bench.raise(1)
    try bench.raise(0)
    #expect(
      bench.accelerator.signalled == [MSIMessage(address: 0xfee0_1000, data: 0x40)])
    #expect(bench.read(FunctionBench.msi + 0x14, 4) == 2)
    bench.write(FunctionBench.msi + 0x10, 4, 0)
    #expect(bench.read(FunctionBench.msi + 0x14, 4) == 0)
    #expect(bench.accelerator.signalled.last == MSIMessage(address: 0xfee0_1000, data: 0x41))
  }

  @Test func aFunctionThatIsNoBusMasterSendsNothing() throws {
    let bench = try FunctionBench(hasMessageRoutes: false)
    enable(bench)
    bench.write(4, 2, 0x2)
    try bench.raise(0)
    #expect(bench.accelerator.signalled.isEmpty)
    #expect(bench.log.take().contains { $0.hasPrefix("vfio_msi_interrupt") })
  }

  @Test func whatTheAcceleratorRefusesComesHere() throws {
    let uncommitted = try FunctionBench()
    uncommitted.accelerator.commitError = .noMemory
    enable(uncommitted, shift: 1)
    #expect(uncommitted.log.take().contains("host: msi trigger 0+2 own own"))
    #expect(uncommitted.accelerator.routes.isEmpty)
    #expect(uncommitted.messages.lines.count == 1)

    let untied = try FunctionBench()
    untied.accelerator.triggerError = .resourceBusy
    enable(untied)
    #expect(untied.log.take().contains("host: msi trigger 0+1 own"))
    #expect(untied.accelerator.routes.isEmpty)

    let full = try FunctionBench()
    for gsi in 24..<27 as Range<UInt32> {
      full.accelerator.routes[gsi] = MSIMessage(address: 0, data: 0)
    }
    enable(full, shift: 2)
    #expect(full.log.take().contains("host: msi trigger 0+4 gsi27 own own own"))
  }

  @Test func aFunctionThatGoesTakesItsVectorsAlong() throws {
    var bench: FunctionBench? = try FunctionBench()
    let accelerator = try #require(bench?.accelerator)
    let events = try #require(bench?.events)
    enable(try #require(bench), shift: 1)
    bench = nil
    #expect(accelerator.triggers.isEmpty && accelerator.routes.isEmpty)
    #expect(events.watchCount == 0)
  }
}
