import HostKernel
import Hypervisor
import SimulatedKernel
import SystemPackage
import Testing
import Tracing

@testable import Passthrough

@Suite struct MSIXTests {
  private typealias Bench = FunctionBench

  /// The control register as a Linux guest writes it: on and masked, then on.
  private func enableAsLinuxDoes(_ bench: FunctionBench) {
    bench.write(Bench.msix + 2, 2, 0xc004)
    bench.write(Bench.msix + 2, 2, 0x8004)
  }

  private func used(_ vector: Int) -> String {
    "vfio_msix_vector_do_use  (0000:81:00.0) vector \(vector) used"
  }

  private func released(_ vector: Int) -> String {
    "vfio_msix_vector_release  (0000:81:00.0) vector \(vector) released"
  }

  private let pendingOff = "vfio_msix_pba_disable  (0000:81:00.0)"
  private let intxOff = [
    "host: intx mask 0+1 none", "accelerator: end of resample gsi 20",
    "host: intx unmask 0+1 none",
    "vfio_intx_disable_kvm  (0000:81:00.0) KVM INTx accel disabled",
    "host: intx trigger 0+0 none", "vfio_intx_disable  (0000:81:00.0)",
  ]
  private let intxOn = [
    "host: intx trigger 0+1 own", "host: intx mask 0+1 none", "accelerator: resample gsi 20",
    "host: intx unmask 0+1 own", "host: intx unmask 0+1 none",
    "vfio_intx_enable_kvm  (0000:81:00.0) KVM INTx accel enabled",
    "vfio_intx_enable  (0000:81:00.0)",
  ]

