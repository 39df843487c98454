import Board
import Hypervisor
import PCI
import Testing

/// The registers after each step are those of QEMU 11.1.3 with native hot plug, driven by qtest.
@Suite struct HotPlugTests {
  private final class Removals {
    var places: [Int] = []
    var messages: [UInt64] = []
  }

  private let fixture: RootPortFixture
  private let port: RootPort
  private let removals = Removals()
  private var board: Q35Board { fixture.board }
  private var bus: PCIBus { port.secondaryBus }

  init() throws {
    fixture = try RootPortFixture()
    port = try fixture.port()
    port.secondaryBus.onRemoval = { [removals] place, _ in removals.places.append(place.function) }
    fixture.board.signalMessage = { [removals] address, data in
      removals.messages.append(address | UInt64(data) << 48)
    }
    fixture.open()
  }

  @discardableResult
  private func plug(_ function: Int = 0, isHotPlug: Bool = true) throws -> BARFunction {
    let device = BARFunction(on: bus, of: board)
    let place = try bus.reserve(
      fixture.place(0, function), for: "vfio-pci", isMultifunction: function == 0)
    bus.attach(device, at: place, isHotPlug: isHotPlug)
    return device
  }

  private func unplug(_ function: Int = 0, at seconds: UInt64 = 0) throws {
    try port.requestUnplug(fixture.place(0, function), now: seconds * 1_000_000_000)
  }

  private func control(_ value: UInt32) { fixture.write(0, 0x20, 0x6c, 2, value) }
  private func clear(_ value: UInt32) { fixture.write(0, 0x20, 0x6e, 2, value) }

  /// Link status, slot control, slot status, and whether a guest finds the function.
  private var state: [UInt32] {
    [
      fixture.read(0, 0x20, 0x66, 2), fixture.read(0, 0x20, 0x6c, 2),
      fixture.read(0, 0x20, 0x6e, 2), fixture.read(1, 0, 0, 4) == .max ? 0 : 1,
    ]
  }

  @Test func aFunctionComesAndGoesInQEMUsSteps() throws {
    #expect(state == [0x0204, 0x07c0, 0x0000, 0])
    let device = try plug()
    #expect(state == [0x2204, 0x07c0, 0x0049, 0])
    #expect(device.resets == 0)
    control(0)
    #expect(state == [0x2204, 0x0000, 0x0059, 1])
    #expect(device.resets == 1)
    control(0x100)
    #expect(state == [0x2204, 0x0100, 0x0059, 1])
    clear(0x09)
    #expect(state == [0x2204, 0x0100, 0x0050, 1])
    clear(0x10)
    try unplug()
    #expect(state == [0x2204, 0x0100, 0x0041, 1])
    #expect(throws: HotPlugRefusal.isPending) { try unplug(at: 4) }
    control(0x200)
    #expect(throws: HotPlugRefusal.isBusy) { try unplug(at: 5) }
    clear(0x11)
    #expect(state == [0x2204, 0x0200, 0x0040, 1])
    #expect(device.resets == 1)
    control(0x600)
    #expect(state == [0x2204, 0x0600, 0x0050, 0])
    #expect(device.resets == 2)
    #expect(removals.places == [])
    control(0x700)
    #expect(state == [0x0204, 0x0700, 0x0018, 0])
    #expect(removals.places == [0])
    #expect(device.resets == 2)
    clear(0x19)
    #expect(state == [0x0204, 0x0700, 0x0018, 0])
    try plug()
    #expect(state == [0x2204, 0x0700, 0x0019 | 0x40, 0])
  }

  @Test func aFunctionOfTheStartHasPowerAndStaysAfterAReset() throws {
    try plug(isHotPlug: false)
    #expect(state == [0x2204, 0x03c0, 0x0040, 1])
    control(0x700)
    #expect(removals.places == [0])
    try plug()
    board.reset()
    fixture.write(0, 0, 0x60, 4, 0xb000_0001)
    fixture.open()
    #expect(state == [0x2204, 0x03c0, 0x0040, 1])
  }

