import HostKernel
import Hypervisor
import PCI
import SimulatedKernel
import SystemPackage
import Testing
import Tracing
import VFIO

@testable import Passthrough

@Suite struct FunctionLifeTests {
  private typealias Bench = FunctionBench

  private final class Calls {
    var count = 0
  }

  // MARK: - Identity

  @Test func anotherIdentityIsReadAndTheRevisionIsTheDevices() throws {
    var options = FunctionOptions()
    options.identity.vendor = 0x1af4
    options.identity.device = 0
    options.identity.subsystemVendor = 0xffff
    options.identity.subsystem = 0x42
    options.identity.classCode = 0x02_8000
    let bench = try Bench(options: options, isTraced: true)
    #expect(bench.read(0, 4) == 0x0000_1af4)
    #expect(bench.read(0x2c, 4) == 0x0042_ffff)
    #expect(bench.read(8, 4) == 0x0280_0000)
    bench.write(0, 4, 0)
    #expect(bench.read(0, 2) == 0x1af4)
    #expect(
      bench.startLog.filter { $0.hasPrefix("vfio_pci_emulated") } == [
        "vfio_pci_emulated_vendor_id 0000:81:00.0 0x1af4",
        "vfio_pci_emulated_device_id 0000:81:00.0 0x0000",
        "vfio_pci_emulated_sub_vendor_id 0000:81:00.0 0xffff",
        "vfio_pci_emulated_sub_device_id 0000:81:00.0 0x0042",
        "vfio_pci_emulated_class_code 0000:81:00.0 0x028000",
      ])
  }

  @Test func numbersThatNoRegisterHoldsAreRefused() throws {
    let changes: [(inout IdentityOverrides) -> Void] = [
      { $0.vendor = 0xffff }, { $0.device = 0x1_0000 }, { $0.subsystemVendor = 0x1_0000 },
      { $0.subsystem = .max }, { $0.classCode = 0x100_0000 },
    ]
    let names = [
      "vendor ID", "device ID", "subsystem vendor ID", "subsystem device ID", "class code",
    ]
    for (change, name) in zip(changes, names) {
      var options = FunctionOptions()
      change(&options.identity)
      let error = #expect(throws: AssignmentError.Failure.self) { _ = try Bench(options: options) }
      #expect(error == .invalidIdentity(name))
      #expect(error?.message == "invalid PCI \(name) provided")
    }
  }

  // MARK: - Errors and requests

  @Test func anErrorIsToldAndStopsTheMachine() throws {
    let bench = try Bench()
    let calls = Calls()
    bench.function.onHostError = { calls.count += $1 ? 1 : 10 }
    try bench.kernel.reportError(of: Bench.address)
    bench.events.turn()
    #expect(calls.count == 1)
    #expect(
      bench.messages.lines == [
        "p: vfio_err_notifier_handler(0000:81:00.0) Unrecoverable error detected. Please collect any "
          + "data possible and then kill the guest"
      ])
  }

  @Test func anErrorThatIsOnlyReportedStopsNothing() throws {
    var options = FunctionOptions()
    options.stopsOnError = false
    let bench = try Bench(options: options)
    let calls = Calls()
    bench.function.onHostError = { calls.count += $1 ? 1 : 10 }
    try bench.kernel.reportError(of: Bench.address)
    bench.events.turn()
    #expect(calls.count == 10 && bench.messages.lines.count == 1)
  }

  @Test func aRequestOfTheHostIsHandedOn() throws {
    let bench = try Bench()
    let calls = Calls()
    bench.function.onHostRequest = { _ in calls.count += 1 }
    try bench.kernel.unbindDriver(of: Bench.address)
    bench.events.turn()
    #expect(calls.count == 1 && bench.messages.lines.isEmpty)
  }

  @Test func aRequestCanBeLeftUnheard() throws {
    var options = FunctionOptions()
    options.isRequestHonoured = false
    let bench = try Bench(options: options, isTraced: true)
    #expect(bench.startLog.contains { $0.hasPrefix("host: err") })
    #expect(!bench.startLog.contains { $0.hasPrefix("host: req") })
  }

  // MARK: - Function level reset

  @Test(arguments: [(0x88, 2, 0x8000), (0x89, 1, 0x80), (0x88, 4, 0x8000)] as [(Int, Int, UInt32)])
  func aResetThatTheGuestOrdersLeavesBARsAndVectors(
    offset: Int, length: Int, value: UInt32
  ) throws {
    let bench = try Bench()
    bench.placeTable()
    bench.write(Bench.msix + 2, 2, 0x8004)
    bench.setEntry(1, data: 0x31, isMasked: false)
    let places = bench.function.barPlaces
    _ = bench.log.take()
    let count = try bench.kernel.resetCount(of: Bench.address)
    bench.write(offset, length, value)
    #expect(try bench.kernel.resetCount(of: Bench.address) == count + 1)
    #expect(bench.function.barPlaces == places)
    #expect(bench.read(Bench.msix + 2, 2) == 0x8004)
    #expect(bench.log.take() == [])
    bench.setMask(1, true)
    #expect(bench.log.take().count == 2)
  }

  @Test func aResetBringsAParkedFunctionsBARsBack() throws {
    let bench = try Bench()
    bench.placeTable()
    let places = bench.function.barPlaces
    bench.write(Bench.pm + 4, 2, 3)
    #expect(bench.function.barPlaces != places)
    // The kernel wakes the function for its reset.
    try bench.kernel.setPowerState(of: Bench.address, 0)
    bench.write(0x88, 2, 0x8000)
    #expect(bench.function.barPlaces == places)
  }

  @Test func withoutTheCapabilityTheBitOrdersNothing() throws {
    var device = Bench.Device()
    device.hasFLR = false
    let bench = try Bench(device)
    bench.placeTable()
    bench.write(Bench.pm + 4, 2, 3)
    let places = bench.function.barPlaces
    try bench.kernel.setPowerState(of: Bench.address, 0)
    bench.write(0x88, 2, 0x8000)
    #expect(bench.function.barPlaces == places)
  }

  // MARK: - The bus

  @Test func thePlaceSaysWhatOfTheExpressCapabilityIsSeen() throws {
    let bench = try Bench()
    #expect(bench.read(0x82, 2) >> 4 & 0xf == 9)
    #expect(bench.function.expressCapability == 0x80)
    let behind = try Bench(isOnRootBus: false)
    #expect(behind.read(0x82, 2) >> 4 & 0xf == 0)
  }

  // MARK: - Unplugging

  private let interruptsOff = [
    "host: intx mask 0+1 none", "accelerator: end of resample gsi 20",
    "host: intx unmask 0+1 none",
    "vfio_intx_disable_kvm  (0000:81:00.0) KVM INTx accel disabled",
    "host: intx trigger 0+0 none", "vfio_intx_disable  (0000:81:00.0)",
  ]

  @Test func unpluggingGoesInQEMUsOrder() throws {
    let bench = try Bench()
    bench.placeTable()
    bench.tracer.set("iommufd*", enabled: true)
    let number = bench.function.device.descriptorNumber
    let iommufd = bench.object.descriptorNumber
    bench.coordinator.unplug(bench.function)
    let lines = bench.log.take()
    #expect(lines.first == "vfio_pci_reset  (0000:81:00.0)")
    let start = try #require(lines.firstIndex { $0.hasPrefix("host: req") })
    #expect(lines[..<start].contains("vfio_pci_reset_flr 0000:81:00.0 FLR/VFIO_DEVICE_RESET"))
    #expect(
      Array(lines[start...]) == ["host: req trigger 0+1 -", "host: err trigger 0+1 -"]
        + interruptsOff + [
          "vfio_region_exit Device 0000:81:00.0, region 0",
          "vfio_region_exit Device 0000:81:00.0, region 3",
          "vfio_region_finalize Device 0000:81:00.0, region 0",
          "vfio_region_finalize Device 0000:81:00.0, region 3",
          "iommufd_cdev_pasid_detach_ioas_hwpt  [iommufd=\(iommufd)] Successfully detached "
            + "0000:81:00.0 pasid 0",
          "iommufd_backend_free_id  iommufd=\(iommufd) id=3 (0)", "container: disconnect",
          "iommufd_backend_free_id  iommufd=\(iommufd) id=2 (0)", "accelerator: remove file",
          "iommufd_backend_disconnect fd=-1 users=0",
        ])
    #expect(number >= 0 && bench.kernel.isQuiescent)
    #expect(bench.memory.flatView.sections.isEmpty && bench.events.watchCount == 0)
    #expect(bench.coordinator.functions.isEmpty)
    #expect(throws: Errno.badFileDescriptor) { try bench.function.device.reset() }
    // A second time there is nothing to do.
    bench.attacher.detach(bench.function.device)
    #expect(bench.log.take() == [])
  }

  @Test func aFunctionOfAGroupGoesWithGroupAndContainer() throws {
    let bench = try Bench(attachesByGroup: true)
    let device = bench.function.device
    guard case .group(let group) = device.attachment else { return }
    bench.coordinator.unplug(bench.function)
    let lines = bench.log.take()
    let start = try #require(lines.firstIndex { $0.hasPrefix("vfio_device_detach") })
    #expect(
      lines[start...].map { $0.prefix { $0 != "=" } } == [
        "vfio_device_detach  (0000:81:00.0) group 12", "vfio_device_put close vdev->fd",
        "accelerator: remove file", "container: disconnect",
        "vfio_container_disconnect close container->fd", "vfio_group_put close group->fd",
      ])
    #expect(
      lines.contains("vfio_device_put close vdev->fd=\(device.descriptorNumber)")
        && lines.contains("vfio_group_put close group->fd=\(group.descriptorNumber)"))
    #expect(bench.kernel.isQuiescent)
  }

  @Test func whatWasUnpluggedCanBePluggedAgain() throws {
    let bench = try Bench()
    for _ in 0..<5 {
      bench.coordinator.unplug(bench.function)
      #expect(bench.kernel.isQuiescent)
      try bench.plug()
      bench.placeTable()
      bench.write(Bench.msix + 2, 2, 0x8004)
      bench.setEntry(0, data: 0x30, isMasked: false)
      #expect(bench.log.take().contains("host: msix trigger 0+1 gsi24"))
    }
  }

  @Test func aFunctionWithVectorsGivesThemBack() throws {
    let bench = try Bench()
    bench.placeTable()
    bench.write(Bench.msix + 2, 2, 0x8004)
    bench.setEntry(0, data: 0x30, isMasked: false)
    bench.coordinator.unplug(bench.function)
    #expect(bench.accelerator.routes.isEmpty && bench.accelerator.triggers.isEmpty)
    #expect(bench.kernel.isQuiescent)
  }
}