  @Test func withAllMaskedItIsOnAtTheHostWithoutVectors() throws {
    let bench = try FunctionBench()
    bench.placeTable()
    enableAsLinuxDoes(bench)
    #expect(
      bench.log.take() == intxOff + [
        "host: msix trigger 0+1 -", "vfio_msix_enable  (0000:81:00.0)",
      ])
  }

  @Test func aVectorIsAskedForWhenItsEntryIsUnmasked() throws {
    let bench = try FunctionBench()
    bench.placeTable()
    enableAsLinuxDoes(bench)
    _ = bench.log.take()
    bench.setEntry(2, data: 0x32, isMasked: false)
    bench.setEntry(0, data: 0x30, isMasked: false)
    #expect(
      bench.log.take() == [
        used(2), "accelerator: route 24 fee00000/32", "accelerator: commit",
        "accelerator: trigger 24", "host: msix trigger 2+1 gsi24", pendingOff,
        used(0), "accelerator: route 25 fee00000/30", "accelerator: commit",
        "accelerator: trigger 25", "host: msix trigger 0+1 gsi25", pendingOff,
      ])
  }

  @Test func aHostThatCannotAddVectorsIsTurnedOffAndOnForAHigherOne() throws {
    var device = Bench.Device()
    device.msix? += ", dynamic: false"
    let bench = try FunctionBench(device)
    bench.placeTable()
    enableAsLinuxDoes(bench)
    _ = bench.log.take()
    bench.setEntry(2, data: 0x32, isMasked: false)
    bench.setEntry(0, data: 0x30, isMasked: false)
    #expect(
      bench.log.take() == [
        used(2), "accelerator: route 24 fee00000/32", "accelerator: commit",
        "accelerator: trigger 24", "host: msix trigger 0+0 none",
        "host: msix trigger 0+3 - - gsi24", pendingOff,
        used(0), "accelerator: route 25 fee00000/30", "accelerator: commit",
        "accelerator: trigger 25", "host: msix trigger 0+1 gsi25", pendingOff,
      ])
    #expect(bench.messages.lines.isEmpty)
  }

  @Test(arguments: [true, false])
  func vectorsUnmaskedBeforeAreOneBatchAndOneCall(isDynamic: Bool) throws {
    var device = Bench.Device()
    device.msix? += ", dynamic: \(isDynamic)"
    let bench = try FunctionBench(device)
    bench.placeTable()
    for number in [1, 3] as [UInt64] {
      bench.setEntry(number, data: 0x30 + UInt32(number), isMasked: false)
    }
    #expect(bench.log.take() == [])
    bench.write(Bench.msix + 2, 2, 0x8004)
    let steps = [
      used(1), "accelerator: route 24 fee00000/31", pendingOff, used(3),
      "accelerator: route 25 fee00000/33", pendingOff, "accelerator: commit",
      "accelerator: trigger 24", "accelerator: trigger 25",
    ]
    #expect(
      bench.log.take() == intxOff + steps + (isDynamic ? ["host: msix trigger 0+1 -"] : [])
        + ["host: msix trigger 0+4 - gsi24 - gsi25", "vfio_msix_enable  (0000:81:00.0)"])
  }

  @Test func aMaskedVectorComesHereAndKeepsItsRoute() throws {
    let bench = try FunctionBench()
    bench.placeTable()
    enableAsLinuxDoes(bench)
    bench.setEntry(1, data: 0x31, isMasked: false)
    _ = bench.log.take()
    bench.setMask(1, true)
    bench.setMask(1, true)
    bench.setMask(1, false)
    #expect(
      bench.log.take() == [
        released(1), "host: msix trigger 1+1 own", used(1), "host: msix trigger 1+1 gsi24",
        pendingOff,
      ])
  }

  @Test func aNewMessageUnderTheMaskChangesTheRoute() throws {
    let bench = try FunctionBench()
    bench.placeTable()
    enableAsLinuxDoes(bench)
    bench.setEntry(1, data: 0x31, isMasked: false)
    bench.setMask(1, true)
    _ = bench.log.take()
    bench.setEntry(1, data: 0x99, isMasked: false)
    #expect(
      bench.log.take() == [
        used(1), "accelerator: update 24 fee00000/99", "accelerator: commit",
        "host: msix trigger 1+1 gsi24", pendingOff,
      ])
  }

  @Test func whatFiresWhileMaskedIsPendingAndComesWithTheUnmask() throws {
    let bench = try FunctionBench()
    bench.placeTable()
    enableAsLinuxDoes(bench)
    for number in [0, 1] as [UInt64] {
      bench.setEntry(number, data: 0x30 + UInt32(number), isMasked: false)
      bench.setMask(number, true)
    }
    _ = bench.log.take()
    try bench.raise(1)
    #expect(
      bench.log.take() == [
        "vfio_msix_pba_enable  (0000:81:00.0)",
        "vfio_msi_interrupt  (0000:81:00.0) vector 1 0xfee00000/0x31",
      ])
    #expect(bench.memory.read(0xfe00_2000, size: 8) == 2)
    bench.memory.write(0xfe00_2000, size: 4, value: 0)
    // Another vector leaves it waiting.
    bench.setMask(0, false)
    #expect(bench.log.take() == [used(0), "host: msix trigger 0+1 gsi24"])
    bench.setMask(1, false)
    #expect(
      bench.log.take() == [
        used(1), "host: msix trigger 1+1 gsi25", pendingOff, "accelerator: send fee00000/31",
      ])
    // The device's own pending bits are back.
    bench.tracer.set("vfio_region_read", enabled: true)
    #expect(bench.memory.read(0xfe00_2000, size: 4) == 0)
  }

  @Test func theFunctionMaskHoldsAllBack() throws {
    let bench = try FunctionBench(hasMessageRoutes: false)
    bench.placeTable()
    enableAsLinuxDoes(bench)
    for number in [0, 2] as [UInt64] {
      bench.setEntry(number, data: 0x30 + UInt32(number), isMasked: false)
    }
    _ = bench.log.take()
    bench.write(Bench.msix + 2, 2, 0xc004)
    #expect(bench.log.take() == [released(0), released(2)])
    try bench.raise(2)
    #expect(bench.accelerator.signalled.isEmpty)
    _ = bench.log.take()
    bench.write(Bench.msix + 2, 2, 0x8004)
    #expect(
      bench.log.take() == [
        used(0), "host: msix trigger 0+1 own", used(2), "host: msix trigger 2+1 own", pendingOff,
        "accelerator: send fee00000/32",
      ])
  }

  @Test func turningItOffReleasesWhatWasUsedAndBringsINTxBack() throws {
    let bench = try FunctionBench()
    bench.placeTable()
    enableAsLinuxDoes(bench)
    for number in [0, 2] as [UInt64] {
      bench.setEntry(number, data: 0x30 + UInt32(number), isMasked: false)
      bench.setMask(number, true)
    }
    _ = bench.log.take()
    bench.write(Bench.msix + 2, 2, 0x0004)
    #expect(
      bench.log.take() == [
        released(0), "host: msix trigger 0+1 own", released(2), "host: msix trigger 2+1 own",
        "host: msix trigger 0+0 none", "accelerator: end of trigger 24", "accelerator: remove 24",
        "accelerator: end of trigger 25", "accelerator: remove 25",
      ] + intxOn + ["vfio_msix_disable  (0000:81:00.0)"])
    #expect(bench.accelerator.routes.isEmpty)
  }

  @Test func aResetReleasesUnmaskedVectorsTwice() throws {
    let bench = try FunctionBench()
    bench.placeTable()
    enableAsLinuxDoes(bench)
    bench.setEntry(1, data: 0x31, isMasked: false)
    _ = bench.log.take()
    bench.function.reset()
    let lines = bench.log.take().filter { !$0.hasPrefix("host") && !$0.hasPrefix("accelerator") }
    #expect(
      lines.prefix(8) == [
        "vfio_pci_reset  (0000:81:00.0)", released(1), released(1),
        "vfio_intx_enable_kvm  (0000:81:00.0) KVM INTx accel enabled",
        "vfio_intx_enable  (0000:81:00.0)", "vfio_msix_disable  (0000:81:00.0)",
        "vfio_intx_disable_kvm  (0000:81:00.0) KVM INTx accel disabled",
        "vfio_intx_disable  (0000:81:00.0)",
      ])
    #expect(bench.read(Bench.msix + 2, 2) == 4)
    // Nothing is on any more, and it can be turned on again.
    bench.placeTable()
    enableAsLinuxDoes(bench)
    #expect(bench.log.take().last == "vfio_msix_enable  (0000:81:00.0)")
    bench.setMask(1, false)
    #expect(bench.log.take().first == used(1))
  }

  @Test func anOptionKeepsVectorsHere() throws {
    var options = FunctionOptions()
    options.isMSIXAccelerationAllowed = false
    let bench = try FunctionBench(options: options)
    bench.placeTable()
    enableAsLinuxDoes(bench)
    bench.setEntry(2, data: 0x28, isMasked: false)
    _ = bench.log.take()
    try bench.raise(2)
    #expect(
      bench.log.take() == [
        "vfio_msi_interrupt  (0000:81:00.0) vector 2 0xfee00000/0x28",
        "accelerator: send fee00000/28",
      ])
  }

  @Test func oneKindGivesWayToTheOther() throws {
    let bench = try FunctionBench()
    bench.placeTable()
    enableAsLinuxDoes(bench)
    _ = bench.log.take()
    bench.write(Bench.msi + 2, 2, 1)
    let lines = bench.log.take()
    #expect(lines.contains("vfio_msix_disable  (0000:81:00.0)"))
    #expect(lines.last == "vfio_msi_enable  (0000:81:00.0) Enabled 1 MSI vectors")
    // Turning off what gave way already changes nothing, nor does its table.
    bench.write(Bench.msix + 2, 2, 4)
    bench.setMask(0, false)
    #expect(bench.log.take() == [])
  }

  @Test func aHostThatRefusesAVectorIsNamed() throws {
    let bench = try FunctionBench()
    bench.placeTable()
    enableAsLinuxDoes(bench)
    bench.host.refuseInterrupts([.noSpace])
    bench.setMask(3, false)
    #expect(
      bench.messages.lines == [
        "p: vfio 0000:81:00.0: Failed to set up TRIGGER eventfd signaling for interrupt MSIX-3: "
          + "VFIO_DEVICE_SET_IRQS failure: No space left on device"
      ])
  }

  /// A guest that writes anything anywhere: nothing traps, and afterwards all can be given back.
  @Test(arguments: 0..<40 as Range<UInt64>)
  func randomAccessesLeaveNothingBehind(seed: UInt64) throws {
    var bench: FunctionBench? = try RandomGuest(seed: seed).run(steps: 300)
    let accelerator = try #require(bench?.accelerator)
    let events = try #require(bench?.events)
    let kernel = try #require(bench?.kernel)
    bench = nil
    #expect(accelerator.triggers.isEmpty && accelerator.routes.isEmpty)
    #expect(events.watchCount == 0)
    #expect(kernel.isQuiescent)
  }
}
