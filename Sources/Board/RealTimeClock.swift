package import HostKernel
internal import Hypervisor

/// The clock chip with its memory at ports 0x70 and 0x71 (Motorola MC146818A): index and data.
///
/// It shows the host's time in UTC until the guest sets it. Interrupts are as fine as the main loop's
/// timers, 1 ms. Used only while the machine lock is held.
package final class RealTimeClock: MemoryHandler {
  private let clock: BoardClock
  private let events: any EventSources
  private let setLine: (Bool) -> Void

  private var index = 0
  private var memory = InlineArray<128, UInt8>(repeating: 0)
  private var statusA: UInt8 = 0x26
  private var statusB: UInt8 = 0x02
  private var statusC: UInt8 = 0

  /// What the guest's time is ahead of the host's, in seconds; both change seconds together.
  private var offset: Int64 = 0
  /// The time at which the clock stands still, while it does; fields as the guest wrote them.
  private var frozen: CMOSTime?
  /// The last second for which updates and alarms were looked at.
  private var checkedSecond: Int64 = 0
  private var updateTimer: WatchToken?
  private var periodicTimer: WatchToken?
  /// When the next periodic interrupt is due, in nanoseconds of the monotonic clock.
  private var periodicDeadline: UInt64 = 0
  private var isLineHigh = false

  /// Makes the chip with the sizes of guest memory where firmware looks for them.
  package init(
    memory layout: RAMLayout, clock: BoardClock, events: any EventSources,
    setLine: @escaping (Bool) -> Void
  ) {
    self.clock = clock
    self.events = events
    self.setLine = setLine
    setSizes(layout)
    checkedSecond = second
  }

  deinit {
    if let updateTimer { events.cancel(updateTimer) }
    if let periodicTimer { events.cancel(periodicTimer) }
  }

  /// Turns interrupts off; time and memory stay.
  package func reset() {
    statusB &= ~(StatusB.periodic | StatusB.alarm | StatusB.squareWave)
    statusC = 0
    index = 0
    updateTimers()
    updateLine()
  }

  /// The number of CPUs, where firmware looks for it.
  package func setCPUCount(_ count: Int) { memory[0x5f] = UInt8(clamping: count - 1) }

  /// Memory in the units of each register: KiB from 0, KiB from 1 MiB (twice), 64 KiB from 16 MiB and
  /// from 4 GiB. The equipment byte says that there is a numeric coprocessor.
  private func setSizes(_ layout: RAMLayout) {
    func set(_ register: Int, _ value: UInt64, bytes: Int = 2) {
      for byte in 0..<bytes {
        memory[register + byte] = UInt8(truncatingIfNeeded: value >> UInt64(8 * byte))
      }
    }
    let below = layout.below4G
    let extended = min(0xffff, (max(below, 1 << 20) - 1 << 20) >> 10)
    memory[0x14] = 0x02
    set(0x15, min(640, below >> 10))
    set(0x17, extended)
    set(0x30, extended)
    set(0x34, min(0xffff, (max(below, 16 << 20) - 16 << 20) >> 16))
    set(0x5b, min(0xff_ffff, layout.above4G >> 16), bytes: 3)
  }

  // MARK: - Ports

  /// The index cannot be read back.
  package func read(offset: UInt64, size: Int) -> UInt64 {
    PortBytes.read(offset, size) { $0 & 1 == 0 ? 0xff : self.readRegister() }
  }

  package func write(offset: UInt64, size: Int, value: UInt64) {
    PortBytes.write(offset, size, value) { offset, value in
      if offset & 1 == 0 { self.index = Int(value & 0x7f) } else { self.writeRegister(value) }
    }
  }

  private func readRegister() -> UInt8 {
    switch index {
    case Register.statusA: return statusA & 0x7f | (isUpdating ? 0x80 : 0)
    case Register.statusB: return statusB
    case Register.statusC:
      checkSeconds()
      let value = statusC
      statusC = 0
      updateLine()
      updateTimers()
      return value
    // The battery is good.
    case Register.statusD: return 0x80
    case Register.secondAlarm, Register.minuteAlarm, Register.hourAlarm: return memory[index]
    default: return field(index).map { encode($0) } ?? memory[index]
    }
  }

  private func writeRegister(_ value: UInt8) {
    switch index {
    case Register.statusA:
      checkSeconds()
      statusA = value & 0x7f
      updateFreeze()
      updateTimers()
    case Register.statusB: writeStatusB(value)
    case Register.statusC, Register.statusD: break
    case Register.secondAlarm, Register.minuteAlarm, Register.hourAlarm:
      checkSeconds()
      memory[index] = value
    default:
      if field(index) == nil { memory[index] = value } else { setField(index, value) }
    }
  }

  private func writeStatusB(_ value: UInt8) {
    checkSeconds()
    var value = value
    // Setting the time turns the interrupt at its end off.
    if value & StatusB.set != 0 { value &= ~StatusB.update }
    statusB = value
    updateFreeze()
    updateLine()
    updateTimers()
  }

  // MARK: - Time

  /// The running clock's seconds since the epoch, as the guest has set them.
  private var second: Int64 { hostTime.second &+ offset }

  /// The host's seconds since the epoch, and nanoseconds into the second.
  private var hostTime: (second: Int64, fraction: Int64) {
    let (second, fraction) = clock.wallClock().quotientAndRemainder(dividingBy: 1_000_000_000)
    return fraction < 0 ? (second - 1, fraction + 1_000_000_000) : (second, fraction)
  }

  private var time: CMOSTime { frozen ?? CMOSTime(secondsSinceEpoch: second) }

  /// The chip says for 244 us before each second that it is about to change.
  private var isUpdating: Bool {
    frozen == nil && hostTime.fraction >= 1_000_000_000 - 244_000
  }

  /// The clock stands still while the guest sets it and while its divider is held.
  private func updateFreeze() {
    let isHeld = statusB & StatusB.set != 0 || statusA & 0x60 == 0x60
    if isHeld, frozen == nil {
      frozen = time
    } else if !isHeld, let time = frozen {
      frozen = nil
      setTime(time)
    }
  }

  private func setTime(_ time: CMOSTime) {
    offset = time.secondsSinceEpoch &- hostTime.second
    checkedSecond = second
  }

  /// The value of a register of the time; nil for other registers.
  private func field(_ register: Int) -> Int? {
    switch register {
    case Register.second: time.second
    case Register.minute: time.minute
    case Register.hour: time.hour
    case Register.weekday: time.weekday
    case Register.day: time.day
    case Register.month: time.month
    case Register.year: time.year % 100
    case Register.century, Register.otherCentury: time.year / 100
    default: nil
    }
  }

  private func setField(_ register: Int, _ value: UInt8) {
    var time = time
    let number = register == Register.hour ? hour(of: value) : decode(value)
    switch register {
    case Register.second: time.second = number
    case Register.minute: time.minute = number
    case Register.hour: time.hour = number
    case Register.day: time.day = number
    case Register.month: time.month = number
    case Register.year: time.year = time.year / 100 * 100 + number
    case Register.century, Register.otherCentury: time.year = number * 100 + time.year % 100
    // The day of the week follows the date.
    default: return
    }
    if frozen != nil { frozen = time } else { setTime(time) }
    updateTimers()
  }

  // MARK: - Representation

  /// A field as the guest wants it: decimal digits or binary, hours from 1 to 12 with a bit for the
  /// afternoon.
  private func encode(_ value: Int) -> UInt8 {
    guard index == Register.hour, statusB & StatusB.hours24 == 0 else { return digits(value) }
    let hour = value % 12
    return digits(hour == 0 ? 12 : hour) | (value >= 12 ? 0x80 : 0)
  }

  private func digits(_ value: Int) -> UInt8 {
    statusB & StatusB.binary != 0
      ? UInt8(truncatingIfNeeded: value)
      : UInt8(truncatingIfNeeded: (value / 10 % 10) << 4 | value % 10)
  }

  private func decode(_ value: UInt8) -> Int {
    statusB & StatusB.binary != 0 ? Int(value) : Int(value >> 4) * 10 + Int(value & 0xf)
  }

  private func hour(of value: UInt8) -> Int {
    guard statusB & StatusB.hours24 == 0 else { return decode(value) }
    return decode(value & 0x7f) % 12 + (value & 0x80 != 0 ? 12 : 0)
  }

  // MARK: - Interrupts

  /// Looks at the seconds that have passed: each ended with an update, and may have met the alarm.
  private func checkSeconds() {
    let second = second
    guard frozen == nil, second != checkedSecond else { return }
    statusC |= StatusC.update
    // One day holds every time of the day; a clock that was set back meets nothing.
    let passed = max(0, min(86_400, second &- checkedSecond))
    if passed > 0, alarmMatches(within: (second - passed + 1)...second) { statusC |= StatusC.alarm }
    checkedSecond = second
  }

  private func alarmMatches(within seconds: ClosedRange<Int64>) -> Bool {
    let alarm = (
      hour: memory[Register.hourAlarm], minute: memory[Register.minuteAlarm],
      second: memory[Register.secondAlarm]
    )
    // Two high bits mean any.
    func matches(_ value: UInt8, _ wanted: Int, _ field: Int64) -> Bool {
      value & 0xc0 == 0xc0 || Int64(wanted) == field
    }
    let (hour, minute, second) = (hour(of: alarm.hour), decode(alarm.minute), decode(alarm.second))
    return seconds.contains {
      let ofDay = ($0 % 86_400 + 86_400) % 86_400
      return matches(alarm.second, second, ofDay % 60)
        && matches(alarm.minute, minute, ofDay / 60 % 60)
        && matches(alarm.hour, hour, ofDay / 3600)
    }
  }

  private func updateLine() {
    let isPending = statusC & statusB & StatusC.all != 0
    if isPending { statusC |= StatusC.interrupt } else { statusC &= ~StatusC.interrupt }
    guard isPending != isLineHigh else { return }
    isLineHigh = isPending
    setLine(isPending)
  }

  /// Runs the timers that the enabled interrupts need.
  private func updateTimers() {
    let needsUpdates = frozen == nil && statusB & (StatusB.update | StatusB.alarm) != 0
    if needsUpdates, updateTimer == nil {
      startUpdateTimer()
    } else if !needsUpdates, let updateTimer {
      events.cancel(updateTimer)
      self.updateTimer = nil
    }
    let needsPeriods = period != nil && statusB & StatusB.periodic != 0
    if needsPeriods, periodicTimer == nil {
      periodicDeadline = clock.monotonic()
      startPeriodicTimer()
    } else if !needsPeriods, let periodicTimer {
      events.cancel(periodicTimer)
      self.periodicTimer = nil
    }
  }

  private func startUpdateTimer() {
    let rest = 1_000_000_000 - hostTime.fraction
    let milliseconds = UInt32(clamping: (rest + 999_999) / 1_000_000)
    updateTimer = events.timer(milliseconds: milliseconds) { [unowned self] in
      updateTimer = nil
      checkSeconds()
      updateLine()
      updateTimers()
    }
  }

  /// The time between periodic interrupts in nanoseconds; nil for none.
  private var period: UInt64? {
    let rate = UInt64(statusA & 0xf)
    guard rate != 0, statusA & 0x60 != 0x60 else { return nil }
    let ticks: UInt64 = 1 << ((rate <= 2 ? rate + 7 : rate) - 1)
    return ticks * 1_000_000_000 / 32_768
  }

  /// Periods that pass between two turns of the main loop count as one.
  private func startPeriodicTimer() {
    guard let period else { return }
    let now = clock.monotonic()
    let late = now > periodicDeadline ? now - periodicDeadline : 0
    periodicDeadline &+= (late / period + 1) &* period
    let wait = periodicDeadline &- now
    periodicTimer = events.timer(milliseconds: UInt32(clamping: (wait + 999_999) / 1_000_000)) {
      [unowned self] in
      periodicTimer = nil
      statusC |= StatusC.periodic
      updateLine()
      updateTimersAfterPeriod()
    }
  }

  private func updateTimersAfterPeriod() {
    if period != nil, statusB & StatusB.periodic != 0 { startPeriodicTimer() }
  }
}

private enum Register {
  static let second = 0x00
  static let secondAlarm = 0x01
  static let minute = 0x02
  static let minuteAlarm = 0x03
  static let hour = 0x04
  static let hourAlarm = 0x05
  static let weekday = 0x06
  static let day = 0x07
  static let month = 0x08
  static let year = 0x09
  static let statusA = 0x0a
  static let statusB = 0x0b
  static let statusC = 0x0c
  static let statusD = 0x0d
  static let century = 0x32
  /// Where the IBM PS/2 has the century.
  static let otherCentury = 0x37
}

private enum StatusB {
  static let hours24: UInt8 = 0x02
  static let binary: UInt8 = 0x04
  static let squareWave: UInt8 = 0x08
  static let update: UInt8 = 0x10
  static let alarm: UInt8 = 0x20
  static let periodic: UInt8 = 0x40
  static let set: UInt8 = 0x80
}

private enum StatusC {
  static let update: UInt8 = 0x10
  static let alarm: UInt8 = 0x20
  static let periodic: UInt8 = 0x40
  static let interrupt: UInt8 = 0x80
  static let all: UInt8 = 0x70
}
