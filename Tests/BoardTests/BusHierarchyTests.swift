import Board
import Hypervisor
import PCI
import Testing

@Suite struct BusHierarchyTests {
  private let fixture: RootPortFixture
  private let port: RootPort
  private let function: BARFunction
  private var board: Q35Board { fixture.board }

  init() throws {
    fixture = try RootPortFixture()
    port = try fixture.port()
    let bus = port.secondaryBus
    function = BARFunction(on: bus, of: fixture.board)
    bus.attach(function, at: try bus.reserve(nil, for: "vfio-pci"))
  }

  /// Sets the memory window: base and limit registers.
  private func window(_ base: UInt32, _ limit: UInt32) {
    fixture.write(0, 0x20, 0x20, 4, limit << 16 | base)
  }

  private var isVisible: Bool { board.memory.read(0xfe00_0000, size: 1) == 0xb0 }

  // MARK: - Configuration space

  @Test func aFunctionIsFoundUnderTheNumberThatItsBusWasGiven() throws {
    #expect(fixture.read(0, 0, 0, 4) == 0x29c0_8086)
    for number in [1, 7, 255] as [UInt32] {
      #expect(fixture.read(number, 0, 0, 4) == .max)
      fixture.write(0, 0x20, 0x18, 4, number << 16 | number << 8)
      #expect(fixture.read(number, 0, 0, 4) == 0x10d3_8086)
      #expect(fixture.dword(UInt64(number), 0, 0) == 0x10d3_8086)
      #expect(fixture.read(number, 8, 0, 4) == .max)
    }
    fixture.write(0, 0x20, 0x18, 4, 0x0001_0200)
    for number in 1...2 as ClosedRange<UInt32> { #expect(fixture.read(number, 0, 0, 4) == .max) }
  }

  @Test func busNumbersLeadThroughSeveralBridges() throws {
    var options = RootPortOptions(id: "deep")
    options.slot = 9
    let bus = port.secondaryBus
    let inner = try board.addRootPort(options, at: fixture.place(1), on: bus)
    let place = try inner.secondaryBus.reserve(nil, for: "vfio-pci")
    inner.secondaryBus.attach(
      BARFunction(on: inner.secondaryBus, of: board), at: place)
    #expect(try board.bus(named: "deep") === inner.secondaryBus)
    fixture.write(0, 0x20, 0x18, 4, 0x0003_0100)
    #expect(fixture.read(1, 8, 0, 4) == 0x000c_1b36)
    fixture.write(1, 8, 0x18, 4, 0x0003_0301)
    #expect(fixture.read(3, 0, 0, 4) == 0x10d3_8086)
    #expect(fixture.read(2, 0, 0, 4) == .max)
    // The outer bridge no longer forwards it.
    fixture.write(0, 0x20, 0x1a, 1, 2)
    #expect(fixture.read(3, 0, 0, 4) == .max)
  }

  // MARK: - Windows

  @Test func aBARShowsOnlyInsideTheOpenWindowOfItsBridge() {
    function.place(0xfe00_0000)
    #expect(!isVisible)
    window(0xfe00, 0xfe00)
    #expect(!isVisible)
    fixture.write(0, 0x20, 0x04, 2, 2)
    #expect(isVisible)
    fixture.write(0, 0x20, 0x04, 2, 5)
    #expect(!isVisible)
    fixture.write(0, 0x20, 0x04, 2, 7)
    window(0xfe10, 0xfff0)
    #expect(!isVisible)
    window(0xfd00, 0xff00)
    #expect(isVisible)
    window(0xff00, 0xfd00)
    #expect(!isVisible)
    // The prefetchable window does as well.
    fixture.write(0, 0x20, 0x24, 4, 0xfe00_fe00)
    #expect(isVisible)
    fixture.write(0, 0x20, 0x2c, 4, 1)
    #expect(isVisible)
    fixture.write(0, 0x20, 0x28, 4, 1)
    #expect(!isVisible)
  }

  @Test func aBARAbove4GiBShowsInThePrefetchableWindow() {
    fixture.open()
    function.place(0x12_3450_0000)
    #expect(board.memory.read(0x12_3450_0000, size: 1) == 0xff)
    fixture.write(0, 0x20, 0x24, 4, 0x3450_3451)
    fixture.write(0, 0x20, 0x28, 4, 0x12)
    fixture.write(0, 0x20, 0x2c, 4, 0x12)
    #expect(board.memory.read(0x12_3450_0000, size: 1) == 0xb0)
  }

  @Test func aBARAcrossTheEndOfAWindowShowsItsPartInside() throws {
    let bus = port.secondaryBus
    let large = BARFunction(on: bus, of: board, size: 4 << 20)
    fixture.open()
    window(0xfe10, 0xfe10)
    large.place(0xfe00_0000)
    let found = board.memory.flatView.sections.filter { $0.name == "bar" }
    #expect(found.map(\.start) == [0xfe10_0000])
    #expect(found.map(\.last) == [0xfe1f_ffff])
    #expect(found.map(\.offsetInRegion) == [0x10_0000])
    // Windows that touch make one section.
    fixture.write(0, 0x20, 0x24, 4, 0xfe20_fe20)
    #expect(
      board.memory.flatView.sections.filter { $0.name == "bar" }.map(\.size) == [0x20_0000])
  }

