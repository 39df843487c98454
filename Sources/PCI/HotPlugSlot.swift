/// The slot registers of a PCI Express port and what their bits set going (PCIe 6.0, 6.7 and 7.5.3.9
/// to 7.5.3.11), in QEMU's order of events.
///
/// Pure: the port applies what is answered.
package struct HotPlugSlot: Equatable, Sendable {
  /// Slot capabilities: bits below 19 as QEMU's ports have them, the slot number above.
  package let capabilities: UInt32
  package private(set) var control: UInt16 = Self.controlAtPowerOn | Self.powerOff
  package private(set) var status: UInt16 = 0

  /// How a wish to take the slot's functions away can be met.
  package enum UnplugAnswer: Equatable, Sendable {
    /// The electromechanical interlock is engaged.
    case isLocked
    /// The power indicator blinks: the guest is about something else.
    case isBusy
    /// The slot is off; the functions can go now.
    case isOff
    /// The guest has to be asked.
    case mustAsk
  }

  // Slot status.
  private static let attentionButton: UInt16 = 0x1
  private static let presenceChanged: UInt16 = 0x8
  private static let commandCompleted: UInt16 = 0x10
  private static let presence: UInt16 = 0x40
  private static let interlock: UInt16 = 0x80
  private static let events = attentionButton | presenceChanged | commandCompleted
  /// Every bit that is cleared by writing 1, whether this port can set it or not.
  private static let clearable: UInt16 = 0x1f

  // Slot control. The bits that enable an event are those of the event in the status.
  private static let interruptEnable: UInt16 = 0x20
  private static let powerIndicator: UInt16 = 0x300
  private static let powerIndicatorOff: UInt16 = 0x300
  private static let powerIndicatorBlinks: UInt16 = 0x200
  private static let powerOff: UInt16 = 0x400
  private static let toggleInterlock: UInt16 = 0x800
  /// Both indicators off, no event enabled.
  private static let controlAtPowerOn: UInt16 = 0x3c0

  /// A slot with attention button, both indicators and interlock.
  package init(number: UInt16, hasPowerController: Bool, isHotPluggable: Bool) {
    capabilities =
      0x2_0019 | (hasPowerController ? 0x2 : 0) | (isHotPluggable ? 0x60 : 0)
      | UInt32(number & 0x1fff) << 19
    reset(isOccupied: false)
  }

  /// Whether the slot has a function, or more.
  package var isOccupied: Bool { status & Self.presence != 0 }

  /// Whether functions in the slot have power.
  package var isPowered: Bool { control & Self.powerOff == 0 }

  /// Whether the slot is locked against plugging.
  package var isLocked: Bool { status & Self.interlock != 0 }

  /// Whether an enabled event waits to be cleared by the guest.
  package var isInterruptPending: Bool {
    control & Self.interruptEnable != 0 && status & control & Self.events != 0
  }

  /// Puts a function into the slot; after the machine was built the guest hears of it.
  package mutating func occupy(isHotPlug: Bool) {
    status |= Self.presence
    if isHotPlug {
      status |= Self.presenceChanged | Self.attentionButton
    } else if hasPowerController {
      control &= ~Self.powerOff
    }
  }

  /// Notes that the slot is empty now.
  package mutating func vacate() {
    status = status & ~Self.presence | Self.presenceChanged
  }

  /// Presses the attention button, by which a guest is asked to give the slot's functions up.
  package mutating func pressAttentionButton() { status |= Self.attentionButton }

  /// Takes a press of the button back whose wish was met without the guest.
  package mutating func releaseAttentionButton() { status &= ~Self.attentionButton }

  /// How a wish to take the functions away can be met.
  package var unplugAnswer: UnplugAnswer {
    if isLocked { return .isLocked }
    switch control & Self.powerIndicator {
    case Self.powerIndicatorBlinks: return .isBusy
    case Self.powerIndicatorOff where !isPowered: return .isOff
    default: return .mustAsk
    }
  }

  /// Clears the events whose bits are set, unless one among them has not happened: guests that clear
  /// everything when they start would lose what happens at that moment.
  package mutating func writeStatus(_ value: UInt16) {
    let cleared = value & Self.clearable
    if cleared & ~status == 0 { status &= ~cleared }
  }

  /// Takes a command. Says whether with it the guest gives up the functions in the slot: power and
  /// power indicator are off now and were not both off before.
  package mutating func writeControl(_ value: UInt16) -> Bool {
    let wasOff = Self.isOff(control)
    var writable: UInt16 = 0x3f9
    if hasPowerController { writable |= Self.powerOff }
    control = control & ~writable | value & writable
    if value & Self.toggleInterlock != 0 { status ^= Self.interlock }
    return isOccupied && Self.isOff(value) && !wasOff
  }

  /// Notes that the last command is done.
  package mutating func completeCommand() { status |= Self.commandCompleted }

  /// Puts the slot into its state after power-on; a slot with functions has power.
  package mutating func reset(isOccupied: Bool) {
    control = Self.controlAtPowerOn
    if hasPowerController, !isOccupied { control |= Self.powerOff }
    status = isOccupied ? Self.presence : 0
  }

  private var hasPowerController: Bool { capabilities & 0x2 != 0 }

  private static func isOff(_ control: UInt16) -> Bool {
    control & powerOff != 0 && control & powerIndicator == powerIndicatorOff
  }
}
