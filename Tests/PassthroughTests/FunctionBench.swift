import CLinux
import HostKernel
import Hypervisor
import PCI
import SimulatedKernel
import SystemPackage
import Tracing
import VFIO

@testable import Passthrough

/// What happens in order: trace lines, calls to the host about interrupts and to the accelerator.
final class BenchLog: TraceSink {
  private let state = Locked([String]())

  func write(line: Span<UInt8>) {
    let text = String(decoding: (0..<line.count - 1).map { line[$0] }, as: UTF8.self)
    note(text)
  }

  func note(_ line: String) { state.withLock { $0.append(line) } }

  /// The lines since the last call.
  func take() -> [String] {
    state.withLock { lines in
      defer { lines = [] }
      return lines
    }
  }
}

/// An accelerator that notes what it is asked, and may be told to refuse.
final class RecordingAccelerator: Accelerator {
  let log: BenchLog
  let name = "recording"
  let memoryFailure: AcceleratorError? = nil
  var hasResampleIRQFD = true
  var hasMessageRoutes = true
  var routes: [UInt32: MSIMessage] = [:]
  /// Which interrupt a trigger sends.
  var triggers: [Int32: UInt32] = [:]
  var signalled: [MSIMessage] = []
  var levels: [UInt32: Bool] = [:]
  var commitError: Errno?
  var triggerError: Errno?
  private var isChanged = false

  init(log: BenchLog) { self.log = log }

  func assignResampleIRQFD(trigger: Int32, resample: Int32, gsi: UInt32) throws(Errno) {
    log.note("accelerator: resample gsi \(gsi)")
    triggers[trigger] = gsi
  }

  func deassignResampleIRQFD(trigger: Int32, gsi: UInt32) throws(Errno) {
    log.note("accelerator: end of resample gsi \(gsi)")
    triggers[trigger] = nil
  }

  func addMSIRoute(_ message: MSIMessage) throws(Errno) -> UInt32 {
    guard let gsi = (24..<28).first(where: { routes[$0] == nil }) else { throw .noSpace }
    routes[gsi] = message
    isChanged = true
    log.note("accelerator: route \(gsi) \(text(message))")
    return gsi
  }

  func updateMSIRoute(_ gsi: UInt32, _ message: MSIMessage) {
    guard routes[gsi] != message else { return }
    routes[gsi] = message
    isChanged = true
    log.note("accelerator: update \(gsi) \(text(message))")
  }

  func removeMSIRoute(_ gsi: UInt32) {
    routes[gsi] = nil
    isChanged = true
    log.note("accelerator: remove \(gsi)")
  }

  func commitRoutes() throws(Errno) {
    guard isChanged else { return }
    log.note("accelerator: commit")
    if let commitError { throw commitError }
    isChanged = false
  }

  func assignIRQFD(trigger: Int32, gsi: UInt32) throws(Errno) {
    log.note("accelerator: trigger \(gsi)")
    if let triggerError { throw triggerError }
    triggers[trigger] = gsi
  }

  func deassignIRQFD(trigger: Int32, gsi: UInt32) throws(Errno) {
    log.note("accelerator: end of trigger \(gsi)")
    triggers[trigger] = nil
  }

  func signal(_ message: MSIMessage) {
    log.note("accelerator: send \(text(message))")
    signalled.append(message)
  }

  func addVFIOFile(_ descriptor: Int32) { log.note("accelerator: add file") }
  func removeVFIOFile(_ descriptor: Int32) { log.note("accelerator: remove file") }
  func setLine(gsi: UInt32, level: Bool) { levels[gsi] = level }
  func regionRemoved(_ section: MemorySection) {}
  func regionAdded(_ section: MemorySection) {}

  private func text(_ message: MSIMessage) -> String {
    "\(String(message.address, radix: 16))/\(String(message.data, radix: 16))"
  }
}

/// A place whose wiring a test moves.
final class BenchPlace: FunctionPlace {
  var current = InterruptRoute(isEnabled: true, gsi: 20)
  var levels: [Bool] = []
  var onLevel: (Bool) -> Void = { _ in }
  var isOnRootBus = true
  var memoryRegion: RegionID?
  var portRegion: RegionID?

  func route(ofPin pin: Int) -> InterruptRoute { current }

  func setLine(ofPin pin: Int, level: Bool) {
    levels.append(level)
    onLevel(level)
  }
}

