import PCI
import TestSupport
import Testing

@Suite struct ResetTests {
  /// A function with all that a reset touches, set up as for a guest.
  private func assigned() throws -> (fixture: ConfigSpaceFixture, image: ConfigImage) {
    var fixture = ConfigSpaceFixture(size: 4096)
    fixture.put(0x00, UInt32(0x1572_8086))
    fixture.put(0x04, UInt32(0x0010_0546))
    fixture.put(0x0c, UInt8(0x10))
    fixture.put(0x3c, UInt16(0x010b))
    fixture.link([(0x01, 0x40), (0x05, 0x50), (0x11, 0x70), (0x10, 0xa0), (0x13, 0xe0)])
    fixture.put(0x44, UInt16(0x200b))
    fixture.put(0x52, UInt16(0x018b))
    fixture.put(0x72, UInt16(0x8080))
    fixture.put(0xe3, UInt8(0x03))
    var image = try #require(fixture.image)
    image.makeCommandWritable()
    BARLayout(sizes: [0x80_0000, 0, 0x20, 0x8000, 0, 0x100], dwords: [0xc, 0, 1, 0xc, 0, 1])
      .install(in: &image)
    try #require(ExpansionROMBAR(size: 0x8_0000)).install(in: &image)
    let walk = CapabilityWalk.standard(in: image.values)
    CapabilityChainPlan.standard(walk) { $0.id != .pcie }.apply(to: &image)
    MSICapability(in: image, at: 0x50).emulate(in: &image)
    MSIXCapability(at: 0x70).emulate(in: &image)
    PowerManagementCapability(in: image, at: 0x40).trackPowerState(in: &image)
    return (fixture, image)
  }

  @Test func `Each register of a guest's is as after power-on`() throws {
    var (_, image) = try assigned()
    for offset in stride(from: 0, to: 4096, by: 4) {
      image.write(offset: offset, length: 4, value: .max)
    }
    #expect(image.read(offset: 0x04, length: 2) == 0x0547)
    #expect(image.read(offset: 0x10, length: 4) == 0xff80_000c)
    #expect(image.read(offset: 0x30, length: 4) == 0xfff8_0001)
    #expect(image.read(offset: 0x44, length: 2) == 0x200b)
    #expect(image.read(offset: 0x52, length: 2) == 0x01fb)
    #expect(image.read(offset: 0x60, length: 4) == 0xffff_ffff)
    #expect(image.read(offset: 0x72, length: 2) == 0xc080)
    image.resetForBusReset()
    #expect(image.read(offset: 0x04, length: 4) == 0x0010_0040)
    #expect(image.byte(at: 0x0c) == 0)
    let registers = stride(from: 0x10, to: 0x28, by: 4).map { image.read(offset: $0, length: 4) }
    #expect(registers == [0xc, 0, 1, 0xc, 0, 1])
    #expect(image.read(offset: 0x30, length: 4) == 0)
    #expect(image.read(offset: 0x3c, length: 2) == 0x0100)
    #expect(image.read(offset: 0x44, length: 2) == 0x2008)
    #expect(image.read(offset: 0x52, length: 2) == 0x018a)
    #expect(image.values[0x54..<0x68].allSatisfy { $0 == 0 })
    #expect(image.read(offset: 0x72, length: 2) == 0x0080)
  }

  @Test func `Errors in the status register and pending bits of MSI are cleared`() throws {
    var (_, image) = try assigned()
    image.set(0x06, UInt16(0xf9b0))
    image.set(0x64, UInt32(0x8000_0001))
    image.resetForBusReset()
    #expect(image.read(offset: 0x06, length: 2) == 0x00b0)
    #expect(image.read(offset: 0x64, length: 4) == 0)
  }

  @Test(arguments: [(0x70, true), (0x70, false), (0x64, true), (0x60, true)])
  func `Pending bits are cleared only where they are MSI's and ours`(next: Int, isOurs: Bool)
    throws
  {
    var fixture = ConfigSpaceFixture(size: 256)
    fixture.put(0x64, UInt32(0xa5a5_a5a5))
    fixture.link([(0x05, 0x50), (0x09, next)])
    fixture.put(0x52, UInt16(0x018a))
    var image = try #require(fixture.image)
    if isOurs { image.emulate(0x50, count: 0x30) }
    image.resetForBusReset()
    let isCleared = isOurs && next > 0x64
    let expected = isCleared ? [0, 0, 0, 0] : Array(fixture.bytes[0x64..<0x68])
    #expect(Array(image.values[0x64..<0x68]) == expected)
  }

