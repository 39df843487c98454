internal import Board
package import CommandLine
package import EventLoop
package import HostKernel
internal import Hypervisor
internal import Passthrough
internal import SystemPackage
package import Tracing
internal import VFIO

/// A virtual machine: builds its parts in order, owns them, and keeps the run state.
///
/// Everything happens on the main loop, whose isolation is the machine lock while there are no vCPU
/// threads. The parts go in reverse order of their making.
@VMMain package final class Machine: MachineControl {
  package let name: String?
  package let tracer: Tracer
  package private(set) var runState: RunState = .prelaunch

  private let board: Q35Board
  private let events: LoopEventSources
  private let coordinator: ResetCoordinator
  private let attacher: DeviceAttacher
  private var places: [GuestPlace] = []
  private let canRun: Bool
  private var observers: [@VMMain (MachineEvent) -> Void] = []
  private var pendingReset: EventSource?
  private let environment: FunctionEnvironment

  /// Builds the machine, attaches and realizes every function in command-line order, and resets it
  /// once. A failure names the option and leaves nothing open.
  package init(
    _ configuration: Configuration, on kernel: any HostKernel, tracer: Tracer,
    diagnostics: Diagnostics
  ) throws(MachineError) {
    self.name = configuration.name
    self.tracer = tracer
    let flow: Passthrough.VFIOFlow =
      switch configuration.flow {
      case .qemu11: .qemu11
      case .iommufdRFCv3: .iommufdRFCv3
      }
    let events = LoopEventSources()
    self.events = events
    let accelerator = try Self.makeAccelerator(
      configuration, on: kernel, events: events, flow: flow)
    canRun = accelerator.name != "kvm"
    guard canRun || configuration.startsPaused else { throw MachineError(.noGuestExecution) }

    let wishBox = WishBox()
    let board: Q35Board
    do throws(BoardError) {
      board = try Q35Board(
        ramSize: configuration.memorySize, accelerator: accelerator, on: kernel,
        requestReset: { wishBox.requestReset() })
    } catch {
      throw MachineError(.board(error))
    }
    self.board = board
    if let failure = accelerator.memoryFailure { throw MachineError(.accelerator(failure)) }

    let environment = FunctionEnvironment(
      kernel: kernel, tracer: tracer, diagnostics: diagnostics, addressSpace: board.memory,
      ports: board.ports.space, accelerator: accelerator, events: events, flow: flow)
    self.environment = environment
    let attacher = DeviceAttacher(
      kernel: kernel, tracer: tracer,
      host: MachineAttachmentHost(
        accelerator: accelerator, addressSpace: board.memory, tracer: tracer,
        diagnostics: diagnostics))
    self.attacher = attacher
    self.coordinator = ResetCoordinator(environment: environment, attacher: attacher)
    wishBox.machine = self

    let objects = configuration.iommufds.map {
      VFIO.IOMMUFDObject(id: $0.id, given: $0.descriptor, kernel: kernel, tracer: tracer)
    }
    let needsNode = configuration.iommufds.contains { $0.descriptor == nil }
    if needsNode, (try? kernel.status(of: "/dev/iommu")) == nil {
      throw MachineError(.noIOMMUFD)
    }
    for device in configuration.devices { try add(device, objects) }
    performReset()
    if !configuration.startsPaused { runState = .running }
  }

  /// Carries the board's wish for a reset, which may come from inside a guest access.
  private final class WishBox {
    weak var machine: Machine?

    func requestReset() {
      let machine = machine
      VMMain.assumeIsolated { machine?.resetSoon() }
    }
  }

  // MARK: - Parts

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
        do throws(AcceleratorError) { return try KVMAccelerator(on: kernel) } catch {
          failure = failure ?? MachineError(.accelerator(error))
        }
      }
    }
    throw failure ?? MachineError(.noGuestExecution)
  }

  /// Attaches, realizes and places one function.
  private func add(
    _ device: VFIOPCIDevice, _ objects: [VFIO.IOMMUFDObject]
  ) throws(MachineError) {
    let properties = device.properties
    let slot: PCISlot
    do throws(PCIPlacementError) {
      slot = try board.rootBus.reserve(
        properties.address.flatMap {
          PCISlot(slot: Int($0.slot), function: Int($0.function))
        },
        for: "vfio-pci", id: properties.id, isMultifunction: properties.multifunction)
    } catch {
      throw MachineError(.placement(error), option: device.optionText)
    }
    let path = HostDevicePath(path: device.source.sysfsPath)
    do throws(AssignmentError.Failure) {
      try exists(path)
      tracer.emit(
        .vfioMdev, [.text(path.name), .flag(path.isMediated(on: environment.kernel))])
      let assigned =
        if let id = properties.iommufd, let object = objects.first(where: { $0.id == id }) {
          try attacher.attach(path, to: object)
        } else {
          try attacher.attach(path)
        }
      let place = GuestPlace(slot: slot, router: board.interrupts)
      let function = try PassthroughFunction(
        device: assigned, options: FunctionOptions(properties), place: place,
        environment: environment)
      let coordinator = coordinator
      function.onReset = { [unowned coordinator] in coordinator.reset($0) }
      place.observe(function)
      places.append(place)
      coordinator.add(function)
      board.rootBus.attach(function, at: slot)
    } catch {
      board.rootBus.release(slot)
      throw MachineError(
        .assignment(AssignmentError(path.name, error)), option: device.optionText)
    }
  }

  private func exists(_ path: HostDevicePath) throws(AssignmentError.Failure) {
    do throws(Errno) { _ = try environment.kernel.status(of: path.path) } catch {
      throw .noSuchHostDevice(path: path.path, error)
    }
  }

  // MARK: - Run state

  package func observeEvents(_ observer: @escaping @VMMain (MachineEvent) -> Void) {
    observers.append(observer)
  }

  private func tell(_ event: MachineEvent) {
    for observer in observers { observer(event) }
  }

  package func stop() {
    guard runState == .running else { return }
    runState = .paused
    tell(.stopped)
  }

  package func resume() throws(MachineRefusal) {
    guard runState == .prelaunch || runState == .paused else { return }
    guard canRun else {
      throw MachineRefusal(
        "This version does not run guest CPUs yet: the machine stays paused. Use -accel qtest to "
          + "drive it from a test.")
    }
    runState = .running
    tell(.resumed)
  }

  package func reset(_ cause: RunCause) {
    performReset()
    if runState == .paused { runState = .prelaunch }
    tell(.reset(cause))
  }

  package func shutdown(_ cause: RunCause) {
    guard runState != .shutdown else { return }
    runState = .shutdown
    tell(.shutdown(cause))
    MainLoop.stop()
  }

  /// Notes a guest's wish for a reset and fulfils it on the loop's next turn, outside its access.
  private func resetSoon() {
    guard pendingReset == nil else { return }
    pendingReset = MainLoop.timer(milliseconds: 0) { [weak self] in
      self?.pendingReset = nil
      self?.reset(.guestReset)
    }
  }

  /// Resets all: first what needs others, then each function, then the board.
  private func performReset() {
    coordinator.resetDependents()
    board.reset()
  }

  // MARK: - Accesses as the guest's

  package func readPort(_ port: UInt16, size: Int) -> UInt32 {
    board.ports.read(port, size: size)
  }

  package func writePort(_ port: UInt16, size: Int, value: UInt32) {
    board.ports.write(port, size: size, value: value)
  }

  package func readMemory(_ address: UInt64, size: Int) -> UInt64 {
    board.memory.read(address, size: size)
  }

  package func writeMemory(_ address: UInt64, size: Int, value: UInt64) {
    board.memory.write(address, size: size, value: value)
  }
}

extension FunctionOptions {
  /// The part of a device's properties that shapes the function.
  init(_ properties: VFIOPCIProperties) {
    self.init()
    isMappingAllowed = !properties.noMmap
    isINTxAccelerationAllowed = !properties.noKVMIntx
    mappingTimeout = properties.intxMmapTimeout
    isMultifunction = properties.multifunction
    romFile = properties.romFile
    isROMBarEnabled = properties.romBAR != 0
  }
}
