package import HostKernel
internal import Hypervisor

/// What a guest asks for when it goes to sleep.
package enum SleepRequest: Equatable, Sendable {
  /// S5: power off.
  case powerOff
  /// S4: power off, with the guest's state on its disk.
  case suspendToDisk
}

/// The power management ports of the ICH9 (datasheet 13.8.3; ACPI 4.8.3): power button and sleep, a
/// timer of 24 bits at 3.579545 MHz, general purpose events, and the command port by which firmware
/// turns ACPI on. 128 ports at the chipset's `PMBASE`.
///
/// Suspending to RAM (S3) is ignored: a guest that is told of no firmware to wake up through does not
/// ask for it. There is no system management interrupt. Used only while the machine lock is held.
package final class PowerManagement: MemoryHandler {
  private let clock: BoardClock
  private let events: any EventSources
  private let setInterrupt: (Bool) -> Void
  private let requestSleep: (SleepRequest) -> Void

  private var status: UInt16 = 0
  private var enable: UInt16 = 0
  private var control: UInt16 = 0
  private var generalStatus = InlineArray<8, UInt8>(repeating: 0)
  private var generalEnable = InlineArray<8, UInt8>(repeating: 0)
  private var managementEnable: UInt32 = 0
  private var command: UInt8 = 0
  private var commandStatus: UInt8 = 0

  /// The tick at which the timer's highest bit changes next and sets its status.
  private var overflowTick: UInt64 = 0
  private var overflowTimer: WatchToken?
  private var isInterruptHigh = false

  /// `setInterrupt` drives the system control interrupt. `requestSleep` is called from inside the
  /// guest's access: it must only note the wish.
  package init(
    clock: BoardClock, events: any EventSources, setInterrupt: @escaping (Bool) -> Void,
    requestSleep: @escaping (SleepRequest) -> Void
  ) {
    self.clock = clock
    self.events = events
    self.setInterrupt = setInterrupt
    self.requestSleep = requestSleep
  }

  deinit { stopTimer() }

  package func reset() {
    status = 0
    enable = 0
    control = 0
    generalStatus = .init(repeating: 0)
    generalEnable = .init(repeating: 0)
    managementEnable = 0
    overflowTick = 0
    update()
  }

  /// Presses the power button, which a guest hears of that has asked to.
  package func pressPowerButton() {
    guard enable & PowerStatus.powerButton != 0 else { return }
    status |= PowerStatus.powerButton
    update()
  }

  /// Raises general purpose event 0 to 63.
  package func raiseEvent(_ number: Int) {
    guard (0..<64).contains(number) else { return }
    generalStatus[number / 8] |= 1 << UInt8(number % 8)
    update()
  }

  // MARK: - Ports

  package func read(offset: UInt64, size: Int) -> UInt64 {
    // One look at the clock for an access.
    let timer = UInt32(truncatingIfNeeded: tick & 0xff_ffff)
    noteOverflow()
    return PortBytes.read(offset, size) { self.readByte($0, timer: timer) }
  }

  package func write(offset: UInt64, size: Int, value: UInt64) {
    noteOverflow()
    PortBytes.write(offset, size, value) { self.writeByte($0, $1) }
    update()
  }

  /// The handler of ports 0xb2 and 0xb3: command and status of advanced power management.
  var commandPorts: any MemoryHandler { CommandPorts(power: self) }

  private final class CommandPorts: MemoryHandler {
    private let power: PowerManagement

    init(power: PowerManagement) { self.power = power }

    func read(offset: UInt64, size: Int) -> UInt64 {
      PortBytes.read(offset, size) { $0 & 1 == 0 ? self.power.command : self.power.commandStatus }
    }

    func write(offset: UInt64, size: Int, value: UInt64) {
      PortBytes.write(offset, size, value) { offset, value in
        if offset & 1 == 0 { self.power.perform(value) } else { self.power.commandStatus = value }
      }
    }
  }

  private func readByte(_ offset: UInt64, timer: UInt32) -> UInt8 {
    func byte(_ value: some FixedWidthInteger, _ base: UInt64) -> UInt8 {
      UInt8(truncatingIfNeeded: value >> (8 * (offset - base)))
    }
    return switch offset {
    case 0x00...0x01: byte(status, 0x00)
    case 0x02...0x03: byte(enable, 0x02)
    case 0x04...0x05: byte(control, 0x04)
    case 0x08...0x0b: byte(timer, 0x08)
    case 0x20...0x27: generalStatus[Int(offset - 0x20)]
    case 0x28...0x2f: generalEnable[Int(offset - 0x28)]
    case 0x30...0x33: byte(managementEnable, 0x30)
    case 0x34...0x37: 0
    default: 0xff
    }
  }

  private func writeByte(_ offset: UInt64, _ value: UInt8) {
    func merged(_ old: UInt16, _ base: UInt64) -> UInt16 {
      let shift = 8 * (offset - base)
      return old & ~(0xff << shift) | UInt16(value) << shift
    }
    switch offset {
    case 0x00...0x01: clearStatus(merged(0, 0x00))
    case 0x02...0x03: enable = merged(enable, 0x02)
    case 0x04: control = merged(control, 0x04)
    case 0x05: writeSleep(merged(control, 0x04))
    case 0x20...0x27: generalStatus[Int(offset - 0x20)] &= ~value
    case 0x28...0x2f: generalEnable[Int(offset - 0x28)] = value
    case 0x30...0x33:
      let shift = 8 * (offset - 0x30)
      managementEnable = managementEnable & ~(0xff << shift) | UInt32(value) << shift
    default: break
    }
  }

  private func clearStatus(_ bits: UInt16) {
    status &= ~bits
    if bits & PowerStatus.timer != 0 { overflowTick = (tick &+ 0x80_0000) & ~0x7f_ffff }
  }

  /// The bit that starts the sleep is not kept.
  private func writeSleep(_ value: UInt16) {
    control = value & ~PowerControl.sleep
    guard value & PowerControl.sleep != 0 else { return }
    switch value >> 10 & 7 {
    case 0: requestSleep(.powerOff)
    case 2: requestSleep(.suspendToDisk)
    default: break
    }
  }

  private func perform(_ command: UInt8) {
    self.command = command
    switch command {
    case PowerManagementCommand.enableACPI: control |= PowerControl.isACPI
    case PowerManagementCommand.disableACPI: control &= ~PowerControl.isACPI
    default: break
    }
  }

  // MARK: - Timer and interrupt

  /// The timer's count without a bound, 3579545 in a second.
  private var tick: UInt64 {
    let product = clock.monotonic().multipliedFullWidth(by: 3_579_545)
    // The high word is less than the second factor, so the quotient fits.
    return UInt64(1_000_000_000).dividingFullWidth(product).quotient
  }

  private func noteOverflow() {
    if tick >= overflowTick { status |= PowerStatus.timer }
  }

  private func update() {
    noteOverflow()
    let isHigh =
      status & enable & PowerStatus.interrupting != 0
      || generalStatus.indices.contains { generalStatus[$0] & generalEnable[$0] != 0 }
    if isHigh != isInterruptHigh {
      isInterruptHigh = isHigh
      setInterrupt(isHigh)
    }
    if enable & PowerStatus.timer != 0, status & PowerStatus.timer == 0 {
      startTimer()
    } else {
      stopTimer()
    }
  }

  private func startTimer() {
    guard overflowTimer == nil else { return }
    // At most 2^24 ticks, 4.7 s.
    let ticks = min(1 << 24, overflowTick &- tick)
    let milliseconds = UInt32(clamping: ticks * 1000 / 3_579_545 + 1)
    overflowTimer = events.timer(milliseconds: milliseconds) { [unowned self] in
      overflowTimer = nil
      update()
    }
  }

  private func stopTimer() {
    if let overflowTimer { events.cancel(overflowTimer) }
    overflowTimer = nil
  }
}

/// What is written to port 0xb2, as in QEMU.
private enum PowerManagementCommand {
  static let enableACPI: UInt8 = 0x02
  static let disableACPI: UInt8 = 0x03
}

private enum PowerStatus {
  static let timer: UInt16 = 0x0001
  static let powerButton: UInt16 = 0x0100
  /// Timer, global lock, power button and clock.
  static let interrupting: UInt16 = 0x0521
}

private enum PowerControl {
  static let isACPI: UInt16 = 0x0001
  static let sleep: UInt16 = 0x2000
}