  @Test func memoryOfTheBoardLiesOverWhatAGuestPutsThere() {
    fixture.open()
    board.memory.write(0x10_0000, size: 4, value: 0x1234)
    window(0, 0x0030)
    function.place(0x10_0000)
    #expect(board.memory.read(0x10_0000, size: 4) == 0x1234)
    window(0xb000, 0xb000)
    function.place(0xb000_0000)
    #expect(board.memory.read(0xb000_0000, size: 4) == 0x29c0_8086)
    #expect(function.reached.isEmpty)
  }

  @Test func portsBehindABridgeShowInsideItsWindow() {
    let handler = function
    board.ports.space.add(
      MemoryRegion(name: "io", base: 0xd000, size: 16, priority: 1, kind: .io(handler)),
      over: port.secondaryBus.ports)
    #expect(board.ports.read(0xd000, size: 1) == 0xff)
    fixture.open()
    #expect(board.ports.read(0xd000, size: 1) == 0xff)
    fixture.write(0, 0x20, 0x1c, 2, 0xd0d0)
    #expect(board.ports.read(0xd000, size: 1) == 0xb0)
    fixture.write(0, 0x20, 0x04, 2, 6)
    #expect(board.ports.read(0xd000, size: 1) == 0xff)
  }

  // MARK: - Resets and interrupts

  @Test func aSecondaryBusResetResetsOnceAndHidesTheBusWhileItLasts() {
    fixture.open()
    fixture.write(0, 0x20, 0x3e, 2, 0x40)
    #expect(function.resets == 1)
    #expect(fixture.read(1, 0, 0, 4) == .max)
    fixture.write(0, 0x20, 0x3e, 2, 0x40)
    fixture.write(0, 0x20, 0x3e, 2, 0)
    #expect(function.resets == 1)
    #expect(fixture.read(1, 0, 0, 4) == 0x10d3_8086)
  }

  @Test func whatIsBehindABridgeIsResetBeforeIt() throws {
    let resets = RecordingFunction.ResetLog()
    let bus = PCIBus()
    bus.attach(RecordingFunction("a", resets: resets), at: try bus.reserve(nil, for: "x"))
    bus.reset()
    #expect(resets.names == ["a"])
    fixture.open()
    board.reset()
    #expect(function.resets == 1)
    #expect(port.header.secondaryBus == 0)
  }

  @Test(
    arguments: [(0, 0, 4, 0), (0, 1, 4, 1), (1, 0, 4, 1), (1, 3, 4, 0), (3, 2, 4, 1)]
      as [(Int, Int, Int, Int)])
  func pinsAreTurnedByTheSlotAtEachBridge(
    slot: Int, pin: Int, rootSlot: Int, rootPin: Int
  ) throws {
    let found = port.secondaryBus.rootPin(try fixture.place(slot), pin: pin)
    #expect(found.place.slot == rootSlot && found.pin == rootPin)
    let route = board.interrupts.route(
      try fixture.place(slot), on: port.secondaryBus, pin: pin)
    #expect(route == board.interrupts.route(try fixture.place(rootSlot), pin: rootPin))
  }

  @Test func functionsBehindAPortShareALineWithoutLosingEachOther() throws {
    let bus = port.secondaryBus
    let first = try fixture.place(0)
    let second = try fixture.place(0, 1)
    board.interrupts.setLevel(true, first, on: bus, pin: 0)
    board.interrupts.setLevel(true, second, on: bus, pin: 0)
    board.interrupts.setLevel(false, first, on: bus, pin: 0)
    #expect(fixture.accelerator.level(gsi: 20))
    board.interrupts.release(second, on: bus)
    #expect(!fixture.accelerator.level(gsi: 20))
  }
}
