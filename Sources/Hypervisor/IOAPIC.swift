/// An I/O APIC: 24 pins that send messages to CPUs, as a state machine without effects.
///
/// Version 0x20, with the register for the end of interrupts that directed EOI needs. Source: the
/// 82093AA data sheet and the I/O APIC part of the ICH9 data sheet (13.5).
package struct IOAPIC: Equatable {
  static let pinCount = InterruptControllerPlace.pinCount

  private var selected: UInt8 = 0
  private var id: UInt8 = 0
  private var entries = [UInt64](repeating: Self.maskBit, count: Self.pinCount)
  /// Pins that are driven high.
  private var lines: UInt32 = 0
  /// Pins with an interrupt that was not sent yet.
  private var requests: UInt32 = 0

  private static let maskBit: UInt64 = 1 << 16
  private static let levelBit: UInt64 = 1 << 15
  private static let remoteBit: UInt64 = 1 << 14
  private static let readOnlyBits: UInt64 = 1 << 12 | 1 << 14

  /// What the CPUs or the holders of lines have to hear of.
  package enum Effect: Equatable {
    case send(MSIMessage)
    /// A pin's message is this from now on, or may not be sent.
    case route(pin: Int, MSIMessage?)
    /// The interrupt of a level-triggered pin ended, or what came while it was masked is forgotten:
    /// who holds it high shall say so again.
    case resample(pin: Int)
  }

  /// Every pin low and masked.
  package init() {}

  /// Drives a pin high or low.
  package mutating func set(_ pin: Int, level: Bool) -> [Effect] {
    guard entries.indices.contains(pin) else { return [] }
    let bit = UInt32(1) << UInt32(pin)
    let wasHigh = lines & bit != 0
    if level { lines |= bit } else { lines &= ~bit }
    if entries[pin] & Self.levelBit != 0 {
      if level { requests |= bit } else { requests &= ~bit }
    } else if level, !wasHigh, entries[pin] & Self.maskBit == 0 {
      requests |= bit
    }
    return send(pin)
  }

  /// The end of an interrupt at a CPU. One whose pin is still high is sent again.
  package mutating func endOfInterrupt(vector: UInt8) -> [Effect] {
    var effects: [Effect] = []
    for pin in entries.indices
    where UInt8(truncatingIfNeeded: entries[pin]) == vector && entries[pin] & Self.levelBit != 0 {
      effects.append(.resample(pin: pin))
      guard entries[pin] & Self.remoteBit != 0 else { continue }
      entries[pin] &= ~Self.remoteBit
      effects += send(pin)
    }
    return effects
  }

  /// Sends what a pin requests when it may.
  private mutating func send(_ pin: Int) -> [Effect] {
    let bit = UInt32(1) << UInt32(pin)
    guard requests & bit != 0, let message = message(of: pin) else { return [] }
    if entries[pin] & Self.levelBit != 0 {
      guard entries[pin] & Self.remoteBit == 0 else { return [] }
      entries[pin] |= Self.remoteBit
    } else {
      requests &= ~bit
    }
    return [.send(message)]
  }

  /// What a pin sends, or nil while it is masked.
  private func message(of pin: Int) -> MSIMessage? {
    let entry = entries[pin]
    guard entry & Self.maskBit == 0 else { return nil }
    let address = 0xfee0_0000 | (entry >> 56) << 12 | (entry >> 11 & 1) << 2
    let isLevel = entry & Self.levelBit != 0
    let data = entry & 0x7ff | (isLevel ? 1 << 15 | 1 << 14 : 0)
    return MSIMessage(address: address, data: UInt32(truncatingIfNeeded: data))
  }

  // MARK: - Registers

  /// Reads the register window; offsets 0 (selector) and 0x10 (data).
  package func read(offset: UInt64) -> UInt32 {
    switch offset & 0xff {
    case 0: UInt32(selected)
    case 0x10: readSelected()
    default: 0
    }
  }

  private func readSelected() -> UInt32 {
    switch selected {
    case 0, 2: return UInt32(id) << 24
    case 1: return UInt32(Self.pinCount - 1) << 16 | 0x20
    default:
      guard let pin = selectedPin else { return 0 }
      return UInt32(truncatingIfNeeded: entries[pin] >> (selected & 1 == 0 ? 0 : 32))
    }
  }

  private var selectedPin: Int? {
    let index = (Int(selected) - 0x10) >> 1
    return entries.indices.contains(index) ? index : nil
  }

  /// Writes the register window; offset 0x40 ends an interrupt by its vector.
  package mutating func write(offset: UInt64, value: UInt32) -> [Effect] {
    switch offset & 0xff {
    case 0:
      selected = UInt8(truncatingIfNeeded: value)
      return []
    case 0x10: return writeSelected(value)
    case 0x40: return endOfInterrupt(vector: UInt8(truncatingIfNeeded: value))
    default: return []
    }
  }

  private mutating func writeSelected(_ value: UInt32) -> [Effect] {
    if selected == 0 {
      id = UInt8(truncatingIfNeeded: value >> 24 & 0xf)
      return []
    }
    guard let pin = selectedPin else { return [] }
    let old = entries[pin]
    let isHigh = selected & 1 != 0
    var entry =
      isHigh
      ? old & 0xffff_ffff | UInt64(value) << 32 : old & ~0xffff_ffff | UInt64(value)
    entry = entry & ~Self.readOnlyBits | old & Self.readOnlyBits
    let bit = UInt32(1) << UInt32(pin)
    if entry & Self.levelBit == 0 {
      // An edge ends nothing, and one that was missed is gone.
      entry &= ~Self.remoteBit
      if old & Self.levelBit != 0 { requests &= ~bit }
    } else if lines & bit != 0 {
      requests |= bit
    }
    entries[pin] = entry
    guard let message = message(of: pin) else { return [.route(pin: pin, nil)] }
    var effects: [Effect] = [.route(pin: pin, message)]
    if old & Self.maskBit != 0, entry & Self.levelBit != 0 { effects.append(.resample(pin: pin)) }
    return effects + send(pin)
  }
}
