import Board
import Hypervisor
import PCI
import Testing

@Suite struct RootPortTests {
  private let fixture: RootPortFixture
  private var board: Q35Board { fixture.board }

  init() throws { fixture = try RootPortFixture() }

  /// Non-zero rows of 16 bytes.
  private func rows(_ bus: UInt64, _ devfn: UInt64) -> [String] {
    stride(from: 0, to: 0x1000, by: 16).compactMap { offset in
      let dwords = (0..<4).map { fixture.dword(bus, devfn, UInt64(offset + 4 * $0)) }
      guard dwords.contains(where: { $0 != 0 }) else { return nil }
      return hexadecimal(UInt32(offset), 3) + dwords.map { " " + hexadecimal($0, 8) }.joined()
    }
  }

  private func hexadecimal(_ value: UInt32, _ width: Int) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: width - digits.count) + digits
  }

  // Read from QEMU 11.1.3 by qtest.
  @Test func itsConfigSpaceIsQEMUs() throws {
    _ = try fixture.port()
    #expect(
      rows(0, 0x20) == [
        "000 000c1b36 00100000 06040000 00010000", "010 00000000 00000000 00000000 000000f0",
        "020 0000fff0 0001fff1 00000000 00000000", "030 00000000 00000054 00000000 00000100",
        "040 0000000d 00001b36 00004011 00000000", "050 00000800 01424810 00008020 00000000",
        "060 00300604 02040000 001a007b 000007c0", "070 00000000 00000000 00300020 00000000",
        "080 0000001e 00000004 00000000 00000000", "100 14820001 00000000 02400000 00462030",
        "110 00000000 0000e000 000002a0 00000000", "140 00000000 00000000 0001000d 0000005f",
      ])
  }

  @Test func itsPropertiesShowInTheLinkSlotAndReserveRegistersAsInQEMU() throws {
    var options = RootPortOptions(id: "a")
    options.port = 7
    options.speed = .gen2
    options.width = 1
    options.isMultifunction = true
    options.isHotPluggable = false
    options.hasExtendedTags = false
    options.masksUnsupportedErrors = false
    options.busReserve = 4
    options.memoryReserve = 2 << 20
    options.ioReserve = 0
    _ = try fixture.port(options)
    #expect(fixture.dword(0, 0x20, 0x0c) == 0x0081_0000)
    #expect(fixture.dword(0, 0x20, 0x34) == 0x90)
    #expect(fixture.dword(0, 0x20, 0x58) == 0x8000)
    #expect(fixture.dword(0, 0x20, 0x60) == 0x0730_0412)
    #expect(fixture.dword(0, 0x20, 0x64) == 0x0012_0000)
    #expect(fixture.dword(0, 0x20, 0x68) == 0x0002_001b)
    #expect(fixture.dword(0, 0x20, 0x80) == 0)
    #expect(fixture.dword(0, 0x20, 0x84) == 2)
    #expect(fixture.dword(0, 0x20, 0x108) == 0)
    let reserve = (0..<8).map { fixture.dword(0, 0x20, UInt64(0x90 + 4 * $0)) }
    #expect(reserve == [0x0120_5409, 4, 0, 0, 0x20_0000, .max, .max, .max])
  }

  @Test(
    arguments: [
      (.gen1, 0x0020_0601, 0, 0), (.gen3, 0x0030_0603, 0x0e, 3), (.gen5, 0x0030_0605, 0x3e, 5),
      (.gen6, 0x0030_0606, 0x7e, 6),
    ] as [(RootPortOptions.LinkSpeed, UInt32, UInt32, UInt32)])
  func theSpeedShowsInTheLinkRegisters(
    speed: RootPortOptions.LinkSpeed, link: UInt32, speeds: UInt32, target: UInt32
  ) throws {
    var options = RootPortOptions(id: "a")
    options.speed = speed
    _ = try fixture.port(options)
    #expect(fixture.dword(0, 0x20, 0x60) == link)
    #expect(fixture.dword(0, 0x20, 0x80) == speeds)
    #expect(fixture.dword(0, 0x20, 0x84) == target)
  }

  // All ones written to every dword; from QEMU 11.1.3, whose unused registers keep what is written.
  @Test func aGuestChangesTheBitsThatItMay() throws {
    _ = try fixture.port()
    let expected: [UInt64: UInt32] = [
      0x04: 0x0010_0507, 0x0c: 0x0001_00ff, 0x10: 0xffff_f000, 0x18: 0x00ff_ffff, 0x1c: 0xf0f0,
      0x20: 0xfff0_fff0, 0x24: 0xfff1_fff1, 0x28: .max, 0x2c: .max, 0x3c: 0x005f_01ff,
      0x48: 0xc000_4011, 0x5c: 0xf, 0x6c: 0x0090_07f9, 0x70: 7, 0x7c: 0x8020, 0x108: 0x03ff_f030,
      0x10c: 0x03ff_f030, 0x114: 0xf1c1, 0x118: 0x7e0, 0x12c: 7, 0x14c: 0x005f_005f,
    ]
    for offset in stride(from: UInt64(4), to: 0x1000, by: 4) {
      let before = fixture.dword(0, 0x20, offset)
      board.memory.write(0xb002_0000 | offset, size: 4, value: 0xffff_ffff)
      #expect(fixture.dword(0, 0x20, offset) == expected[offset] ?? before)
      if offset == 0x3c { fixture.write(0, 0x20, 0x3e, 2, 0) }
    }
    let kept: [UInt64: UInt32] = [
      0x108: 0x03ff_f030, 0x10c: 0x03ff_f030, 0x114: 0xf1c1, 0x118: 0x7e0,
    ]
    board.reset()
    fixture.write(0, 0, 0x60, 4, 0xb000_0001)
    #expect(
      rows(0, 0x20).filter { $0.hasPrefix("0") } == [
        "000 000c1b36 00100000 06040000 00010000", "010 00000000 00000000 00000000 000000f0",
        "020 0000fff0 0001fff1 00000000 00000000", "030 00000000 00000054 00000000 00000100",
        "040 0000000d 00001b36 00004011 00000000", "050 00000800 01424810 00008020 00000000",
        "060 00300604 02040000 001a007b 000007c0", "070 00000000 00000000 00300020 00008000",
        "080 0000001e 00000004 00000000 00000000",
      ])
    for (offset, value) in kept { #expect(fixture.dword(0, 0x20, offset) == value) }
  }

  // MARK: - Places

  @Test func aBusIsFoundByTheIdOfItsPort() throws {
    let port = try fixture.port()
    #expect(try board.bus(named: "pcie.0") === board.rootBus)
    #expect(try board.bus(named: "rp4") === port.secondaryBus)
    #expect(board.rootPort(of: port.secondaryBus) === port)
    let error = #expect(throws: PCIPlacementError.self) { try board.bus(named: "rp9") }
    #expect(error?.message == "Bus 'rp9' not found")
  }

  @Test func onlySlotZeroOfAPortIsValidButOthersAreTaken() throws {
    let bus = try fixture.port().secondaryBus
    let first = try bus.reserve(nil, for: "vfio-pci")
    let second = try bus.reserve(nil, for: "vfio-pci")
    #expect(first.slot == 0 && second.slot == 1)
    #expect(bus.warning(for: "vfio-pci", at: first) == nil)
    #expect(
      bus.warning(for: "vfio-pci", at: second)
        == "PCI: slot 1 is not valid for vfio-pci, parent device only allows plugging into slot 0.")
    #expect(board.rootBus.warning(for: "vfio-pci", at: second) == nil)
  }

  @Test func chassisAndSlotNameOnePortOnly() throws {
    _ = try board.addRootPort(RootPortOptions(id: "a"))
    let error = #expect(throws: PCIPlacementError.self) {
      try board.addRootPort(RootPortOptions(id: "b"))
    }
    #expect(error?.message.hasPrefix("Can't add chassis slot, error -16\n") == true)
    var other = RootPortOptions(id: "b")
    other.slot = 1
    #expect(try board.addRootPort(other).place.slot == 2)
  }

  @Test func whatCannotBeReservedIsRefused() throws {
    var options = RootPortOptions(id: "a")
    options.prefetchable32Reserve = 1 << 20
    options.prefetchable64Reserve = 1 << 20
    let both = #expect(throws: PCIPlacementError.self) { try board.addRootPort(options) }
    #expect(both?.message == "PCI resource reserve cap: PREF32 and PREF64 conflict")
    options.prefetchable64Reserve = nil
    options.memoryReserve = 5 << 30
    let large = #expect(throws: PCIPlacementError.self) { try board.addRootPort(options) }
    #expect(large?.message == "PCI resource reserve cap: mem-reserve must be less than 4G")
    #expect(board.rootBus.attached.count == 2)
  }

  // MARK: - Link

  private final class Endpoint: PCIFunction {
    var status: UInt32
    let expressCapability: Int? = 0x40
    init(status: UInt32) { self.status = status }
    func readConfig(offset: Int, length: Int) -> UInt32 { offset == 0x52 ? status : 0 }
    func writeConfig(offset: Int, length: Int, value: UInt32) {}
    func reset() {}
  }

  @Test(
    arguments: [
      (0x0011, 0x2011), (0, 0x2011), (0x0103, 0x2103), (0x0406, 0x2014), (0x3fff, 0x2204),
    ] as [(UInt32, UInt32)])
  func theLinkIsAsGoodAsTheWeakerEnd(status: UInt32, expected: UInt32) throws {
    let port = try fixture.port()
    #expect(fixture.read(0, 0x20, 0x66, 2) == 0x0204)
    let place = try port.secondaryBus.reserve(nil, for: "vfio-pci")
    port.secondaryBus.attach(Endpoint(status: status), at: place)
    #expect(fixture.read(0, 0x20, 0x66, 2) == expected)
    #expect(fixture.read(0, 0x20, 0x67, 1) == expected >> 8)
  }

  @Test func aPortGoesWithItsBoard() throws {
    weak var port: RootPort?
    weak var function: BARFunction?
    do {
      let fixture = try RootPortFixture()
      let made = try fixture.port()
      port = made
      let bar = BARFunction(on: made.secondaryBus, of: fixture.board)
      function = bar
      made.secondaryBus.attach(bar, at: try made.secondaryBus.reserve(nil, for: "x"))
    }
    #expect(port == nil)
    #expect(function == nil)
  }
}
