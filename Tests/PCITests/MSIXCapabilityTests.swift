import PCI
import Testing

@Suite struct MSIXCapabilityTests {
  @Test(
    arguments: [
      (0x0004, 5, 80, 8), (0x0000, 1, 16, 8), (0x003f, 64, 1024, 8), (0x0040, 65, 1040, 16),
      (0x07ff, 2048, 32768, 256),
    ] as [(UInt16, Int, UInt64, UInt64)])
  func `The control register tells the number of entries`(
    control: UInt16, entries: Int, tableLength: UInt64, pendingLength: UInt64
  ) {
    let registers = MSIXCapability.Registers(
      control: control, table: 0x0000_2003, pending: 0x0000_3004)
    #expect(registers.vectorCount == entries)
    #expect(registers.tableLength == tableLength)
    #expect(registers.pendingLength == pendingLength)
    #expect(registers.tableBAR == 3)
    #expect(registers.tableOffset == 0x2000)
    #expect(registers.pendingBAR == 4)
    #expect(registers.pendingOffset == 0x3000)
  }

  @Test(
    arguments: [
      (0x0000, false, false), (0x4000, false, true), (0x8000, true, false), (0xffff, true, true),
    ] as [(UInt16, Bool, Bool)])
  func `The two top bits enable and mask`(control: UInt16, isEnabled: Bool, isMasked: Bool) {
    let registers = MSIXCapability.Registers(control: control, table: .max, pending: .max)
    #expect(registers.isEnabled == isEnabled)
    #expect(registers.isFunctionMasked == isMasked)
    #expect(registers.tableBAR == 7)
    #expect(registers.tableOffset == 0xffff_fff8)
  }

  @Test func `Twelve bytes become ours, of which a guest writes two bits`() throws {
    var fixture = ConfigSpaceFixture(size: 256)
    fixture.link([(0x11, 0x70), (0x10, 0xa0)])
    fixture.put(0x72, UInt16(0xf880))
    fixture.put(0x74, UInt32(3))
    fixture.put(0x78, UInt32(0x1003))
    var image = try #require(fixture.image)
    let capability = MSIXCapability(at: 0x70)
    capability.emulate(in: &image)
    #expect(
      image.emulated.indices.filter { image.emulated[$0] == 0xff } == Array(0x70..<0x7c))
    #expect(image.emulated.filter { $0 != 0 }.count == MSIXCapability.length)
    #expect(image.read(offset: 0x70, length: 4) == 0x0080_a011)
    for offset in stride(from: 0x70, to: 0x80, by: 4) {
      image.write(offset: offset, length: 4, value: .max)
    }
    #expect(image.read(offset: 0x70, length: 4) == 0xc080_a011)
    let registers = capability.registers(in: image)
    #expect(registers.vectorCount == 129)
    #expect(registers.isEnabled && registers.isFunctionMasked)
    #expect(registers.pendingOffset == 0x1000)
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