  @Test func theSlotTellsByINTAWhileAnEventWaits() throws {
    try plug(isHotPlug: false)
    control(0x139)
    #expect(fixture.accelerator.level(gsi: 20))
    #expect(fixture.read(0, 0x20, 0x06, 1) == 0x18)
    clear(0x10)
    #expect(!fixture.accelerator.level(gsi: 20))
    try unplug()
    #expect(fixture.accelerator.level(gsi: 20))
    fixture.write(0, 0x20, 0x04, 2, 0x407)
    #expect(!fixture.accelerator.level(gsi: 20))
    fixture.write(0, 0x20, 0x04, 2, 0x007)
    #expect(fixture.accelerator.level(gsi: 20))
    clear(0xffff)
    #expect(state == [0x2204, 0x0139, 0x0041, 1])
    clear(0x01)
    #expect(!fixture.accelerator.level(gsi: 20))
  }

  @Test func withMSIXAnEventSendsOneMessageOnceItIsUnmasked() throws {
    fixture.write(0, 0x20, 0x10, 4, 0xfe00_0000)
    let table: UInt64 = 0xfe00_0000
    board.memory.write(table, size: 4, value: 0xfee0_0000)
    board.memory.write(table + 8, size: 4, value: 0x4041)
    #expect(board.memory.read(table + 12, size: 4) == 1)
    #expect(board.memory.read(table + 0x800, size: 4) == 0)
    fixture.write(0, 0x20, 0x4a, 2, 0x8000)
    control(0x7f9)
    #expect(removals.messages == [])
    #expect(board.memory.read(table + 0x800, size: 4) == 1)
    board.memory.write(table + 12, size: 4, value: 0)
    #expect(removals.messages == [0x4041_0000_fee0_0000])
    #expect(!fixture.accelerator.level(gsi: 20))
    // Still pending: no other message. Without bus mastering none at all.
    try plug()
    #expect(removals.messages.count == 1)
    clear(0x19)
    fixture.write(0, 0x20, 0x04, 2, 3)
    control(0x7f9)
    #expect(removals.messages.count == 1)
    fixture.write(0, 0x20, 0x04, 2, 7)
    clear(0x10)
    control(0x7f9)
    #expect(removals.messages.count == 2)
  }

  @Test func otherFunctionsWaitForFunctionZeroAndAllGoTogether() throws {
    try plug(1)
    #expect(state == [0x0204, 0x07c0, 0x0000, 0])
    try plug(0)
    control(0x100)
    #expect(fixture.read(1, 1, 0, 4) == 0x10d3_8086)
    try unplug(1)
    control(0x700)
    #expect(removals.places == [0, 1])
    #expect(!bus.isPopulated)
  }

  @Test func whatTheGuestCannotSeeGoesAtOnce() throws {
    try plug(1)
    try unplug(1)
    #expect(removals.places == [1])
    #expect(state == [0x0204, 0x07c0, 0x0000, 0])
    try plug(0)
    try unplug(0)
    #expect(removals.places == [1, 0])
    // The press of the button that came with the function is taken back.
    #expect(state == [0x0204, 0x07c0, 0x0008, 0])
  }

  @Test func aLockedSlotRefuses() throws {
    try port.checkHotPlug()
    control(0xfc0)
    #expect(state == [0x0204, 0x07c0, 0x0090, 0])
    let error = #expect(throws: HotPlugRefusal.self) { try port.checkHotPlug() }
    #expect(
      error?.message(id: "n1") == "slot is electromechanically locked: Device or resource busy")
    control(0xfc0)
    try port.checkHotPlug()
  }

  @Test func aPortWithoutHotPlugRefuses() throws {
    var options = RootPortOptions(id: "rp1")
    options.isHotPluggable = false
    let port = try board.addRootPort(options)
    #expect(throws: HotPlugRefusal.busHasNoHotPlug("rp1")) { try port.checkHotPlug() }
    let error = #expect(throws: HotPlugRefusal.self) {
      try port.requestUnplug(fixture.place(0), now: 0)
    }
    #expect(error?.message(id: "n1") == "Bus 'rp1' does not support hotplugging")
  }

  @Test func aRemovedFunctionLetsItsPinGo() throws {
    try plug(isHotPlug: false)
    board.interrupts.setLevel(true, try fixture.place(0), on: bus, pin: 1)
    #expect(fixture.accelerator.level(gsi: 21))
    control(0x700)
    #expect(!fixture.accelerator.level(gsi: 21))
  }
}
