internal import CLinux
internal import HostKernel

/// The machine's interrupt controllers and timer in this process, in split mode: I/O APIC, 8259 pair
/// and 8254.
///
/// Used with the machine lock held.
final class SplitInterruptChips {
  private var ioapic = IOAPIC()
  private var pair = InterruptControllerPair()
  private var timer = IntervalTimer()
  private weak var accelerator: KVMAccelerator?
  /// The CPU that the 8259 pair interrupts.
  private weak var firstCPU: KVMCPU?
  private var events: (any EventSources)?
  private var pendingTick: WatchToken?
  /// When the next tick of the timer is due.
  private var dueTick: UInt64?
  /// Eventfds to signal when a pin's interrupt ends, with the trigger that each belongs to.
  private var resamples: [(pin: Int, trigger: Int32, resample: Int32)] = []

  init(_ accelerator: KVMAccelerator) { self.accelerator = accelerator }

  // MARK: - Lines

  /// Drives one of the machine's lines: each leads to the I/O APIC, the first 16 to the 8259 pair too.
  func setLine(gsi: UInt32, level: Bool) {
    guard gsi < UInt32(IOAPIC.pinCount) else { return }
    if gsi < 16 {
      pair.set(Int(gsi), level: level)
      requestCPU()
    }
    guard gsi != 2 else { return }
    perform(ioapic.set(gsi == 0 ? 2 : Int(gsi), level: level))
  }

  /// The end of an interrupt that a CPU tells of.
  func endOfInterrupt(vector: UInt8) { perform(ioapic.endOfInterrupt(vector: vector)) }

  /// Remembers which eventfd hears of the end of a pin's interrupts.
  func addResample(_ resample: Int32, trigger: Int32, gsi: UInt32) {
    resamples.append((Int(gsi), trigger, resample))
  }

  func removeResample(trigger: Int32) { resamples.removeAll { $0.trigger == trigger } }

  private func perform(_ effects: [IOAPIC.Effect]) {
    var isRouted = false
    for effect in effects {
      switch effect {
      case .send(let message): accelerator?.signal(accepted(message))
      case .route(let pin, let message):
        // A pin that is masked keeps its route: eventfds that come in between would be lost.
        if let message {
          accelerator?.routes.setPin(pin, message)
          isRouted = true
        }
      case .resample(let pin):
        for entry in resamples where entry.pin == pin { EventDescriptor.signal(entry.resample) }
      }
    }
    if isRouted { try? accelerator?.commitRoutes() }
  }

  /// A message that stands for the 8259 pair carries the vector of the pair.
  private func accepted(_ message: MSIMessage) -> MSIMessage {
    guard message.data >> 8 & 7 == 7 else { return message }
    return MSIMessage(
      address: message.address, data: message.data & ~0x7ff | UInt32(pair.acknowledge()))
  }

  // MARK: - The first CPU

  private func requestCPU() {
    if pair.output { firstCPU?.kick() }
  }

  /// Hands an interrupt of the 8259 pair to the CPU that is about to enter the guest, or asks to hear
  /// when it can take one.
  func prepareEntry(of cpu: KVMCPU) {
    guard cpu === firstCPU else { return }
    if pair.output, unsafe cpu.run.pointee.ready_for_interrupt_injection != 0 {
      var vector = UInt32(pair.acknowledge())
      _ = try? cpu.descriptor.control(KVM_INTERRUPT, on: &vector)
      unsafe cpu.run.pointee.ready_for_interrupt_injection = 0
    }
    unsafe cpu.run.pointee.request_interrupt_window = pair.output ? 1 : 0
  }

  // MARK: - Guest access

  /// Puts the chips where a guest looks for them, over what is there.
  func install(
    ports: AddressSpace, memory: AddressSpace, firstCPU: KVMCPU?, events: (any EventSources)?
  ) {
    self.firstCPU = firstCPU
    self.events = events
    memory.add(
      MemoryRegion(
        name: "ioapic", base: 0xfec0_0000, size: 0x1000, priority: 2,
        kind: .io(SplitChipWindow(self))))
    let ranges: [(name: String, base: UInt64, size: UInt64)] = [
      ("pic", 0x20, 2), ("pic", 0xa0, 2), ("elcr", 0x4d0, 2), ("pit", 0x40, 4), ("pcspk", 0x61, 1),
    ]
    for range in ranges {
      ports.add(
        MemoryRegion(
          name: range.name, base: range.base, size: range.size, priority: 2,
          kind: .io(SplitChipPorts(self, base: range.base))))
    }
  }

