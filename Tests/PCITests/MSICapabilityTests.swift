import PCI
import Testing

@Suite struct MSICapabilityTests {
  /// Shape, and which bits a guest can write from the capability's start on.
  struct Shape: Sendable, CustomTestStringConvertible {
    var control: UInt16
    var length: Int
    var vectors: Int
    var writable: [UInt8]

    var testDescription: String { "control 0x" + String(control, radix: 16) }
  }

  static let shapes = [
    Shape(
      control: 0x0000, length: 0x0a, vectors: 1,
      writable: [0, 0, 0x71, 0, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff]),
    Shape(
      control: 0x0080, length: 0x0e, vectors: 1,
      writable: [
        0, 0, 0x71, 0, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      ]),
    Shape(
      control: 0x0104, length: 0x14, vectors: 4,
      writable: [
        0, 0, 0x71, 0, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0x0f, 0, 0, 0, 0, 0, 0, 0,
      ]),
    Shape(
      control: 0x018a, length: 0x18, vectors: 32,
      writable: [
        0, 0, 0x71, 0, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0xff,
        0xff, 0xff, 0xff, 0, 0, 0, 0,
      ]),
  ]

  private static let offset = 0x50

  private func image(control: UInt16, next: Int = 0xa0) throws -> ConfigImage {
    var fixture = ConfigSpaceFixture(size: 4096)
    for place in Self.offset..<0x80 { fixture.put(place, UInt8(0xa5)) }
    fixture.link([(0x05, Self.offset), (0x11, next)])
    fixture.put(Self.offset + 2, control)
    return try #require(fixture.image)
  }

  @Test(arguments: shapes)
  func `All of the capability becomes ours and nothing else`(shape: Shape) throws {
    var image = try image(control: shape.control | 0x671)
    let capability = MSICapability(in: image, at: Self.offset)
    #expect(capability.length == shape.length)
    #expect(capability.vectorCount == shape.vectors)
    capability.emulate(in: &image)
    let ours = image.emulated.indices.filter { image.emulated[$0] != 0 }
    #expect(ours == Array(Self.offset..<Self.offset + shape.length))
    #expect(image.isFullyEmulated(offset: Self.offset, length: 4))
    let end = Self.offset + shape.length
    #expect(Array(image.writable[Self.offset..<end]) == shape.writable)
    #expect(image.writable.filter { $0 != 0 }.count == shape.writable.filter { $0 != 0 }.count)
    #expect(image.read(offset: Self.offset, length: 4) == UInt32(shape.control) << 16 | 0xa005)
    #expect(image.values[(Self.offset + 4)..<end].allSatisfy { $0 == 0 })
  }

  @Test func `Reserved vector counts are taken as 32`() throws {
    for field in [6, 7] as [UInt16] {
      var image = try image(control: field << 1)
      let capability = MSICapability(in: image, at: Self.offset)
      #expect(capability.vectorCount == 32)
      capability.emulate(in: &image)
      #expect(image.read(offset: Self.offset + 2, length: 2) == 0x0a)
    }
  }

  @Test(arguments: [0x54, 0x58, 0x64])
  func `The next capability is not touched`(next: Int) throws {
    var image = try image(control: 0x018a, next: next)
    MSICapability(in: image, at: Self.offset).emulate(in: &image)
    let touched = image.values.indices.filter { image.emulated[$0] | image.writable[$0] != 0 }
    #expect(touched == Array(Self.offset..<next))
  }

  @Test func `A capability at the end stays out of extended space`() throws {
    var fixture = ConfigSpaceFixture(size: 4096)
    fixture.link([(0x05, 0xf4)])
    fixture.put(0xf6, UInt16(0x018a))
    fixture.put(0x100, UInt32(0x1_0001))
    var image = try #require(fixture.image)
    let capability = MSICapability(in: image, at: 0xf4)
    capability.emulate(in: &image)
    image.resetForBusReset()
    #expect(image.emulated[0x100...].allSatisfy { $0 == 0 })
    #expect(image.writable[0x100...].allSatisfy { $0 == 0 })
    #expect(image.read(offset: 0x100, length: 4) == 0x1_0001)
  }
}
