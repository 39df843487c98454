import PCI
import Testing

@Suite struct MSIXCapabilityTests {
  @Test(
    arguments: [
      (0x0004, 5, 80), (0x0000, 1, 16), (0x003f, 64, 1024), (0xf840, 65, 1040),
      (0x07ff, 2048, 32768),
    ] as [(UInt16, Int, UInt64)])
  func `The control register tells the number of entries`(
    control: UInt16, entries: Int, tableLength: UInt64
  ) {
    let registers = MSIXCapability.Registers(
      control: control, table: 0x0000_2003, pending: 0x0000_3004)
    #expect(registers.vectorCount == entries)
    #expect(registers.tableLength == tableLength)
    #expect(registers.tableBAR == 3)
    #expect(registers.tableOffset == 0x2000)
    #expect(registers.pendingBAR == 4)
    #expect(registers.pendingOffset == 0x3000)
  }

  @Test func `Twelve bytes become ours, of which a guest writes two bits`() throws {
    var fixture = ConfigSpaceFixture(size: 256)
    fixture.link([(0x11, 0x70), (0x10, 0xa0)])
    fixture.put(0x72, UInt16(0xf880))
    fixture.put(0x74, UInt32(3))
    fixture.put(0x78, UInt32(0x1003))
    var image = try #require(fixture.image)
    MSIXCapability(at: 0x70).emulate(in: &image)
    #expect(
      image.emulated.indices.filter { image.emulated[$0] == 0xff } == Array(0x70..<0x7c))
    #expect(image.emulated.filter { $0 != 0 }.count == MSIXCapability.length)
    #expect(image.read(offset: 0x70, length: 4) == 0x0080_a011)
    for offset in stride(from: 0x70, to: 0x80, by: 4) {
      image.write(offset: offset, length: 4, value: .max)
    }
    #expect(image.read(offset: 0x70, length: 4) == 0xc080_a011)
    #expect(image.read(offset: 0x78, length: 4) == 0x1003)
  }

  @Test(arguments: [0x74, 0x78])
  func `The next capability is not touched`(next: Int) throws {
    var fixture = ConfigSpaceFixture(size: 256)
    fixture.link([(0x11, 0x70), (0x10, next)])
    var image = try #require(fixture.image)
    MSIXCapability(at: 0x70).emulate(in: &image)
    #expect(image.emulated.indices.filter { image.emulated[$0] != 0 } == Array(0x70..<next))
  }
}
