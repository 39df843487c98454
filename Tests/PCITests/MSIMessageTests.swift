import PCI
import TestSupport
import Testing

@Suite struct MSIMessageTests {
  private static let offset = 0x50

  /// An emulated capability of 8 vectors unless `control` says otherwise.
  private func make(
    _ control: UInt16 = 0x0186
  ) throws -> (image: ConfigImage, capability: MSICapability) {
    var fixture = ConfigSpaceFixture(size: 4096)
    fixture.link([(0x05, Self.offset)])
    fixture.put(Self.offset + 2, control)
    var image = try #require(fixture.image)
    let capability = MSICapability(in: image, at: Self.offset)
    capability.emulate(in: &image)
    return (image, capability)
  }

  @Test(arguments: [(0x0006, 8), (0x0086, 0xc)] as [(UInt16, Int)])
  func aMessageIsReadWhereTheShapeHasIt(control: UInt16, data: Int) throws {
    var (image, msi) = try make(control)
    image.write(offset: Self.offset + 4, length: 4, value: 0xfee0_1ffc)
    image.write(offset: Self.offset + 8, length: 4, value: 7)
    image.write(offset: Self.offset + data, length: 2, value: 0x1234)
    #expect(msi.address(in: image) == (data == 8 ? 0xfee0_1ffc : 0x7_fee0_1ffc))
    #expect(msi.data(of: 0, in: image) == 0x1234)
    #expect(!msi.isEnabled(in: image))
    image.write(offset: Self.offset + 2, length: 2, value: 1)
    #expect(msi.isEnabled(in: image))
  }

  @Test(arguments: [(0, 1), (1, 2), (2, 4), (3, 8), (4, 8), (7, 8)] as [(UInt32, Int)])
  func noMoreVectorsAreEnabledThanThereAre(field: UInt32, count: Int) throws {
    var (image, msi) = try make()
    image.write(offset: Self.offset + 0xc, length: 2, value: 0x125f)
    image.write(offset: Self.offset + 2, length: 2, value: field << 4 | 1)
    #expect(msi.enabledCount(in: image) == count)
    let data = (0..<count).map { msi.data(of: $0, in: image) }
    #expect(data == (0..<UInt32(count)).map { 0x125f & ~UInt32(count - 1) | $0 })
    msi.settle(in: &image)
    #expect(image.read(offset: Self.offset + 2, length: 2) >> 4 & 7 == min(field, 3))
    #expect(image.read(offset: Self.offset + 2, length: 2) & 0x187 == 0x187)
  }

  @Test func maskAndPendingBitsAreThoseOfTheirVectors() throws {
    var (image, msi) = try make()
    image.write(offset: Self.offset + 0x10, length: 4, value: 0x82)
    #expect((0..<9).filter { msi.isMasked($0, in: image) } == [1, 7])
    for vector in [0, 3, 7, 8, 40, -1] { msi.setPending(vector, true, in: &image) }
    #expect((-1..<41).filter { msi.isPending($0, in: image) } == [0, 3, 7])
    #expect(image.read(offset: Self.offset + 0x14, length: 4) == 0x89)
    msi.setPending(3, false, in: &image)
    image.write(offset: Self.offset + 2, length: 2, value: 0x21)
    msi.settle(in: &image)
    #expect(image.read(offset: Self.offset + 0x14, length: 4) == 1)
  }

  @Test func withoutMaskBitsNothingIsMaskedOrPending() throws {
    var (image, msi) = try make(0x0086)
    image.set(Self.offset + 0x10, UInt32.max)
    let before = image.values
    msi.setPending(0, true, in: &image)
    msi.settle(in: &image)
    #expect(!msi.isMasked(0, in: image) && !msi.isPending(0, in: image))
    #expect(image.values == before)
  }

  @Test func aCapabilityThatIsCutShortTouchesNoOther() throws {
    var fixture = ConfigSpaceFixture(size: 4096)
    fixture.link([(0x05, Self.offset), (0x09, Self.offset + 0x10)])
    fixture.put(Self.offset + 2, UInt16(0x018a))
    var image = try #require(fixture.image)
    let msi = MSICapability(in: image, at: Self.offset)
    let before = image.values
    msi.setPending(0, true, in: &image)
    msi.settle(in: &image)
    #expect(image.values == before)
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func anyBytesAreSafe(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let fixture = ConfigSpaceFixture(size: 256, random: &generator)
    var image = try #require(fixture.image)
    let msi = MSICapability(in: image, at: .random(in: 0..<256, using: &generator))
    msi.settle(in: &image)
    for vector in 0..<32 {
      #expect(msi.data(of: vector, in: image) <= 0xffff)
      if msi.isMasked(vector, in: image) { msi.setPending(vector, true, in: &image) }
    }
    #expect((1...32).contains(msi.enabledCount(in: image)))
  }

  @Test func aRelocatedTableIsWhereTheRegistersSay() throws {
    var fixture = ConfigSpaceFixture(size: 256)
    fixture.link([(0x11, 0x70)])
    fixture.put(0x72, UInt16(4))
    fixture.put(0x74, UInt32(0x3))
    fixture.put(0x78, UInt32(0x2003))
    var image = try #require(fixture.image)
    let capability = MSIXCapability(at: 0x70)
    let registers = MSIXCapability.Registers(
      vectorCount: 5, tableBAR: 4, tableOffset: 0x8000, pendingBAR: 4, pendingOffset: 0x8050)
    capability.emulate(in: &image, relocated: registers)
    #expect(image.read(offset: 0x74, length: 4) == 0x8004)
    #expect(image.read(offset: 0x78, length: 4) == 0x8054)
    image.write(offset: 0x72, length: 2, value: 0xffff)
    #expect(image.read(offset: 0x72, length: 2) == 0xc004)
    #expect(capability.isEnabled(in: image) && capability.isFunctionMasked(in: image))
    image.write(offset: 0x74, length: 4, value: 0)
    #expect(image.read(offset: 0x74, length: 4) == 0x8004)
    #expect(registers.pendingLength == 8 && registers.tableLength == 0x50)
  }
}
