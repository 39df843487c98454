internal import HostKernel
internal import Hypervisor
internal import SystemPackage
internal import Tracing
internal import VFIO

/// The INTx interrupt of an assigned function.
///
/// With a resample irqfd the interrupt goes from the host to the guest and its end back without this
/// process. Without one it comes to the main loop: the line is raised, BAR mappings go off so that
/// the next BAR access shows the end of the interrupt, and a timer turns them on again.
/// Used under the machine lock.
package final class INTxInterrupt {
  private let device: VFIODevice
  private let environment: FunctionEnvironment
  private let place: any FunctionPlace
  private let allowsAcceleration: Bool
  /// How long mappings stay off after the last interrupt; 0 leaves them off.
  private let mappingTimeout: UInt32
  private let setMappingsEnabled: (Bool) -> Void

  private var event: EventDescriptor?
  private var unmaskEvent: EventDescriptor?
  private var watch: WatchToken?
  private var timer: WatchToken?
  /// When mappings may come back, by the clock of the timers.
  private var mappingsReturn: UInt64 = 0
  private var route = InterruptRoute(isEnabled: true, gsi: 0)
  private var isAccelerated = false
  private var isPending = false
  private var pin = 0

  private static let index: UInt32 = 0

  init(
    device: VFIODevice, environment: FunctionEnvironment, place: any FunctionPlace,
    allowsAcceleration: Bool, mappingTimeout: UInt32,
    setMappingsEnabled: @escaping (Bool) -> Void
  ) {
    self.device = device
    self.environment = environment
    self.place = place
    self.allowsAcceleration = allowsAcceleration
    self.mappingTimeout = mappingTimeout
    self.setMappingsEnabled = setMappingsEnabled
  }

  deinit {
    cancelWatch()
    cancelTimer()
    if isAccelerated, let trigger = event?.rawValue {
      try? environment.accelerator.deassignResampleIRQFD(
        trigger: trigger, gsi: route.gsi)
    }
  }

  /// Whether the interrupt is on.
  package var isEnabled: Bool { event != nil }

  /// Turns the interrupt on for a pin (0 for INTA). Events: `vfio_intx_enable_kvm`,
  /// `vfio_intx_enable`. Throws when the host refuses; then nothing is on.
  func enable(pin: Int) throws(AssignmentError.Failure) {
    self.pin = pin
    if environment.accelerator.hasResampleIRQFD { route = place.route(ofPin: pin) }
    let trigger: EventDescriptor
    do throws(Errno) { trigger = try EventDescriptor(on: environment.kernel) } catch {
      throw .cannotCreateEvent(error)
    }
    let number = trigger.rawValue
    do throws(Errno) { try device.setEvent(number, Self.index, .trigger) } catch {
      throw .cannotMakeInterrupt(
        InterruptSetting(index: Self.index, action: .trigger, isSetUp: true), error)
    }
    event = consume trigger
    startWatch(number)
    accelerate()
    environment.tracer.emit(.vfioIntxEnable, [.text(device.name)])
  }

  /// Turns the interrupt off. Events: `vfio_intx_disable_kvm`, one
  /// `vfio_region_mmaps_set_enabled` for each BAR, `vfio_intx_disable`.
  func disable() {
    guard isEnabled else { return }
    cancelTimer()
    decelerate()
    try? device.disableInterrupts(Self.index)
    lowerLine()
    setMappingsEnabled(true)
    cancelWatch()
    event = nil
    environment.tracer.emit(.vfioIntxDisable, [.text(device.name)])
  }

  /// Takes over a changed wiring of the guest's chipset. Event: `vfio_intx_update`.
  func updateRoute() {
    guard isEnabled else { return }
    let new = place.route(ofPin: pin)
    if new != route { take(new) }
  }

  /// Ties the interrupt to the same line anew, since the interrupt controller has changed. Event:
  /// `vfio_intx_update`.
  func refreshRoute() {
    guard isEnabled else { return }
    take(route)
  }

  private func take(_ new: InterruptRoute) {
    environment.tracer.emit(
      .vfioIntxUpdate, [.text(device.name), .number(route.gsi), .number(new.gsi)])
    decelerate()
    route = new
    guard new.isEnabled else { return }
    accelerate()
    endOfInterrupt()
  }

  /// Any access to a BAR that traps is taken for the end of a pending interrupt.
  /// Event: `vfio_pci_intx_eoi`.
  func endOfInterrupt() {
    guard isPending else { return }
    environment.tracer.emit(.vfioPciIntxEoi, [.text(device.name)])
    lowerLine()
    try? device.perform(.unmask, Self.index)
  }

  // MARK: - Acceleration

  /// Hands the interrupt to the accelerator; a failure is a warning, and this process delivers.
  private func accelerate() {
    guard allowsAcceleration, environment.accelerator.hasResampleIRQFD, route.isEnabled,
      !isAccelerated, let trigger = event?.rawValue
    else { return }
    cancelWatch()
    try? device.perform(.mask, Self.index)
    lowerLine()
    do throws(Errno) {
      let resample = try EventDescriptor(on: environment.kernel)
      let number = resample.rawValue
      unmaskEvent = consume resample
      try environment.accelerator.assignResampleIRQFD(
        trigger: trigger, resample: number, gsi: route.gsi)
      do throws(Errno) {
        try device.setEvent(number, Self.index, .unmask)
      } catch {
        try? environment.accelerator.deassignResampleIRQFD(trigger: trigger, gsi: route.gsi)
        throw error
      }
      isAccelerated = true
      try? device.perform(.unmask, Self.index)
      environment.tracer.emit(.vfioIntxEnableKvm, [.text(device.name)])
    } catch {
      unmaskEvent = nil
      startWatch(trigger)
      try? device.perform(.unmask, Self.index)
      environment.diagnostics.warning(
        "vfio \(device.name): failed to setup resample irqfd: \(error.description)")
    }
  }

  /// Takes the interrupt back from the accelerator.
  private func decelerate() {
    guard isAccelerated, let trigger = event?.rawValue else { return }
    try? device.perform(.mask, Self.index)
    lowerLine()
    try? environment.accelerator.deassignResampleIRQFD(trigger: trigger, gsi: route.gsi)
    unmaskEvent = nil
    isAccelerated = false
    startWatch(trigger)
    try? device.perform(.unmask, Self.index)
    environment.tracer.emit(.vfioIntxDisableKvm, [.text(device.name)])
  }

  // MARK: - Delivery by this process

  private func startWatch(_ descriptor: Int32) {
    cancelWatch()
    watch = environment.events.watch(descriptor) { [unowned self] in interrupt() }
  }

  private func cancelWatch() {
    guard let watch else { return }
    environment.events.cancel(watch)
    self.watch = nil
  }

  /// The host's interrupt arrived on the main loop; the kernel has masked it.
  private func interrupt() {
    guard let arrived = event?.drain(), arrived else { return }
    environment.tracer.emit(
      .vfioIntxInterrupt, [.text(device.name), .number(UInt8(ascii: "A") + UInt8(pin & 3))])
    isPending = true
    setMappingsEnabled(false)
    startTimer()
    // Last: from here on the guest's handler may access a BAR, which has to trap, and wants the lock.
    place.setLine(ofPin: pin, level: true)
  }

  /// Puts the mappings' return off. A timer that runs is left alone and finds out when it ends.
  private func startTimer() {
    guard mappingTimeout > 0 else { return }
    mappingsReturn = environment.events.now + UInt64(mappingTimeout)
    if timer == nil { awaitMappings(milliseconds: mappingTimeout) }
  }

  private func awaitMappings(milliseconds: UInt32) {
    timer = environment.events.timer(milliseconds: milliseconds) { [unowned self] in
      timer = nil
      let now = environment.events.now
      if isPending {
        startTimer()
      } else if now < mappingsReturn {
        awaitMappings(milliseconds: UInt32(mappingsReturn - now))
      } else {
        setMappingsEnabled(true)
      }
    }
  }

  private func cancelTimer() {
    guard let timer else { return }
    environment.events.cancel(timer)
    self.timer = nil
  }

  private func lowerLine() {
    isPending = false
    place.setLine(ofPin: pin, level: false)
  }
}
