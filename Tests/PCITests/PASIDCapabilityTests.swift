import PCI
import TestSupport
import Testing

@Suite struct PASIDCapabilityTests {
  typealias Refusal = ExtendedCapabilityPlacement.Refusal

  /// AER, serial number, ARI, SR-IOV, ATS: a network adapter's chain.
  private static let adapter: [(id: UInt16, version: UInt8, offset: Int)] = [
    (0x01, 2, 0x100), (0x03, 1, 0x148), (0x0e, 1, 0x158), (0x10, 1, 0x160), (0x0f, 1, 0x1a0),
  ]

  /// The guest's copy of a host, and a place for the capability in it.
  private func place(
    _ place: ExtendedCapabilityPlacement.Place, _ fixture: ConfigSpaceFixture,
    width: Int = 20, exec: Bool = true, privileged: Bool = false
  ) throws -> (image: ConfigImage, offset: Int) {
    var image = try #require(fixture.image)
    CapabilityChainPlan.extended(CapabilityWalk.extended(in: fixture.bytes)) {
      !$0.id.isAlwaysHidden
    }.apply(to: &image)
    let capability = try #require(
      PASIDCapability(width: width, exec: exec, privileged: privileged))
    let plan = try capability.plan(at: place, in: image, host: fixture.bytes)
    image.apply(plan.edits)
    return (image, plan.offset)
  }

  private func fixture(_ chain: [(id: UInt16, version: UInt8, offset: Int)]) -> ConfigSpaceFixture {
    var fixture = ConfigSpaceFixture(size: 4096)
    fixture.linkExtended(chain)
    return fixture
  }

  @Test func `Without a wish it goes to the last eight bytes and behind all others`() throws {
    let (image, offset) = try place(.auto, fixture(Self.adapter))
    #expect(offset == 0xff8)
    let walk = CapabilityWalk.extended(in: image.values)
    #expect(walk.problem == nil)
    #expect(walk.capabilities.map(\.offset) == [0x100, 0x148, 0x1a0, 0xff8])
    #expect(walk.capabilities.last?.id == .pasid)
    #expect(walk.capabilities.last?.version == 1)
  }

  @Test func `An offset that was asked for is linked between its neighbours`() throws {
    let (image, offset) = try place(.at(0x150 + 4), fixture(Self.adapter.filter { $0.id != 0x0e }))
    #expect(offset == 0x154)
    #expect(
      CapabilityWalk.extended(in: image.values).capabilities.map(\.offset)
        == [0x100, 0x148, 0x154, 0x1a0])
  }

  @Test(
    arguments: [
      (20, true, true, 0x1406, 7), (16, true, false, 0x1002, 3), (1, false, true, 0x0104, 5),
      (20, false, false, 0x1400, 1),
    ] as [(Int, Bool, Bool, UInt32, UInt32)])
  func `Capability bits are read-only and control bits are the guest's where offered`(
    width: Int, exec: Bool, privileged: Bool, capabilities: UInt32, control: UInt32
  ) throws {
    var (image, offset) = try place(
      .auto, fixture(Self.adapter), width: width, exec: exec, privileged: privileged)
    #expect(image.isFullyEmulated(offset: offset, length: 4))
    #expect(image.isFullyEmulated(offset: offset + 4, length: 4))
    #expect(image.read(offset: offset + 4, length: 4) == capabilities)
    let header = image.read(offset: offset, length: 4)
    image.write(offset: offset, length: 4, value: .max)
    image.write(offset: offset + 4, length: 4, value: .max)
    #expect(image.read(offset: offset, length: 4) == header)
    #expect(image.read(offset: offset + 4, length: 2) == capabilities)
    #expect(image.read(offset: offset + 6, length: 2) == control)
    image.write(offset: offset + 6, length: 2, value: 0)
    #expect(image.read(offset: offset + 6, length: 2) == 0)
  }

  @Test(arguments: [0, 21, -1])
  func `There is no capability of a width that PCI does not have`(width: Int) {
    #expect(PASIDCapability(width: width, exec: false, privileged: false) == nil)
  }

  @Test func `With every other capability hidden the chain still leads to it`() throws {
    let (image, offset) = try place(.auto, fixture([(0x0e, 1, 0x100), (0x10, 1, 0x140)]))
    let walk = CapabilityWalk.extended(in: image.values)
    #expect(walk.capabilities.map(\.offset) == [0x100, offset])
    #expect(walk.capabilities.map(\.id) == [.null, .pasid])
  }

  @Test func `Bytes that are not 0 on the host are not free without a wish`() throws {
    var fixture = fixture(Self.adapter)
    fixture.put(0xffc, UInt32(1))
    fixture.put(0xff0, UInt32(1))
    #expect(try place(.auto, fixture).offset == 0xff4)
    fixture.put(0xff4, UInt32(1))
    #expect(try place(.auto, fixture).offset == 0xfe8)
  }

  @Test func `A body at the end of the space moves it below`() throws {
    var fixture = ConfigSpaceFixture(size: 4096)
    fixture.linkExtended([(0x01, 2, 0x100), (0x0b, 1, 0xff0)])
    fixture.put(0xff4, UInt32(0x10 << 20))
    #expect(try place(.auto, fixture).offset == 0xfe8)
  }

  @Test func `A capability of unknown length holds all bytes up to the next`() throws {
    let chain: [(id: UInt16, version: UInt8, offset: Int)] = [(0x01, 2, 0x100), (0x99, 1, 0x200)]
    #expect(try place(.auto, fixture(chain)).offset == 0x1f8)
    #expect(throws: Refusal.taken(0xff8, by: .init(rawValue: 0x99), at: 0x200)) {
      try place(.at(0xff8), fixture(chain))
    }
  }

  /// What the asked offset falls into: lengths of PCIe 6.0, 7.7 to 7.9.
  @Test(
    arguments: [
      (0x01, 0, 0, 0x48), (0x03, 0, 0, 0x0c), (0x0e, 0, 0, 8), (0x0f, 0, 0, 8), (0x10, 0, 0, 0x40),
      (0x13, 0, 0, 0x10), (0x18, 0, 0, 8), (0x1f, 0, 0, 0x0c), (0x0b, 0x28 << 20, 0, 0x28),
      (0x23, 0x3c << 20, 0, 0x3c), (0x0d, 0, 0, 8), (0x0d, 0x20 | 33 << 8, 0, 0x10),
      (0x0d, 0x20, 0, 0x28), (0x15, 0, 3 << 5, 0x1c), (0x02, 0, 0, 0x1c), (0x02, 2, 0, 0x34),
      (0x05, 2 << 8, 0, 0x30), (0x16, 5, 0, 0x18), (0x17, 1 << 9 | 7 << 16, 0, 0x1c),
      (0x17, 0, 0, 0x0c),
    ] as [(UInt16, UInt32, UInt32, Int)])
  func `The whole body of a neighbour is taken and the dword after it is free`(
    id: UInt16, second: UInt32, third: UInt32, length: Int
  ) throws {
    var fixture = fixture([(0x03, 1, 0x100), (id == 3 ? 0x0f : id, 1, 0x200)])
    if id == 3 { fixture.linkExtended([(0x0f, 1, 0x100), (3, 1, 0x200)]) }
    fixture.put(0x204, second)
    fixture.put(0x208, third)
    for offset in stride(from: 0x1fc, to: 0x200 + length, by: 4) {
      #expect(throws: Refusal.taken(offset, by: .init(rawValue: id), at: 0x200)) {
        try place(.at(offset), fixture)
      }
    }
    #expect(try place(.at(0x200 + length), fixture).offset == 0x200 + length)
    #expect(try place(.at(0x1f8), fixture).offset == 0x1f8)
  }

  @Test(arguments: [0x103, 0xfc, 0, 0xffc, 0x1000, -8, Int.max, Int.min])
  func `An offset where no capability can be is refused`(offset: Int) {
    #expect(throws: Refusal.badOffset(offset)) { try place(.at(offset), fixture(Self.adapter)) }
  }

  @Test(arguments: [0x100, 0x144, 0x148, 0x150, 0x158, 0x160, 0x19c, 0x1a4])
  func `An offset inside a capability is refused, a hidden one's too`(offset: Int) {
    #expect {
      try place(.at(offset), fixture(Self.adapter))
    } throws: { error in
      guard case .taken(offset, _, _)? = error as? Refusal else { return false }
      return true
    }
  }

  @Test func `Damaged chains are refused with the reason`() throws {
    var loop = fixture(Self.adapter)
    loop.put(0x1a0, UInt32(0x148 << 20 | 1 << 16 | 0xf))
    #expect(throws: Refusal.damaged(.loop(at: 0x148))) { try place(.auto, loop) }
    #expect(throws: Refusal.headerAtEnd) {
      try place(.auto, fixture(Self.adapter + [(0x0b, 1, 0xffc)]))
    }
    var outside = fixture(Self.adapter)
    outside.put(0x1a0, UInt32(0x040 << 20 | 1 << 16 | 0xf))
    #expect(throws: Refusal.damaged(.outside(at: 0x40))) { try place(.auto, outside) }
    var ones = fixture(Self.adapter)
    ones.put(0x1a0, UInt32(0x400 << 20 | 1 << 16 | 0xf))
    ones.put(0x400, UInt32.max)
    #expect(throws: Refusal.damaged(.allOnes(at: 0x400))) { try place(.auto, ones) }
    #expect(throws: Refusal.noExtendedSpace) { try place(.auto, ConfigSpaceFixture(size: 256)) }
    #expect(throws: Refusal.alreadyPresent(at: 0x200)) {
      try place(.auto, fixture([(0x01, 2, 0x100), (0x1b, 1, 0x200)]))
    }
  }

  @Test func `A chain without anything begins with it`() throws {
    for place in [ExtendedCapabilityPlacement.Place.auto, .at(0x100)] {
      let (image, offset) = try self.place(place, ConfigSpaceFixture(size: 4096))
      #expect(offset == 0x100)
      #expect(image.read(offset: 0x100, length: 4) == 0x0001_001b)
      #expect(CapabilityWalk.extended(in: image.values).capabilities.map(\.offset) == [0x100])
    }
  }

  /// The kernel hides the header of a capability at 0x100, not what follows it.
  @Test func `A start that is not free leads on to it`() throws {
    var fixture = ConfigSpaceFixture(size: 4096)
    fixture.put(0x104, UInt32(0x0007_1406))
    for place in [ExtendedCapabilityPlacement.Place.auto, .at(0xff8)] {
      let (image, offset) = try self.place(place, fixture)
      #expect(offset == 0xff8)
      #expect(image.read(offset: 0x100, length: 4) == 0xff80_0000)
      #expect(image.isFullyEmulated(offset: 0x100, length: 4))
      #expect(
        CapabilityWalk.extended(in: image.values).capabilities.map(\.id) == [.null, .pasid])
    }
    #expect(try self.place(.at(0x100), fixture).offset == 0x100)
    #expect(try self.place(.at(0x104), fixture).offset == 0x104)
  }

  @Test func `A visible one of the host is dropped and its bytes are not used again`() throws {
    let host = fixture([(0x1b, 1, 0x100), (0x0f, 1, 0x108)])
    var image = try #require(host.image)
    CapabilityChainPlan.extended(CapabilityWalk.extended(in: host.bytes)) { $0.id != .pasid }
      .apply(to: &image)
    let capability = try #require(PASIDCapability(width: 5, exec: false, privileged: false))
    let bare = image
    let plan = try capability.plan(at: .auto, in: image, host: host.bytes)
    image.apply(plan.edits)
    #expect(plan.offset == 0xff8)
    #expect(
      CapabilityWalk.extended(in: image.values).capabilities.map(\.id) == [.null, .ats, .pasid])
    #expect(throws: Refusal.taken(0x104, by: .pasid, at: 0x100)) {
      try capability.plan(at: .at(0x104), in: bare, host: host.bytes)
    }
  }

  @Test func `A full space is refused`() {
    let full = (0..<0x1e0).map {
      (id: UInt16(0x0f), version: UInt8(1), offset: 0x100 + 8 * $0)
    }
    #expect(throws: Refusal.noRoom) { try place(.auto, fixture(full)) }
    #expect(throws: Refusal.noRoom) { try place(.auto, fixture([(0x99, 1, 0x100)])) }
  }
}
