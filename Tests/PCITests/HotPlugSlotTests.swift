import PCI
import TestSupport
import Testing

@Suite struct HotPlugSlotTests {
  private func slot(power: Bool = true) -> HotPlugSlot {
    HotPlugSlot(number: 3, hasPowerController: power, isHotPluggable: true)
  }

  @Test(
    arguments: [
      (3, true, true, 0x001a_007b), (3, true, false, 0x001a_001b), (3, false, true, 0x001a_0079),
      (0x2001, true, true, 0x000a_007b),
    ] as [(UInt16, Bool, Bool, UInt32)])
  func theCapabilitiesSayWhatThePortHas(
    number: UInt16, power: Bool, hotPlug: Bool, expected: UInt32
  ) {
    let slot = HotPlugSlot(number: number, hasPowerController: power, isHotPluggable: hotPlug)
    #expect(slot.capabilities == expected)
  }

  @Test func anEmptySlotStartsWithoutPowerAndAFullOneWithIt() {
    var slot = slot()
    #expect(slot.control == 0x7c0 && slot.status == 0 && !slot.isPowered)
    slot.occupy(isHotPlug: false)
    #expect(slot.control == 0x3c0 && slot.status == 0x40 && slot.isPowered)
    slot.reset(isOccupied: true)
    #expect(slot.control == 0x3c0 && slot.status == 0x40)
    slot.reset(isOccupied: false)
    #expect(slot.control == 0x7c0 && slot.status == 0)
  }

  @Test func aHotPluggedFunctionPressesTheButtonAndWaitsForPower() {
    var slot = slot()
    slot.occupy(isHotPlug: true)
    #expect(slot.status == 0x49 && !slot.isPowered)
    let answer1 = slot.writeControl(0x100)
    #expect(!answer1)
    #expect(slot.isPowered)
  }

  @Test(
    arguments: [(0x01, 0x48), (0x08, 0x41), (0x09, 0x40), (0x10, 0x49), (0x19, 0x49), (0, 0x49)]
      as [(UInt16, UInt16)])
  func clearingAnEventThatDidNotHappenClearsNone(written: UInt16, status: UInt16) {
    var slot = slot()
    slot.occupy(isHotPlug: true)
    slot.writeStatus(written)
    #expect(slot.status == status)
  }

  @Test(
    arguments: [
      (0x100, 0x700, true), (0x100, 0x600, false), (0x600, 0x700, true), (0x300, 0x700, true),
      (0x700, 0x700, false), (0x100, 0x300, false),
    ] as [(UInt16, UInt16, Bool)])
  func theGuestGivesUpWhenPowerAndIndicatorGoOff(
    before: UInt16, after: UInt16, isGivenUp: Bool
  ) {
    var slot = slot()
    slot.occupy(isHotPlug: false)
    _ = slot.writeControl(before)
    let answer2 = slot.writeControl(after)
    #expect(answer2 == isGivenUp)
    slot.vacate()
    #expect(!slot.isOccupied)
    let answer3 = slot.writeControl(0x100)
    #expect(!answer3)
    let answer4 = slot.writeControl(0x700)
    #expect(!answer4)
  }

  @Test func aSlotWithoutPowerControllerIsGivenUpByTheSameCommand() {
    var slot = slot(power: false)
    slot.occupy(isHotPlug: false)
    let answer5 = slot.writeControl(0x700)
    #expect(answer5)
    #expect(slot.control == 0x300 && slot.isPowered)
  }

  @Test(
    arguments: [
      (0x100, .mustAsk), (0x200, .isBusy), (0x600, .isBusy), (0x700, .isOff), (0x500, .mustAsk),
      (0x900, .isLocked),
    ] as [(UInt16, HotPlugSlot.UnplugAnswer)])
  func theIndicatorSaysHowAWishIsMet(control: UInt16, answer: HotPlugSlot.UnplugAnswer) {
    var slot = slot()
    _ = slot.writeControl(control)
    #expect(slot.unplugAnswer == answer)
  }

  @Test(
    arguments: [(0x21, 0x01), (0x28, 0x08), (0x30, 0x10)] as [(UInt16, UInt16)])
  func anEventInterruptsWhenItAndInterruptsAreEnabled(control: UInt16, event: UInt16) {
    var slot = slot()
    slot.occupy(isHotPlug: true)
    slot.completeCommand()
    _ = slot.writeControl(control)
    #expect(slot.isInterruptPending)
    _ = slot.writeControl(control & ~0x20)
    #expect(!slot.isInterruptPending)
    _ = slot.writeControl(0x20)
    #expect(!slot.isInterruptPending)
    _ = slot.writeControl(control)
    slot.writeStatus(event)
    #expect(!slot.isInterruptPending)
  }

  @Test(arguments: 0..<50 as Range<UInt64>)
  func whateverIsWrittenPresenceStaysTrueAndReservedBitsStayZero(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var slot = slot(power: seed % 2 == 0)
    var isOccupied = false
    for _ in 0..<300 {
      let value = UInt16(truncatingIfNeeded: generator.next())
      switch generator.next() % 6 {
      case 0: slot.writeStatus(value)
      case 1, 2:
        let wasOccupied = slot.isOccupied
        if slot.writeControl(value) {
          #expect(wasOccupied && value & 0x700 == 0x700)
          slot.vacate()
          isOccupied = false
        }
        slot.completeCommand()
        #expect(slot.status & 0x10 != 0)
      case 3 where !isOccupied:
        slot.occupy(isHotPlug: value & 1 == 0)
        isOccupied = true
      case 4: slot.pressAttentionButton()
      default: if value < 0x800 { slot.reset(isOccupied: isOccupied) }
      }
      #expect(slot.isOccupied == isOccupied)
      #expect(slot.status & ~0xd9 == 0)
      #expect(slot.control & ~0x7f9 == 0)
    }
  }
}