/// One assigned function on a simulated host, driven as a guest and as the device.
final class FunctionBench {
  let log = BenchLog()
  let messages = RingSink()
  let tracer: Tracer
  let accelerator: RecordingAccelerator
  let events = ManualEventSources()
  let memory = AddressSpace()
  let ports = AddressSpace(splitsDeviceAccesses: false)
  let place = BenchPlace()
  let kernel: SimulatedKernel
  let host: RecordingHost
  let environment: FunctionEnvironment
  let attacher: DeviceAttacher
  let object: IOMMUFDObject
  let coordinator: ResetCoordinator
  private(set) var function: PassthroughFunction

  static let address = PCIAddress(bus: 0x81, devfn: 0)
  static let name = "0000:81:00.0"

  // Where the capabilities are.
  static let pm = 0x40
  static let msi = 0x50
  static let msix = 0x70
  static let pcie = 0x80

  /// The host function's BARs and capabilities in the words of a description.
  struct Device {
    var bars = ["index: 0, size: 64K, type: memory-32", "index: 3, size: 16K, type: memory-32"]
    var msi: String? = "vectors: 4, 64-bit: true, masking: true"
    var msix: String? =
      "vectors: 5, table-bar: 3, table-offset: 0x0, pba-bar: 3, pba-offset: 0x2000"
    var remapsInterrupts = true
    var pin = "A"
    var hasFLR = true
    /// Extended capabilities.
    var extended: [String] = []
    /// More of the IOMMU.
    var unit: [String] = []

    var description: String {
      let capabilities =
        ["id: pm, at: 0x40, pmc: 0x0003, pmcsr: 0x0008"]
        + (msi.map { ["id: msi, at: 0x50, \($0)"] } ?? [])
        + (msix.map { ["id: msix, at: 0x70, \($0)"] } ?? [])
        + ["id: pcie, at: 0x80, flr: \(hasFLR)"]
      let lines =
        [
          "name: bench", "iommus:", "  - name: unit", "    type: intel",
          "    capability: 0xd2008c222f0686",
          "    extended-capability: 0xf00f4a", "    remaps-interrupts: \(remapsInterrupts)",
        ] + unit.map { "    \($0)" } + [
          "buses:", "  - { bus: \"0000:81\", reset: slot }", "functions:",
          "  - address: \"0000:81:00.0\"", "    vendor: 0x8086", "    device: 0x10d3",
          "    class: 0x020000", "    command: 0x0003", "    command-writable: 0x0507",
          "    interrupt-pin: \(pin)", "    iommu-group: 12", "    iommu: unit", "    bars:",
        ] + bars.map { "      - { \($0) }" } + ["    capabilities:"]
        + capabilities.map { "      - { \($0) }" }
        + (extended.isEmpty ? [] : ["    extended-capabilities:"])
        + extended.map { "      - { \($0) }" }
      return lines.joined(separator: "\n") + "\n"
    }
  }

  /// Attaches and realizes the function, by iommufd unless told otherwise, and forgets what that took.
  init(
    _ device: Device = Device(), options: FunctionOptions = FunctionOptions(),
    hasMessageRoutes: Bool = true, hasResampleIRQFD: Bool = true, isHostTrusted: Bool = false,
    mapsSmallBARs: Bool = false, attachesByGroup: Bool = false, isOnRootBus: Bool = true,
    isTraced: Bool = false, windows: [ClosedRange<UInt64>]? = nil, extendedConfig: [UInt8]? = nil
  ) throws {
    tracer = Tracer(to: log)
    let accelerator = RecordingAccelerator(log: log)
    accelerator.hasMessageRoutes = hasMessageRoutes
    accelerator.hasResampleIRQFD = hasResampleIRQFD
    self.accelerator = accelerator
    kernel = SimulatedKernel(
      try HostDescription(parsing: Array(device.description.utf8), file: "bench.yaml"))
    if isHostTrusted {
      try kernel.setParameter("allow_unsafe_interrupts", of: "iommufd", to: 1)
    }
    let names = TriggerNames(accelerator)
    host = RecordingHost(
      kernel, log: log, mapsSmallBARs: mapsSmallBARs, extendedConfig: extendedConfig
    ) { names.name(of: $0) }
    let diagnostics = Diagnostics(program: "p", to: messages)
    environment = FunctionEnvironment(
      kernel: host, tracer: tracer, diagnostics: diagnostics, addressSpace: memory,
      ports: ports, accelerator: accelerator, events: events, flow: .qemu11)
    attacher = DeviceAttacher(kernel: host, tracer: tracer, host: BenchAttachmentHost(log))
    object = IOMMUFDObject(id: "iommufd0", given: nil, kernel: host, tracer: tracer)
    coordinator = ResetCoordinator(environment: environment, attacher: attacher)
    if isTraced { tracer.set("vfio*", enabled: true) }
    place.isOnRootBus = isOnRootBus
    if let windows {
      let bus = MemoryRegion(
        name: "bus", base: 0, size: .max, priority: -1, kind: .bus(windows: windows))
      place.memoryRegion = memory.add(bus)
      place.portRegion = ports.add(bus)
    }
    let path = HostDevicePath(path: "/sys/bus/pci/devices/\(Self.name)")
    let device = try attachesByGroup ? attacher.attach(path) : attacher.attach(path, to: object)
    function = try PassthroughFunction(
      device: device, options: options, place: place,
      environment: environment)
    self.options = options
    adopt()
  }

