/// An 8254 timer and the port that goes with it, as a state machine that is told the time.
///
/// Times are nanoseconds of one clock. Source: the 8254 data sheet; port 0x61 is that of the ICH9
/// (13.7.1).
package struct IntervalTimer: Equatable {
  /// Ticks a second.
  package static let frequency: UInt64 = 1_193_182

  /// One of the three counters.
  struct Counter: Equatable {
    private(set) var mode: UInt8 = 3
    /// 1...65536; 0 while nothing was loaded.
    private(set) var period: UInt64 = 0
    /// When the count was loaded, or counting began anew.
    private var start: UInt64 = 0
    var gate = true
    /// Which bytes are read and written: 1 low, 2 high, 3 both.
    private var access: UInt8 = 3
    private var isDecimal = false
    private var lowByte: UInt8?
    private var readsHigh = false
    private var latched: UInt16?
    private var latchedStatus: UInt8?

    var isPeriodic: Bool { mode == 2 || mode == 3 }

    private func ticks(at now: UInt64) -> UInt64 {
      let elapsed = now >= start ? now - start : 0
      let (high, low) = elapsed.multipliedFullWidth(by: IntervalTimer.frequency)
      guard high < 1_000_000_000 else { return .max }
      return UInt64(1_000_000_000).dividingFullWidth((high, low)).quotient
    }

    /// What the counter shows.
    private func count(at now: UInt64) -> UInt16 {
      guard period > 0 else { return 0 }
      let ticks = gate || mode == 1 || mode == 5 ? ticks(at: now) : 0
      let value: UInt64 =
        switch mode {
        case 2: period - ticks % period
        case 3: period - 2 * ticks % period
        default: period &- ticks
        }
      return UInt16(truncatingIfNeeded: value)
    }

    /// Whether the output is high.
    func output(at now: UInt64) -> Bool {
      guard period > 0 else { return mode != 0 }
      let ticks = ticks(at: now)
      switch mode {
      case 0, 1: return ticks >= period
      case 2: return !gate || ticks % period != period - 1
      case 3: return !gate || ticks % period < (period + 1) / 2
      default: return ticks != period
      }
    }

    /// When the output rises next after `now`, or nil when it does not by itself.
    func nextRise(after now: UInt64) -> UInt64? {
      guard period > 0, gate || mode == 1 || mode == 5 else { return nil }
      let ticks = ticks(at: now)
      let target: UInt64
      if isPeriodic {
        target = (ticks / period + 1) * period
      } else {
        target = mode == 4 || mode == 5 ? period + 1 : period
        guard ticks < target else { return nil }
      }
      let (high, low) = target.multipliedFullWidth(by: 1_000_000_000)
      guard high < IntervalTimer.frequency else { return nil }
      let delay = IntervalTimer.frequency.dividingFullWidth((high, low)).quotient
      let (time, isBeyond) = start.addingReportingOverflow(delay)
      return isBeyond || time == .max ? nil : time + 1
    }

    mutating func command(_ value: UInt8, at now: UInt64) {
      guard value & 0x30 != 0 else { return latch(at: now) }
      access = value >> 4 & 3
      mode = value >> 1 & 7
      if mode > 5 { mode -= 4 }
      isDecimal = value & 1 != 0
      period = 0
      lowByte = nil
      readsHigh = false
      latched = nil
      latchedStatus = nil
    }

    mutating func latch(at now: UInt64) {
      if latched == nil { latched = count(at: now) }
    }

    mutating func latchStatus(at now: UInt64) {
      guard latchedStatus == nil else { return }
      latchedStatus =
        (output(at: now) ? 0x80 : 0) | (period == 0 ? 0x40 : 0) | access << 4 | mode << 1
        | (isDecimal ? 1 : 0)
    }

    mutating func read(at now: UInt64) -> UInt8 {
      if let status = latchedStatus {
        latchedStatus = nil
        return status
      }
      let value = latched ?? count(at: now)
      let isHigh = access == 2 || access == 3 && readsHigh
      if access == 3 { readsHigh.toggle() }
      if access != 3 || isHigh { latched = nil }
      return UInt8(truncatingIfNeeded: isHigh ? value >> 8 : value)
    }

    mutating func write(_ value: UInt8, at now: UInt64) {
      switch access {
      case 1: load(UInt64(value), at: now)
      case 2: load(UInt64(value) << 8, at: now)
      default:
        if let low = lowByte {
          lowByte = nil
          load(UInt64(value) << 8 | UInt64(low), at: now)
        } else {
          lowByte = value
        }
      }
    }

    private mutating func load(_ value: UInt64, at now: UInt64) {
      period = value == 0 ? 0x10000 : value
      start = now
    }

    /// A rising gate starts the count anew, in modes 0 and 4 too, where a real one would go on.
    mutating func setGate(_ isOpen: Bool, at now: UInt64) {
      if isOpen, !gate { start = now }
      gate = isOpen
    }
  }

  private(set) var counters = [Counter(), Counter(), Counter()]
  private var speaker: UInt8 = 0

  package init() { counters[2].gate = false }

  /// When counter 0's output rises next after `now`, or nil when it does not by itself.
  package func nextTick(after now: UInt64) -> UInt64? { counters[0].nextRise(after: now) }

  /// Reads port 0x40 to 0x43 or 0x61; others read as ones.
  package mutating func read(port: UInt64, at now: UInt64) -> UInt8 {
    switch port {
    case 0x40...0x42: return counters[Int(port - 0x40)].read(at: now)
    case 0x61:
      // The refresh bit changes every 15 microseconds.
      let refresh: UInt8 = now / 15_085 & 1 == 0 ? 0 : 0x10
      return speaker | refresh | (counters[2].output(at: now) ? 0x20 : 0)
    case 0x43: return 0
    default: return 0xff
    }
  }

  package mutating func write(port: UInt64, value: UInt8, at now: UInt64) {
    switch port {
    case 0x40...0x42: counters[Int(port - 0x40)].write(value, at: now)
    case 0x43: command(value, at: now)
    case 0x61:
      speaker = value & 3
      counters[2].setGate(value & 1 != 0, at: now)
    default: break
    }
  }

  private mutating func command(_ value: UInt8, at now: UInt64) {
    let number = Int(value >> 6)
    guard number == 3 else { return counters[number].command(value, at: now) }
    for index in counters.indices where value & 2 << UInt8(index) != 0 {
      if value & 0x20 == 0 { counters[index].latch(at: now) }
      if value & 0x10 == 0 { counters[index].latchStatus(at: now) }
    }
  }
}