  @Test func `Registers between two capabilities are not MSI's`() throws {
    var (_, image) = try assigned()
    image.makeWritable(0x68, mask: UInt8(0xff))
    image.write(offset: 0x68, length: 1, value: 0x5a)
    image.resetForBusReset()
    #expect(image.byte(at: 0x68) == 0x5a)
  }

  @Test func `A capability that begins inside MSI keeps its registers`() throws {
    var fixture = ConfigSpaceFixture(size: 256)
    fixture.link([(0x05, 0x50), (0x09, 0x58)])
    fixture.put(0x52, UInt16(0x018a))
    var image = try #require(fixture.image)
    image.makeWritable(0x54, mask: UInt64.max)
    for offset in [0x54, 0x58] { image.write(offset: offset, length: 4, value: 0x5a5a_0009) }
    image.resetForBusReset()
    #expect(image.read(offset: 0x54, length: 4) == 0)
    #expect(image.read(offset: 0x58, length: 4) == 0x5a5a_0009)
  }

  @Test(arguments: 1...30 as ClosedRange<UInt64>)
  func `No write of a guest outlives a reset, and none changes what its masks do not name`(
    seed: UInt64
  ) throws {
    var generator = SeededGenerator(seed: seed)
    let (fixture, original) = try assigned()
    var expected = original
    expected.resetForBusReset()
    var image = original
    for _ in 0..<300 {
      image.write(
        offset: .random(in: -4...4100, using: &generator),
        length: .random(in: 0...5, using: &generator),
        value: .random(in: 0...(.max), using: &generator))
    }
    for place in image.values.indices {
      let fixed = ~(image.writable[place] | image.clearOnWrite[place])
      #expect(image.values[place] & fixed == original.values[place] & fixed)
    }
    image.resetForBusReset()
    #expect(image.values == expected.values)
    #expect(image.guestView(of: fixture.bytes) == expected.guestView(of: fixture.bytes))
    image.resetForBusReset()
    #expect(image.values == expected.values)
  }

  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func `A reset of random bytes changes only what a guest could`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let size = seed % 2 == 0 ? 256 : 4096
    var fixture = ConfigSpaceFixture(size: size, random: &generator)
    if seed % 3 == 0 { fixture.linkRandomly(using: &generator) }
    var image = try #require(fixture.image)
    image.makeCommandWritable()
    for capability in CapabilityWalk.standard(in: image.values).capabilities {
      switch capability.id {
      case .msi: MSICapability(in: image, at: capability.offset).emulate(in: &image)
      case .msix: MSIXCapability(at: capability.offset).emulate(in: &image)
      default: continue
      }
    }
    let before = image
    image.resetForBusReset()
    for place in image.values.indices where place != 0x0c {
      let changed = image.values[place] ^ before.values[place]
      let allowed = before.writable[place] | before.clearOnWrite[place]
      #expect(changed & ~allowed == 0, "offset \(place)")
    }
    #expect(image.byte(at: 0x0c) == 0)
    #expect(image.emulated == before.emulated)
  }

  @Test func `Power management and advanced features tell how a function resets`() throws {
    let image = try assigned().image
    let power = PowerManagementCapability(in: image, at: 0x40)
    #expect(power.keepsStateInD3hot)
    #expect(power.controlOffset == 0x44)
    #expect(power.powerState(in: image) == 3)
    #expect(AdvancedFeaturesCapability(in: image, at: 0xe0).hasFLR)
    for (bits, hasFLR) in [(0, false), (1, false), (2, false), (3, true), (0xff, true)]
      as [(UInt8, Bool)]
    {
      var other = image
      other.set(0xe3, bits)
      other.set(0x44, UInt16(bits))
      #expect(AdvancedFeaturesCapability(in: other, at: 0xe0).hasFLR == hasFLR)
      #expect(PowerManagementCapability(in: other, at: 0x40).keepsStateInD3hot == (bits == 0xff))
    }
  }

  @Test func `The tracked power state is a guest's, but reads stay the device's`() throws {
    var (fixture, image) = try assigned()
    let power = PowerManagementCapability(in: image, at: 0x40)
    image.write(offset: 0x44, length: 2, value: 0x0100)
    #expect(power.powerState(in: image) == 0)
    #expect(image.read(offset: 0x44, length: 2) == 0x2008)
    #expect(image.guestView(of: fixture.bytes)[0x44] == 0x0b)
  }
}
