import PCI
import Testing

@Suite struct ConfigImageTests {
  @Test(arguments: [(256, 256), (257, 4096), (4095, 4096), (4096, 4096), (5000, 4096)])
  func `A space is conventional or express`(count: Int, size: Int) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 16) }
    let image = ConfigImage(hostBytes: bytes)
    #expect(image?.size == size)
    #expect(image?.values == Array((bytes + [UInt8](repeating: 0, count: 4096)).prefix(size)))
  }

  @Test(arguments: [0, 64, 255])
  func `Fewer than 256 bytes are no config space`(count: Int) {
    #expect(ConfigImage(hostBytes: [UInt8](repeating: 0, count: count)) == nil)
  }

  @Test func `Numbers are little endian at any alignment`() throws {
    var image = try #require(ConfigSpaceFixture(size: 256).image)
    image.set(0x41, UInt32(0x1234_5678))
    #expect(image.read(offset: 0x41, length: 4) == 0x1234_5678)
    #expect(image.read(offset: 0x42, length: 2) == 0x3456)
    #expect(image.read(offset: 0x44, length: 1) == 0x12)
    image.set(0x42, UInt16(0xabcd))
    #expect(image.read(offset: 0x40, length: 4) == 0xabcd_7800)
    image.set(0x42, UInt8(0xee))
    #expect(image.byte(at: 0x42) == 0xee)
  }

  @Test(arguments: [256, 4096])
  func `Bytes outside read as ones and count as ours`(size: Int) throws {
    let image = try #require(ConfigSpaceFixture(size: size).image)
    #expect(image.read(offset: size - 1, length: 4) == 0xffff_ff00)
    #expect(image.read(offset: size, length: 2) == 0xffff)
    #expect(image.read(offset: -2, length: 4) == 0xffff)
    #expect(image.mergedRead(offset: size - 1, length: 4, host: 0x5a) == 0xffff_ff5a)
    #expect(image.isFullyEmulated(offset: size, length: 4))
    #expect(!image.isFullyEmulated(offset: size - 1, length: 4))
    #expect(image.byte(at: size) == 0xff)
    #expect(image.byte(at: .min) == 0xff)
  }

  @Test(arguments: [Int.min, -1, 0, 255, 256, 4095, 4096, .max], [Int.min, -1, 0, 3, 5, .max])
  func `Set-up at any offset and of any length is safe`(offset: Int, count: Int) throws {
    var image = try #require(ConfigSpaceFixture(size: 256).image)
    image.set(offset, UInt32.max)
    image.emulate(offset, mask: UInt32.max)
    image.emulate(offset, count: count)
    image.makeWritable(offset, mask: UInt32.max)
    image.makeClearOnWrite(offset, mask: UInt32.max)
    image.makeReadOnly(offset, mask: UInt32.max)
    image.apply(ConfigEdit(offset: offset, value: .max, mask: .max, writable: .max))
    image.write(offset: offset, length: count, value: 0)
    #expect(image.size == 256)
    #expect(image.values.count == 256)
  }

  @Test func `A read takes our bits from the copy and the others from the host`() throws {
    var image = try #require(ConfigSpaceFixture(size: 256).image)
    image.set(0x04, UInt32(0x0010_0000))
    image.emulate(0x06, mask: UInt16(0x0010))
    #expect(image.mergedRead(offset: 0x04, length: 4, host: 0x0280_0147) == 0x0290_0147)
    #expect(image.mergedRead(offset: 0x06, length: 2, host: 0xffff_ffef) == 0xffff)
    #expect(image.mergedRead(offset: 0x06, length: 1, host: 0) == 0x10)
    #expect(image.mergedRead(offset: 0x08, length: 1, host: 0xabcd) == 0xcd)
    #expect(!image.isFullyEmulated(offset: 0x06, length: 1))
  }

  @Test func `A write of 1 clears what clears so and nothing else`() throws {
    var image = try #require(ConfigSpaceFixture(size: 256).image)
    image.makeCommandWritable()
    image.set(0x06, UInt16(0xffff))
    image.write(offset: 0x06, length: 2, value: 0x8100)
    #expect(image.read(offset: 0x06, length: 2) == 0x7eff)
    image.write(offset: 0x07, length: 1, value: 0xff)
    #expect(image.read(offset: 0x06, length: 2) == 0x06ff)
  }

  @Test func `A write beyond its length changes no more bytes`() throws {
    var image = try #require(ConfigSpaceFixture(size: 256).image)
    image.makeWritable(0x40, mask: UInt64.max)
    image.write(offset: 0x40, length: 1, value: .max)
    image.write(offset: 0x44, length: 9, value: 0x1122_3344)
    #expect(image.read(offset: 0x40, length: 4) == 0xff)
    #expect(image.read(offset: 0x44, length: 4) == 0x1122_3344)
    #expect(image.read(offset: 0x48, length: 4) == 0)
  }

  @Test func `An edit replaces what its mask covers and takes it from the guest`() throws {
    var image = try #require(ConfigSpaceFixture(size: 256).image)
    image.set(0x50, UInt32(0x1234_5678))
    image.makeWritable(0x50, mask: UInt32.max)
    image.makeClearOnWrite(0x50, mask: UInt32(0xff00))
    image.apply(
      ConfigEdit(offset: 0x50, value: 0xffff_ffff, mask: 0x00ff_0f00, writable: 0xffff_0100))
    #expect(image.read(offset: 0x50, length: 4) == 0x12ff_5f78)
    #expect(image.mergedRead(offset: 0x50, length: 4, host: 0) == 0x00ff_0f00)
    #expect(Array(image.writable[0x50..<0x54]) == [0xff, 0xf1, 0xff, 0xff])
    #expect(Array(image.clearOnWrite[0x50..<0x54]) == [0, 0xf0, 0, 0])
  }

  @Test(arguments: [(0x50, 0), (0x51, 0xff), (0x53, 0xff_ffff), (0x54, 0xffff_ffff)])
  func `A clipped edit leaves the bytes from its end on alone`(end: Int, mask: UInt32) {
    let edit = ConfigEdit(offset: 0x50, value: .max, mask: .max, writable: .max)
    let expected = ConfigEdit(offset: 0x50, value: mask, mask: mask, writable: mask)
    #expect(edit.clipped(to: end) == expected)
    #expect(edit.clipped(to: 0x40).mask == 0)
    #expect(edit.clipped(to: 0x100) == edit)
  }

  @Test func `Guest accesses change bytes in place`() throws {
    var image = try #require(ConfigSpaceFixture(size: 4096).image)
    image.emulate(0, count: 4096)
    image.makeCommandWritable()
    let before = unsafe image.values.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
    image.write(offset: 0x04, length: 2, value: 0x7)
    let value = image.mergedRead(offset: 0x04, length: 2, host: 0)
    let after = unsafe image.values.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) }
    #expect(before == after)
    #expect(value == 0x7)
  }
}
