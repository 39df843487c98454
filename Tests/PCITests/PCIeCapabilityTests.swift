import PCI
import Testing

@Suite struct PCIeCapabilityTests {
  private static let offset = 0x80
  /// Link capabilities, control and status, then the second set.
  private static let linkRegisters = [0x8c, 0x90, 0xac, 0xb0]

  /// A function with a capability of a type and version, all its registers alike.
  private func fixture(
    type: UInt8, version: UInt8 = 2, next: Int = 0xc0, deviceCapabilities: UInt32 = 0
  ) -> ConfigSpaceFixture {
    var fixture = ConfigSpaceFixture(size: 4096)
    for place in Self.offset..<0xbc { fixture.put(place, UInt8(0xa5)) }
    fixture.link([(0x10, Self.offset), (0x11, next)])
    fixture.put(Self.offset + 2, UInt16(version) | UInt16(type) << 4 | 0x200)
    fixture.put(Self.offset + 4, deviceCapabilities)
    return fixture
  }

  private func shaped(
    _ fixture: ConfigSpaceFixture, _ placement: PCIeCapability.Placement
  ) throws -> (image: ConfigImage, view: [UInt8]) {
    var image = try #require(fixture.image)
    image.apply(PCIeCapability(in: image, at: Self.offset).edits(for: placement))
    return (image, image.guestView(of: fixture.bytes))
  }

  private func dword(_ view: [UInt8], _ offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(view[offset + $1]) << UInt32(8 * $1) }
  }

  @Test(arguments: 0...15 as ClosedRange<UInt8>)
  func `Endpoints of three types can be assigned`(type: UInt8) throws {
    let image = try #require(fixture(type: type).image)
    let capability = PCIeCapability(in: image, at: Self.offset)
    #expect(capability.type == type)
    #expect(capability.version == 2)
    #expect(capability.isEndpoint == [0, 1, 9].contains(type))
  }

  @Test(arguments: [(0x1000_0000, true), (0xefff_ffff, false), (0, false)] as [(UInt32, Bool)])
  func `Function level reset is bit 28 of the device capabilities`(
    register: UInt32, hasFLR: Bool
  ) throws {
    let image = try #require(fixture(type: 0, deviceCapabilities: register).image)
    #expect(PCIeCapability(in: image, at: Self.offset).hasFLR == hasFLR)
  }

  @Test(
    arguments: [
      (.rootComplex, [true, false, true]), (.behindPort, [true, true, true]),
    ] as [(PCIeCapability.Placement, [Bool])])
  func `A capability is hidden where its type does not belong`(
    placement: PCIeCapability.Placement, shown: [Bool]
  ) throws {
    for (type, isShown) in zip([0, 1, 9] as [UInt8], shown) {
      let image = try #require(fixture(type: type, version: 0).image)
      let capability = PCIeCapability(in: image, at: Self.offset)
      #expect(capability.isShown(placement) == isShown, "type \(type)")
      #expect(capability.edits(for: placement).isEmpty == !isShown, "type \(type)")
    }
  }

  @Test func `On the root complex an endpoint becomes an integrated one without links`() throws {
    let (image, view) = try shaped(fixture(type: 0), .rootComplex)
    #expect(view[0x82] == 0x92)
    #expect(view[0x83] == 0x02)
    #expect(image.emulated[0x82] == 0xf0)
    for register in Self.linkRegisters {
      #expect(dword(view, register) == 0)
      #expect(image.isFullyEmulated(offset: register, length: 4))
    }
    #expect(dword(view, 0x94) == 0xa5a5_a5a5)
    #expect(dword(view, 0xa8) == 0xa5a5_a5a5)
    #expect(dword(view, 0xb4) == 0xa5a5_a5a5)
  }

  @Test func `Behind a port an integrated endpoint becomes one with a made-up link`() throws {
    let (image, view) = try shaped(fixture(type: 9), .behindPort)
    #expect(view[0x82] == 0x02)
    #expect(dword(view, 0x8c) == 0x11)
    // Link status stays the device's.
    #expect(dword(view, 0x90) == 0xa5a5_0000)
    #expect(image.isFullyEmulated(offset: 0x90, length: 2))
    #expect(image.emulated[0x92..<0x94].allSatisfy { $0 == 0 })
    #expect(dword(view, 0xac) == 0xa5a5_a5a5)
  }

  @Test(
    arguments: [
      (0, .behindPort), (1, .behindPort), (9, .rootComplex),
    ] as [(UInt8, PCIeCapability.Placement)])
  func `A capability that fits its place is left alone`(
    type: UInt8, placement: PCIeCapability.Placement
  ) throws {
    let fixture = fixture(type: type)
    let (image, view) = try shaped(fixture, placement)
    #expect(view == fixture.bytes)
    #expect(image.emulated.allSatisfy { $0 == 0 })
  }

  @Test(arguments: [.rootComplex, .behindPort] as [PCIeCapability.Placement])
  func `Version 0 becomes 1 and the type is not disturbed`(
    placement: PCIeCapability.Placement
  ) throws {
    let (image, view) = try shaped(fixture(type: 0, version: 0), placement)
    #expect(view[0x82] == (placement == .rootComplex ? 0x91 : 0x01))
    #expect(image.emulated[0x82] & 0x0f == 0x0f)
  }

  @Test(arguments: [(0x8c, 0), (0x90, 0), (0x94, 2), (0xac, 2), (0xb0, 3), (0xc0, 4)])
  func `Registers of the next capability are never touched`(next: Int, registers: Int) throws {
    for (type, placement) in [(0, .rootComplex), (9, .behindPort)]
      as [(UInt8, PCIeCapability.Placement)]
    {
      let fixture = fixture(type: type, next: next)
      let (image, view) = try shaped(fixture, placement)
      let ours = image.emulated.indices.filter { image.emulated[$0] != 0 }
      #expect(ours.allSatisfy { $0 < next })
      #expect(Array(view[next...]) == Array(fixture.bytes[next...]))
      guard placement == .rootComplex else { continue }
      let zeroed = Self.linkRegisters.filter { $0 < next && image.emulated[$0] != 0 }
      #expect(zeroed.count == registers)
    }
  }
}
