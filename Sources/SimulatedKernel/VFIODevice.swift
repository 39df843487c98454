internal import CLinux
internal import HostKernel
internal import PCI
internal import SystemPackage

/// A function bound to vfio-pci: what its open files share.
final class VFIODevice {
  let function: FunctionState
  /// The X of `/dev/vfio/devices/vfioX`: the lowest number that was free.
  let index: Int
  /// Counts bindings, for the order of members in a set.
  let sequence: Int
  /// How many open files have access.
  private(set) var openCount = 0
  /// `VFIO_DEVICE_FLAGS_RESET`: the reset tried while opening worked.
  private(set) var hasReset = false
  /// What users see as config space; nil while nobody has access.
  var config: VirtualConfig?
  var interrupts = InterruptState()
  /// Values that signals of eventfds write to BARs.
  var ioEvents = IOEvents()
  /// What users have mapped of the BARs.
  var mappings = BARMappings()
  /// What users have exported of the BARs.
  var buffers = DMABuffers()
  /// The iommufd object, whether bound through the own node or through a group.
  var binding: BoundDevice?
  /// Bound through its own node, not through a group.
  var isBoundByNode = false
  /// The driver is being unbound and waits for users.
  var isLeaving = false { didSet { function.noteSysfsChange() } }
  /// Could not be reset at the last close.
  var needsReset = false
  /// A user asked for low power.
  private(set) var isInLowPower = false
  /// The eventfd to signal when the function wakes the host up; a duplicate.
  private var wakeEvent: Int32?
  /// What a physical function and users of its virtual functions share; nil for a random one that
  /// nobody knows.
  var token: [UInt8]?
  private var pristine: HostConfigSpace?

  init(function: FunctionState, index: Int, sequence: Int) {
    self.function = function
    self.index = index
    self.sequence = sequence
  }

  var address: PCIAddress { function.address }

  /// Grants access to one more file; the first prepares the device (3.3 of the contract).
  func open(on host: SimulatedHost) throws(Errno) {
    if openCount == 0 { try prepare(on: host) }
    openCount += 1
  }

  private func prepare(on host: SimulatedHost) throws(Errno) {
    guard !function.isLocked else { throw .eagain }
    var command = function.config.word(at: PCIRegister.command) & ~PCIRegister.commandMaster
    for bar in function.description.bars {
      command |= bar.kind == .io ? PCIRegister.commandIO : PCIRegister.commandMemory
    }
    // INTx can be masked in the command register, so the register starts with it allowed.
    command &= ~PCIRegister.commandInterruptDisable
    function.config.write(word: command, at: PCIRegister.command)
    do throws(Errno) {
      try host.tryFunctionReset(function)
      hasReset = true
    } catch {
      hasReset = false
    }
    pristine = function.config
    config = VirtualConfig(of: function.config, function: function.description)
    if function.config.hasBrokenINTxMasking, !host.description.masksINTxAtController {
      config?.hideINTx()
    }
  }

  /// Takes access from one file; the last one puts the device back (4.6 of the contract).
  func close(on host: SimulatedHost) {
    openCount -= 1
    guard openCount == 0 else { return }
    interrupts.disableAll()
    ioEvents.removeAll()
    buffers.end()
    exitLowPower()
    config = nil
    function.setPowerState(0)
    if let pristine { function.config = pristine }
    pristine = nil
    do throws(Errno) {
      try host.tryFunctionReset(function)
    } catch {
      needsReset = true
    }
    host.resetUnused(setOf: self)
    function.releaseMemories()
  }

  /// How many eventfds are held.
  var heldEvents: Int {
    interrupts.heldEvents + ioEvents.descriptors.count + (wakeEvent == nil ? 0 : 1)
  }

  // MARK: Low power

  /// Enters low power; takes the eventfd over. `EINVAL` for a device that is there already.
  func enterLowPower(wakeEvent event: Int32?) throws(Errno) {
    guard !isInLowPower else {
      if let event { _ = clinux_close(event) }
      throw .einval
    }
    isInLowPower = true
    wakeEvent = event
    updateMappings()
  }

  /// Ends low power, if it is on.
  func exitLowPower() {
    if let wakeEvent { _ = clinux_close(wakeEvent) }
    wakeEvent = nil
    isInLowPower = false
    updateMappings()
  }

  /// The function wakes the host up, which ends low power for a user that wants to know.
  func wakeUp() {
    guard let wakeEvent else { return }
    EventDescriptor.signal(wakeEvent)
    exitLowPower()
  }

  // MARK: Memory

  /// Whether reads and writes of memory BARs are let through.
  var decodesMemory: Bool {
    (function.description.isVirtual || config?.decodesMemory ?? false) && function.powerState < 3
  }

  /// Whether mapped BARs can be touched; a user's own accesses by call end low power for a moment.
  var isMemoryReachable: Bool { decodesMemory && !isInLowPower }

  /// Takes the mapped and exported BARs away from their users, or gives them back, after a change of what
  /// `isMemoryReachable` depends on.
  func updateMappings() {
    mappings.setReachable(isMemoryReachable)
    buffers.setReachable(isMemoryReachable)
  }

  /// A fatal or non-fatal error was reported by the function.
  func signalError() {
    if let event = interrupts.error { EventDescriptor.signal(event) }
  }
}
