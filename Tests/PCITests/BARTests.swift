import PCI
import TestSupport
import Testing

@Suite struct BARTests {
  private func image(installing bar: BARDescription, command: UInt16 = 3) throws -> ConfigImage {
    var image = try #require(ConfigSpaceFixture(size: 256).image)
    image.makeCommandWritable()
    bar.install(in: &image)
    image.write(offset: 0x04, length: 2, value: UInt32(command))
    return image
  }

  @Test(
    arguments: [
      (0x0000_e001, 0x20, .io, 1, 1), (0x0000_e003, 0x20, .io, 1, 3),
      (0xfe60_0000, 0x20000, .memory32, 1, 0), (0xfe60_0008, 0x10, .memory32, 1, 8),
      (0xfe60_000c, 0x80_0000, .memory64, 2, 0xc), (0x4, 1 << 63, .memory64, 2, 4),
      (0xfe60_0002, 0x1000, .memory32, 1, 2),
    ] as [(UInt32, UInt64, BARDescription.Kind, Int, UInt32)])
  func `The register's low bits tell the kind`(
    dword: UInt32, size: UInt64, kind: BARDescription.Kind, registers: Int,
    typeBits: UInt32
  ) throws {
    let bar = try #require(BARDescription(index: 2, dword: dword, size: size))
    #expect(bar.kind == kind)
    #expect(bar.registerCount == registers)
    #expect(bar.typeBits == typeBits)
    #expect(bar.offset == 0x18)
  }

  @Test func `A 64-bit BAR has no room in the last register`() throws {
    let bar = try #require(BARDescription(index: 5, dword: 0xc, size: 0x1000))
    #expect(bar.kind == .memory32)
    #expect(bar.typeBits == 8)
  }

  @Test(
    arguments: [
      (-1, 0, 0x1000), (6, 0, 0x1000), (0, 0, 0), (0, 0, 3), (0, 0, 0x1800), (0, 0, 1 << 32),
      (0, 0, 8), (0, 1, 2), (5, 4, 1 << 32), (0, 4, .max),
    ] as [(Int, UInt32, UInt64)])
  func `What no BAR can be is refused`(index: Int, dword: UInt32, size: UInt64) {
    #expect(BARDescription(index: index, dword: dword, size: size) == nil)
  }

  @Test(
    arguments: [
      (0x1, 0x20, 0xffff_ffe1), (0x0, 0x20000, 0xfffe_0000), (0x8, 0x10, 0xffff_fff8),
      (0xc, 0x80_0000, 0xff80_000c), (0x1, 4, 0xffff_fffd), (0x4, 1 << 32, 0x4),
    ] as [(UInt32, UInt64, UInt32)])
  func `Writing all ones and reading back tells the size`(
    dword: UInt32, size: UInt64, readBack: UInt32
  ) throws {
    let bar = try #require(BARDescription(index: 0, dword: dword, size: size))
    var image = try image(installing: bar)
    #expect(image.read(offset: 0x10, length: 4) == bar.typeBits)
    let top: UInt64 = bar.kind == .memory64 ? .max : 0xffff_ffff
    #expect(bar.writableMask == top - (size - 1))
    for offset in [0x10, 0x14, 0x18] { image.write(offset: offset, length: 4, value: .max) }
    #expect(image.read(offset: 0x10, length: 4) == readBack)
    #expect(image.isFullyEmulated(offset: 0x10, length: 4))
    #expect(image.read(offset: 0x18, length: 4) == 0)
    let high = image.read(offset: 0x14, length: 4)
    #expect(high == (bar.kind == .memory64 ? UInt32(truncatingIfNeeded: ~(size - 1) >> 32) : 0))
    #expect(image.emulated[0x14..<0x18].contains { $0 != 0 } == (bar.kind == .memory64))
  }

