package import Board
internal import Boot
package import CommandLine
package import EventLoop
package import HostKernel
internal import Hypervisor
internal import Passthrough
internal import SystemPackage
package import Tracing
internal import VFIO
package import VirtualIOMMU

/// A virtual machine: builds its parts in order, owns them, and keeps the run state.
///
/// Its isolation is the machine lock, which CPUs hold while they answer an access and the main loop
/// always but in its poll. The parts go in reverse order of their making, the CPUs first.
@VMMain package final class Machine: MachineControl {
  package let name: String?
  package let tracer: Tracer
  package internal(set) var runState: RunState = .prelaunch
  package internal(set) var capabilityReport: CapabilityReport?

  let board: Q35Board
  let environment: FunctionEnvironment
  let attacher: DeviceAttacher
  let coordinator: ResetCoordinator
  let chipset: ChipsetDevices
  let objects: [VFIO.IOMMUFDObject]
  let diagnostics: Diagnostics
  let actions: RunActions
  /// Nil without a guest CPU, as under the qtest accelerator.
  let cpus: VirtualCPUs?
  private let cpuWatcher: CPUWatcher
  /// Whether guest code may run: an accelerator without CPUs is driven by a test instead.
  let hasGuestCode: Bool
  let characters: CharacterBackends
  let configuration: Configuration
  /// Where the monitors of the command line are to be, in its order.
  package internal(set) var monitorStreams: [MonitorStream] = []
  /// Where `-qtest` is to be.
  package internal(set) var testStream: (any CharacterBackend)?
  /// What the guest starts from; nil without a kernel.
  var payload: BootPlan?
  let clock = BoardClock.host
  var functions: [AssignedFunction] = []
  /// The vIOMMU; nil in a machine without one.
  var iommu: GuestIOMMU?
  /// The vIOMMU's registers as the guest finds them.
  var remappingUnit: RemappingUnit?
  /// The ACPI table that tells the guest of the vIOMMU, as it is in `payload`.
  var remappingTable: [UInt8] = []
  /// Ids of devices other than assigned functions.
  var deviceIDs: [String] = []
  var observers: [@VMMain (MachineEvent) -> Void] = []
  /// What the guest asked for and gets on the loop's next turn.
  var wish: GuestWish?
  var pendingWish: EventSource?
  /// Whether the machine has been shut down and the main loop was told to end.
  var isEnding = false

  /// Builds the machine, attaches and realizes every function in command-line order, and resets it
  /// once. A failure names the option and leaves nothing open. `announce` gets lines for the user, such
  /// as the path of a new terminal.
  package init(
    _ configuration: Configuration, on kernel: any HostKernel, tracer: Tracer,
    diagnostics: Diagnostics, announce: @escaping (String) -> Void = { _ in }
  ) throws(MachineError) {
    self.configuration = configuration
    self.name = configuration.name
    self.tracer = tracer
    self.diagnostics = diagnostics
    actions = configuration.actions
    let flow: Passthrough.VFIOFlow =
      switch configuration.flow {
      case .qemu11: .qemu11
      case .iommufdRFCv3: .iommufdRFCv3
      }
    let events = LoopEventSources()
    let accelerator = try Self.makeAccelerator(
      configuration, on: kernel, events: events, flow: flow)
    let kvm = accelerator as? KVMAccelerator
    hasGuestCode = kvm == nil || configuration.kernel != nil || configuration.firmware != nil
    guard hasGuestCode || configuration.startsPaused else { throw MachineError(.noGuestCode) }

    let wishes = WishBox()
    characters = CharacterBackends(
      events: events, on: kernel, escape: configuration.escapeKey,
      commands: MuxCommands(quit: { wishes.ask(.quit) }), announce: announce)
    do throws(BoardError) {
      board = try Q35Board(
        ramSize: configuration.memorySize, ramOptions: GuestRAMOptions(configuration),
        accelerator: accelerator, on: kernel, requestReset: { wishes.ask(.reset) })
      if let path = configuration.firmware { try board.addFirmware(path, on: kernel) }
    } catch {
      throw MachineError(.board(error))
    }
    chipset = ChipsetDevices(
      on: board, clock: clock, events: events, requests: MachineRequests(wishes))
    chipset.realTimeClock.setCPUCount(configuration.processors.count)
    if let failure = accelerator.memoryFailure { throw MachineError(.accelerator(failure)) }

    cpuWatcher = CPUWatcher(wishes)
    do throws(AcceleratorError) {
      cpus = try kvm?.makeCPUs(
        configuration.processors, model: configuration.processorModel,
        lock: MainLoop.machineLock, ports: board.ports.space, memory: board.memory,
        observer: cpuWatcher)
    } catch {
      throw MachineError(.accelerator(error))
    }
    for feature in cpus?.missingFeatures ?? [] {
      diagnostics.warning("host doesn't support requested feature: \(feature)")
    }

    payload = try Self.plan(
      configuration, on: board, addressBits: cpus?.addressBits ?? 40, from: kernel)

    environment = FunctionEnvironment(
      kernel: kernel, tracer: tracer, diagnostics: diagnostics, addressSpace: board.memory,
      ports: board.ports.space, accelerator: accelerator, events: events, flow: flow)
    attacher = DeviceAttacher(
      kernel: kernel, tracer: tracer,
      host: MachineAttachmentHost(
        kernel: kernel, accelerator: accelerator, addressSpace: board.memory, tracer: tracer,
        diagnostics: diagnostics))
    coordinator = ResetCoordinator(environment: environment, attacher: attacher)
    objects = configuration.iommufds.map {
      VFIO.IOMMUFDObject(id: $0.id, given: $0.descriptor, kernel: kernel, tracer: tracer)
    }
    wishes.machine = self
    board.signalMessage = { [unowned accelerator] address, data in
      accelerator.signal(MSIMessage(address: address, data: data))
    }
    try openCharacterDevices(configuration)
    try openStreams(configuration)
    try addSerialPorts(configuration)
    if let qtest = accelerator as? QtestAccelerator {
      qtest.onMessage = { [unowned memory = board.memory] message in
        memory.write(message.address, size: 4, value: UInt64(message.data))
      }
    }
    if let payload { cpus?.setStartState(payload.cpu) }

    let needsNode = configuration.iommufds.contains { $0.descriptor == nil }
    if needsNode, (try? kernel.status(of: "/dev/iommu")) == nil {
      throw MachineError(.noIOMMUFD)
    }
    try makeIOMMU(hasCPUs: kvm != nil, wishes)
    for device in configuration.devices { try add(device) }
    try updateRemappingTable()
    try performReset()
    if !configuration.startsPaused { try start() }
  }

  isolated deinit {
    cpus?.stop()
    characters.close()
    // A bus has its functions, and a function knows its bus.
    for assigned in functions { assigned.place.bus.release(assigned.place.slot) }
  }

  private static func makeAccelerator(
    _ configuration: Configuration, on kernel: any HostKernel, events: LoopEventSources,
    flow: Passthrough.VFIOFlow
  ) throws(MachineError) -> any Hypervisor.Accelerator {
    var failure: MachineError?
    for choice in configuration.accelerators {
      switch choice {
      case .qtest(let irqfd):
        let isOffered =
          switch irqfd {
          case .on: true
          case .off: false
          case .auto: flow.expectsIRQFD
          }
        return QtestAccelerator(events: events, irqfd: isOffered)
      case .kvm:
        do throws(AcceleratorError) {
          return try KVMAccelerator(
            on: kernel, interruptController: configuration.interruptController)
        } catch {
          failure = failure ?? MachineError(.accelerator(error))
        }
      }
    }
    throw failure ?? MachineError(.noGuestCode)
  }
}