  /// Ends the timer and forgets CPU and eventfds.
  func tearDown() {
    if let pendingTick { events?.cancel(pendingTick) }
    pendingTick = nil
    events = nil
    firstCPU = nil
    resamples = []
  }

  /// Puts all chips back to power-on; lines that are high are for their devices to raise again.
  func reset() {
    ioapic = IOAPIC()
    pair = InterruptControllerPair()
    timer = IntervalTimer()
    schedule()
  }

  fileprivate func readWindow(_ offset: UInt64) -> UInt32 { ioapic.read(offset: offset) }

  fileprivate func writeWindow(_ offset: UInt64, _ value: UInt32) {
    perform(ioapic.write(offset: offset, value: value))
  }

  fileprivate func readPort(_ port: UInt64) -> UInt8 {
    (0x40...0x61).contains(port) ? timer.read(port: port, at: now) : pair.read(port: port)
  }

  fileprivate func writePort(_ port: UInt64, _ value: UInt8) {
    if (0x40...0x61).contains(port) {
      timer.write(port: port, value: value, at: now)
      if port == 0x40 || port == 0x43 { schedule() }
    } else {
      pair.write(port: port, value: value)
      requestCPU()
    }
  }

  // MARK: - Time

  private var now: UInt64 { UInt64(clamping: clinux_monotonic_nanoseconds()) }

  /// Waits for the next rise of the timer's output, on the main loop.
  private func schedule() {
    if let pendingTick { events?.cancel(pendingTick) }
    pendingTick = nil
    dueTick = timer.nextTick(after: now)
    if let dueTick { wait(until: dueTick) } else { setLine(gsi: 0, level: false) }
  }

  private func wait(until due: UInt64) {
    let now = now
    // Rounded up, so that the loop does not turn without a pause until it is time.
    let milliseconds = due > now ? (due - now - 1) / 1_000_000 + 1 : 0
    pendingTick = events?.timer(milliseconds: UInt32(clamping: milliseconds)) { [weak self] in
      self?.tick()
    }
  }

  /// One edge for what is due, however late it is; what was missed is gone.
  private func tick() {
    pendingTick = nil
    guard let due = dueTick else { return }
    let now = now
    guard now >= due else { return wait(until: due) }
    setLine(gsi: 0, level: false)
    setLine(gsi: 0, level: true)
    dueTick = timer.nextTick(after: now)
    if let dueTick { wait(until: dueTick) }
  }
}

/// The I/O APIC's registers at 0xfec00000.
private final class SplitChipWindow: MemoryHandler {
  private let chips: SplitInterruptChips

  init(_ chips: SplitInterruptChips) { self.chips = chips }

  func read(offset: UInt64, size: Int) -> UInt64 { UInt64(chips.readWindow(offset)) }

  func write(offset: UInt64, size: Int, value: UInt64) {
    chips.writeWindow(offset, UInt32(truncatingIfNeeded: value))
  }
}

/// A run of the 8259 pair's or the timer's ports, a byte each.
private final class SplitChipPorts: MemoryHandler {
  private let chips: SplitInterruptChips
  private let base: UInt64

  init(_ chips: SplitInterruptChips, base: UInt64) {
    self.chips = chips
    self.base = base
  }

  func read(offset: UInt64, size: Int) -> UInt64 {
    (0..<UInt64(min(size, 8))).reduce(0) {
      $0 | UInt64(chips.readPort(base + offset + $1)) << (8 * $1)
    }
  }

  func write(offset: UInt64, size: Int, value: UInt64) {
    for byte in 0..<UInt64(min(size, 8)) {
      chips.writePort(base + offset + byte, UInt8(truncatingIfNeeded: value >> (8 * byte)))
    }
  }
}
