import Board
import Hypervisor
import PCI
import Testing

@Suite struct ChipsetTests {
  private let fixture: RootPortFixture
  private var board: Q35Board { fixture.board }
  private static let bridge: UInt32 = 0xf8

  init() throws { fixture = try RootPortFixture() }

  // MARK: - Power management ports

  private final class Seen {
    var ports: [PowerManagementPorts] = []
  }

  @Test func thePowerManagementPortsAreWhereTheyAreProgrammed() {
    let seen = Seen()
    board.onPowerManagement { seen.ports.append($0) }
    #expect(fixture.read(0, Self.bridge, 0x40, 4) == 1)
    fixture.write(0, Self.bridge, 0x40, 4, 0xffff_ffff)
    #expect(fixture.read(0, Self.bridge, 0x40, 4) == 0xff81)
    fixture.write(0, Self.bridge, 0x40, 4, 0x601)
    fixture.write(0, Self.bridge, 0x44, 1, 0x80)
    fixture.write(0, Self.bridge, 0x44, 1, 0x84)
    board.reset()
    #expect(
      seen.ports == [
        PowerManagementPorts(base: nil, systemControlInterrupt: 9),
        PowerManagementPorts(base: nil, systemControlInterrupt: 9),
        PowerManagementPorts(base: nil, systemControlInterrupt: 9),
        PowerManagementPorts(base: 0x600, systemControlInterrupt: 9),
        PowerManagementPorts(base: 0x600, systemControlInterrupt: 20),
        PowerManagementPorts(base: nil, systemControlInterrupt: 9),
      ])
  }

  @Test func firmwareSettingsOpenTheChipsetsWindows() {
    board.reset()
    #expect(board.memory.read(0xb000_0000, size: 4) == 0xffff_ffff)
    board.applyFirmwareSettings()
    #expect(board.memory.read(0xb000_0000, size: 4) == 0x29c0_8086)
    #expect(board.memory.read(0xfed1_f140, size: 2) == 0x3210)
    let seen = Seen()
    board.onPowerManagement { seen.ports.append($0) }
    #expect(seen.ports.first == board.pciFacts(addressBits: 40).powerManagement)
    board.reset()
    #expect(board.memory.read(0xfed1_f140, size: 2) == 0xffff)
  }

  // MARK: - Interrupt wiring

  @Test func slotsAbove24FollowTheirRegisters() throws {
    board.applyFirmwareSettings()
    var calls = 0
    let observer = board.interrupts.observe { calls += 1 }
    func line(_ slot: Int, _ pin: Int) throws -> UInt32 {
      board.interrupts.route(try fixture.place(slot), pin: pin).gsi
    }
    #expect(try (25...31).map { try line($0, 0) } == [16, 16, 16, 16, 16, 20, 16])
    #expect(try (0..<4).map { try line(30, $0) } == [20, 21, 22, 23])
    #expect(try (0..<4).map { try line(31, $0) } == [16, 17, 18, 19])
    board.interrupts.setLevel(true, try fixture.place(31), pin: 1)
    #expect(fixture.accelerator.level(gsi: 17))
    board.memory.write(0xfed1_f140, size: 2, value: 0x7654)
    #expect(calls == 1)
    #expect(try (0..<4).map { try line(31, $0) } == [20, 21, 22, 23])
    #expect(!fixture.accelerator.level(gsi: 17) && fixture.accelerator.level(gsi: 21))
    board.memory.write(0xfed1_f148, size: 1, value: 0xff)
    #expect(try (0..<4).map { try line(27, $0) } == [23, 23, 18, 19])
    board.memory.write(0xfed1_f100, size: 4, value: .max)
    #expect(calls == 2)
    board.reset()
    #expect(try line(31, 1) == 17)
    board.interrupts.remove(observer)
  }

  // MARK: - Memory attributes

  @Test func aSegmentIsReadOnlyWhenOnlyReadsGoToRAM() {
    func isWritable(_ address: UInt64) -> Bool {
      let old = board.memory.read(address, size: 1)
      board.memory.write(address, size: 1, value: old ^ 0xff)
      return board.memory.read(address, size: 1) != old
    }
    #expect(isWritable(0xc_0000) && isWritable(0xf_ffff))
    fixture.write(0, 0, 0x90, 4, 0xffff_1110)
    #expect(!isWritable(0xf_0000) && !isWritable(0xf_ffff))
    #expect(!isWritable(0xc_0000) && !isWritable(0xc_4000) && !isWritable(0xc_7fff))
    #expect(isWritable(0xd_0000) && isWritable(0xb_ffff) && isWritable(0x10_0000))
    fixture.write(0, 0, 0x90, 4, 0xffff_2330)
    #expect(isWritable(0xf_0000) && isWritable(0xc_0000) && isWritable(0xc_4000))
    #expect(isWritable(0xc_8000))
    fixture.write(0, 0, 0x91, 1, 0x11)
    board.reset()
    #expect(isWritable(0xc_0000))
  }

  // MARK: - Facts

  @Test(
    arguments: [
      (512 << 20, 46, 0x2000_0000, 0x1_0000_0000, 0x8_ffff_ffff),
      (0xb000_0000, 46, 0x8000_0000, 0x1_4000_0000, 0x9_3fff_ffff),
      (8 << 30, 36, 0x8000_0000, 0x2_8000_0000, 0xa_7fff_ffff),
      (40 << 30, 36, 0x8000_0000, 0xa_8000_0000, 0xf_ffff_ffff),
    ] as [(UInt64, Int, UInt64, UInt64, UInt64)])
  func theWindowsLieAroundRAM(
    size: UInt64, bits: Int, low: UInt64, high: UInt64, last: UInt64
  ) throws {
    let facts = PCIHostFacts(RAMLayout(size: size), addressBits: bits)
    #expect(facts.memoryBelow4G == [low...0xafff_ffff, 0xc000_0000...0xfebf_ffff])
    #expect(facts.memoryAbove4G == high...last)
    #expect(facts.configWindow == 0xb000_0000...0xbfff_ffff)
  }

  @Test(arguments: [(100 << 30, 36), (1 << 20, 32), (1 << 20, 0), (.max, 64)] as [(UInt64, Int)])
  func withoutAddressesThereIsNoUpperWindow(size: UInt64, bits: Int) {
    #expect(PCIHostFacts(RAMLayout(size: size), addressBits: bits).memoryAbove4G == nil)
  }

  @Test func theFactsAgreeWithTheRouter() throws {
    _ = try fixture.port()
    let facts = board.pciFacts(addressBits: 40)
    #expect(facts.pins.count == 128)
    for pin in facts.pins {
      let route = board.interrupts.route(try fixture.place(pin.slot), pin: pin.pin)
      #expect(route.gsi == pin.globalInterrupt)
      fixture.write(0, Self.bridge, UInt32(pin.routeRegister), 1, 5)
      #expect(board.interrupts.route(try fixture.place(pin.slot), pin: pin.pin).gsi == 5)
      fixture.write(0, Self.bridge, UInt32(pin.routeRegister), 1, 0x80)
    }
    #expect(facts.rootPorts.map(\.slot) == [4])
    #expect(facts.rootPorts.map(\.isHotPluggable) == [true])
  }
}