  private let options: FunctionOptions
  /// What attaching and realizing the function took.
  private(set) var startLog: [String] = []
  private(set) var startMessages: [String] = []

  private func adopt() {
    let coordinator = coordinator
    function.onReset = { [unowned coordinator] in coordinator.reset($0) }
    coordinator.add(function)
    startLog = log.take()
    startMessages = messages.lines
    tracer.set("vfio*", enabled: true)
    tracer.set("vfio_pci_*_config", enabled: false)
    tracer.set("vfio_region_mmaps_set_enabled", enabled: false)
    messages.removeAll()
  }

  /// Attaches and realizes the function again, by iommufd, after it was unplugged.
  func plug() throws {
    tracer.set("*", enabled: false)
    let path = HostDevicePath(path: "/sys/bus/pci/devices/\(Self.name)")
    function = try PassthroughFunction(
      device: try attacher.attach(path, to: object), options: options, place: place,
      environment: environment)
    adopt()
  }

  /// Says what an eventfd does, asked from the host's side of the seam.
  private final class TriggerNames: @unchecked Sendable {
    private let accelerator: RecordingAccelerator
    init(_ accelerator: RecordingAccelerator) { self.accelerator = accelerator }
    func name(of trigger: Int32) -> String {
      accelerator.triggers[trigger].map { "gsi\($0)" } ?? "own"
    }
  }

  private final class BenchAttachmentHost: AttachmentHost {
    let log: BenchLog
    init(_ log: BenchLog) { self.log = log }
    func addFile(_ descriptor: Int32) {}
    func removeFile(_ descriptor: Int32) { log.note("accelerator: remove file") }
    func connect(_ container: any DMAContainer) {}
    func disconnect(_ container: any DMAContainer) { log.note("container: disconnect") }
  }

  // MARK: - As the guest

  func write(_ offset: Int, _ length: Int, _ value: UInt32) {
    function.writeConfig(offset: offset, length: length, value: value)
  }

  func read(_ offset: Int, _ length: Int) -> UInt32 {
    function.readConfig(offset: offset, length: length)
  }

  /// Puts the BAR with the MSI-X table at 0xfe000000, turns decoding and bus mastering on.
  func placeTable(bar: Int = 3) {
    write(0x10 + 4 * bar, 4, 0xfe00_0000)
    write(4, 2, 0x406)
    _ = log.take()
  }

  /// Writes an entry of the MSI-X table: the message, then the mask.
  func setEntry(_ number: UInt64, data: UInt32, isMasked: Bool) {
    let base = 0xfe00_0000 + number * 16
    memory.write(base, size: 4, value: 0xfee0_0000)
    memory.write(base + 8, size: 4, value: UInt64(data))
    memory.write(base + 12, size: 4, value: isMasked ? 1 : 0)
  }

  func setMask(_ number: UInt64, _ isMasked: Bool) {
    memory.write(0xfe00_0000 + number * 16 + 12, size: 4, value: isMasked ? 1 : 0)
  }

  // MARK: - As the device

  /// Sends a vector and lets the main loop turn.
  func raise(_ vector: Int) throws {
    try kernel.raiseInterrupt(of: Self.address, vector: vector)
    events.turn()
  }
}