  @Test(
    arguments: [
      // kind, size, low, high, address
      (0x0, 0x2_0000, 0xfe60_0000, 0, 0xfe60_0000), (0x0, 0x2_0000, 0xfe61_ffff, 0, 0xfe60_0000),
      (0x0, 0x2_0000, 0, 0, nil), (0x0, 0x2_0000, 0x1_ffff, 0, nil),
      (0x0, 0x2_0000, 0xffff_ffff, 0, nil), (0x0, 0x2_0000, 0xfffc_0000, 0, 0xfffc_0000),
      (0x0, 1 << 31, 0x8000_0000, 0, nil), (0x1, 0x20, 0xe01d, 0, 0xe000), (0x1, 0x20, 0, 0, nil),
      (0x1, 0x20, 0xffff_ffff, 0, nil), (0x1, 0x20, 0xffe0, 0, 0xffe0),
      (0x1, 0x20, 0x1_0000, 0, nil),
      (0xc, 0x80_0000, 0xc, 0x38, 0x38_0000_0000), (0xc, 0x80_0000, 0, 0, nil),
      (0xc, 0x80_0000, 0xffff_ffff, 0xffff_ffff, nil),
      (0xc, 0x80_0000, 0xff00_0000, 0xffff_ffff, 0xffff_ffff_ff00_0000),
      (0xc, 0x80_0000, 0xffff_ffff, 0, 0xff80_0000), (0xc, 1 << 33, 0, 3, 0x2_0000_0000),
    ] as [(UInt32, UInt64, UInt32, UInt32, UInt64?)])
  func `A BAR lies where the guest puts it, but not at 0, at the end, or around it`(
    dword: UInt32, size: UInt64, low: UInt32, high: UInt32, address: UInt64?
  ) throws {
    let bar = try #require(BARDescription(index: 0, dword: dword, size: size))
    var image = try image(installing: bar)
    image.write(offset: 0x10, length: 4, value: low)
    image.write(offset: 0x14, length: 4, value: high)
    #expect(bar.mappedAddress(in: image) == address)
  }

