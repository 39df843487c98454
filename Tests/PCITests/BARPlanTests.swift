import PCI
import TestSupport
import Testing

@Suite struct BARPlanTests {
  /// A copy with a 64 KiB BAR 0, a 32-byte I/O BAR 1 and a 64-bit 1 MiB BAR 2, and a ROM of 4 KiB.
  private struct Function {
    var image: ConfigImage
    let layout: BARLayout
    let rom: ExpansionROMBAR
    var places = BARPlan.Places()

    init() throws {
      image = try #require(ConfigSpaceFixture(size: 256).image)
      image.makeCommandWritable()
      layout = BARLayout(
        sizes: [0x1_0000, 0x20, 0x10_0000, 0, 0, 0], dwords: [0, 1, 0xc, 0, 0, 0])
      layout.install(in: &image)
      rom = try #require(ExpansionROMBAR(size: 4096))
      rom.install(in: &image)
    }

    mutating func write(_ offset: Int, _ value: UInt32, length: Int = 4) {
      image.write(offset: offset, length: length, value: value)
    }

    /// The moves that are due, which are taken to be made.
    mutating func moves(isPowered: Bool = true) -> [BARPlan.Move] {
      let plan = BARPlan.make(
        from: places, image: image, layout: layout, rom: rom, isPowered: isPowered)
      places = plan.places
      return plan.moves
    }
  }

  private typealias Move = BARPlan.Move

  /// All of it programmed and decoded.
  private func programmed() throws -> Function {
    var function = try Function()
    function.write(0x10, 0xfe00_0000)
    function.write(0x14, 0xc040)
    function.write(0x18, 0x0000_0000)
    function.write(0x1c, 0x80)
    function.write(0x30, 0xfe10_0001)
    #expect(function.moves() == [])
    function.write(4, 3, length: 2)
    return function
  }

  @Test func whatIsDecodedAppearsInOrderAtOnce() throws {
    var function = try programmed()
    #expect(
      function.moves() == [
        Move(index: 0, address: 0xfe00_0000), Move(index: 1, address: 0xc040),
        Move(index: 2, address: 0x80_0000_0000), Move(index: 6, address: 0xfe10_0000),
      ])
    #expect(function.moves() == [])
  }

  @Test func eachKindOfDecodingIsForItsOwnBARs() throws {
    var function = try programmed()
    _ = function.moves()
    function.write(4, 2, length: 2)
    #expect(function.moves() == [Move(index: 1, address: nil)])
    function.write(4, 1, length: 2)
    #expect(
      function.moves() == [
        Move(index: 0, address: nil), Move(index: 1, address: 0xc040), Move(index: 2, address: nil),
        Move(index: 6, address: nil),
      ])
  }

  @Test func withoutPowerNothingIsAnywhere() throws {
    var function = try programmed()
    _ = function.moves()
    #expect(function.moves(isPowered: false).map(\.index) == [0, 1, 2, 6])
    #expect(function.places == BARPlan.Places())
    #expect(function.moves().map(\.index) == [0, 1, 2, 6])
  }

  @Test func bothBARsOfASwapMoveInOnePlan() throws {
    var function = try programmed()
    _ = function.moves()
    function.write(0x10, 0x4000_0000)
    function.write(0x30, 0xfe00_0001)
    #expect(
      function.moves() == [
        Move(index: 0, address: 0x4000_0000), Move(index: 6, address: 0xfe00_0000),
      ])
  }

  @Test(
    arguments: [
      // Sizing of the 32-bit BAR, and the addresses at which none lies.
      (0x10, 0xffff_ffff, 0, nil), (0x10, 0xffff_0000, 0, nil), (0x10, 0, 0, nil),
      (0x10, 0xfffe_0000, 0, 0xfffe_0000),
      // Sizing of the upper half alone puts the end at that of the address space.
      (0x1c, 0xffff_ffff, 2, 0xffff_ffff_0000_0000), (0x1c, 0, 2, nil),
      (0x18, 0xffff_ffff, 2, 0x80_fff0_0000),
      // I/O beyond the ports.
      (0x14, 0xffff_ffff, 1, nil), (0x14, 0x1_0000, 1, nil), (0x14, 0xffe0, 1, 0xffe0),
    ] as [(Int, UInt32, Int, UInt64?)])
  func valuesThatAreNoPlaceTakeABARAway(
    offset: Int, value: UInt32, index: Int, address: UInt64?
  ) throws {
    var function = try programmed()
    _ = function.moves()
    function.write(offset, value)
    #expect(function.moves() == [Move(index: index, address: address)])
  }

  @Test func sizingBothHalvesIsNoPlace() throws {
    var function = try programmed()
    _ = function.moves()
    function.write(0x18, .max)
    function.write(0x1c, .max)
    #expect(function.moves() == [Move(index: 2, address: nil)])
  }

  @Test(arguments: 0..<100 as Range<UInt64>)
  func movesAlwaysLeadToWhatTheCopySays(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var function = try Function()
    var places = BARPlan.Places()
    for _ in 0..<60 {
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let offset = [0x04, 0x10, 0x14, 0x18, 0x1c, 0x30].randomElement(using: &generator) ?? 4
        function.write(offset, .random(in: 0...UInt32.max, using: &generator))
      }
      let isPowered = Bool.random(using: &generator)
      for move in function.moves(isPowered: isPowered) {
        #expect(places[move.index] != move.address)
        places[move.index] = move.address
      }
      for bar in function.layout.bars {
        #expect(places[bar.index] == (isPowered ? bar.mappedAddress(in: function.image) : nil))
        if let address = places[bar.index] {
          #expect(
            address % bar.size == 0 && !address.addingReportingOverflow(bar.size - 1).overflow)
        }
      }
      #expect(function.places == places)
      #expect(function.moves(isPowered: isPowered).isEmpty)
    }
  }
}