  @Test(arguments: [(0x1, 0xe000), (0x0, 0xfe60_0000), (0x4, 0xfe60_0000)] as [(UInt32, UInt32)])
  func `A BAR lies nowhere while its space is not decoded`(dword: UInt32, address: UInt32) throws {
    let bar = try #require(BARDescription(index: 1, dword: dword, size: 0x1000))
    let own: UInt16 = dword & 1 != 0 ? 1 : 2
    for command in 0...7 as ClosedRange<UInt16> {
      var image = try image(installing: bar, command: command)
      image.write(offset: 0x14, length: 4, value: address)
      let expected = command & own != 0 ? UInt64(address) : nil
      #expect(bar.mappedAddress(in: image) == expected, "command \(command)")
    }
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `Wherever a guest puts a BAR, it is aligned, inside, and where reading back says`(
    seed: UInt64
  ) throws {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<50 {
      let dword = [0, 1, 4, 8, 0xc].randomElement(using: &generator) ?? 0
      let top = dword & 4 != 0 ? 63 : 31
      let size = UInt64(1) << UInt64(Int.random(in: (dword == 1 ? 2 : 4)...top, using: &generator))
      let bar = try #require(BARDescription(index: 3, dword: UInt32(dword), size: size))
      var image = try image(installing: bar)
      for offset in [0x1c, 0x20] {
        let value = UInt32.random(in: 0...(.max), using: &generator)
        let isSmall = Int.random(in: 0..<3, using: &generator) == 0
        image.write(offset: offset, length: 4, value: isSmall ? value >> 16 : value)
      }
      let low = image.read(offset: 0x1c, length: 4)
      #expect(low & bar.typeBits == bar.typeBits)
      guard let address = bar.mappedAddress(in: image) else { continue }
      #expect(address % size == 0 && address != 0)
      #expect(address <= UInt64.max - size)
      if bar.kind != .memory64 { #expect(address + size <= 0xffff_ffff) }
      if bar.kind == .io { #expect(address + size <= 0x1_0000) }
      let high = bar.kind == .memory64 ? UInt64(image.read(offset: 0x20, length: 4)) << 32 : 0
      #expect(address == (high | UInt64(low & ~bar.typeBits)))
    }
  }

  @Test func `A layout skips the upper half of a 64-bit BAR`() throws {
    let layout = BARLayout(
      sizes: [0x80_0000, 0, 0x20, 0x8000, 0, 0],
      dwords: [0xdd00_000c, 0x38, 0xe001, 0xdd80_0004, 0x38, 0])
    #expect(layout.bars.map(\.index) == [0, 2, 3])
    #expect(layout.bars.map(\.kind) == [.memory64, .io, .memory64])
    #expect(layout.unusable.isEmpty)
    #expect(layout[3]?.size == 0x8000)
    #expect(layout[1] == nil)
  }

  @Test func `A layout names what is no BAR and survives short lists`() {
    let layout = BARLayout(
      sizes: [0x80_0000, 0x1000, 0x30, 0x1000], dwords: [0xc, 0, 1])
    #expect(layout.bars.map(\.index) == [0, 3])
    #expect(layout.unusable == [2])
    #expect(layout[3]?.kind == .memory32)
    #expect(BARLayout(sizes: [], dwords: []).bars.isEmpty)
    let long = BARLayout(sizes: .init(repeating: 16, count: 9), dwords: [])
    #expect(long.bars.count == 6)
    #expect(long.unusable.isEmpty)
  }

  @Test func `All six registers become ours, empty but for their types`() throws {
    var fixture = ConfigSpaceFixture(size: 256)
    for offset in 0x10..<0x28 { fixture.put(offset, UInt8(0xa5)) }
    var image = try #require(fixture.image)
    BARLayout(sizes: [0x1000, 0, 0x20], dwords: [0xc, 0, 1]).install(in: &image)
    let registers = stride(from: 0x10, to: 0x28, by: 4).map { image.read(offset: $0, length: 4) }
    #expect(registers == [0xc, 0, 1, 0, 0, 0])
    #expect(image.emulated[0x10..<0x28].allSatisfy { $0 == 0xff })
    #expect(image.writable[0x1c..<0x28].allSatisfy { $0 == 0 })
    #expect(image.emulated.filter { $0 != 0 }.count == 24)
  }

  @Test(
    arguments: [
      (0xfffc_0000, 0x4_0000), (0xfffc_0001, 0x4_0000), (0xffff_f800, 0x800),
      (0x8000_0000, 1 << 31),
      (0, nil), (0x7ff, nil), (0xfff4_0000, nil),
    ] as [(UInt32, UInt64?)])
  func `A ROM's size is told by its address bits`(value: UInt32, size: UInt64?) {
    #expect(ExpansionROMBAR(sizing: value)?.size == size)
  }

  @Test(arguments: [(0x400, false), (0x800, true), (0x1800, false), (1 << 32, false)])
  func `A ROM has at least 2 KiB and a power of two`(size: UInt64, isROM: Bool) {
    #expect((ExpansionROMBAR(size: size) != nil) == isROM)
  }

  @Test(
    arguments: [
      (0xfe60_0001, 2, 0xfe60_0000), (0xfe60_0000, 2, nil), (0xfe60_0001, 1, nil),
      (0xfffc_0001, 2, nil), (0xffff_ffff, 2, nil), (0x0003_ffff, 2, nil), (1, 2, nil),
      (0xfe63_f801, 6, 0xfe60_0000),
    ] as [(UInt32, UInt32, UInt64?)])
  func `A ROM lies where the guest puts it while memory and itself are enabled`(
    value: UInt32, command: UInt32, address: UInt64?
  ) throws {
    let rom = try #require(ExpansionROMBAR(size: 0x4_0000))
    var image = try #require(ConfigSpaceFixture(size: 256).image)
    image.makeCommandWritable()
    rom.install(in: &image)
    image.write(offset: 0x04, length: 2, value: command)
    image.write(offset: 0x30, length: 4, value: value)
    #expect(rom.mappedAddress(in: image) == address)
    #expect(image.read(offset: 0x30, length: 4) == value & 0xfffc_0001)
    #expect(image.isFullyEmulated(offset: 0x30, length: 4))
  }
}
