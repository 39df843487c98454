import PCI
import TestSupport
import Testing

@Suite struct CapabilityChainPlanTests {
  @Test func `Kept capabilities are linked around the dropped ones`() throws {
    var fixture = ConfigSpaceFixture(size: 256)
    fixture.link([(0x01, 0xc8), (0x05, 0xd0), (0x10, 0xe0), (0x11, 0xa0)])
    var image = try #require(fixture.image)
    let walk = CapabilityWalk.standard(in: image.values)
    CapabilityChainPlan.standard(walk) { $0.id != .pcie }.apply(to: &image)
    let view = image.guestView(of: fixture.bytes)
    #expect(view[0x34] == 0xc8)
    #expect(view[0xc9] == 0xd0)
    #expect(view[0xd1] == 0xa0)
    #expect(view[0xa1] == 0)
    // The dropped one keeps its registers, its link included.
    #expect(view[0xe0] == 0x10)
    #expect(view[0xe1] == 0xa0)
  }

  @Test func `The pointer, the status bit and every link become ours`() throws {
    var fixture = ConfigSpaceFixture(size: 256)
    fixture.link([(0x01, 0x40), (0x05, 0x50)])
    var image = try #require(fixture.image)
    let walk = CapabilityWalk.standard(in: image.values)
    CapabilityChainPlan.standard(walk) { $0.id == .msi }.apply(to: &image)
    let ours = image.emulated.indices.filter { image.emulated[$0] != 0 }
    #expect(ours == [0x06, 0x34, 0x41, 0x51])
    #expect(image.emulated[0x06] == 0x10)
    for place in [0x34, 0x41, 0x51] { #expect(image.emulated[place] == 0xff) }
    #expect(image.writable.allSatisfy { $0 == 0 })
  }

  @Test func `With all dropped the pointer is 0 and the status bit stays`() throws {
    var fixture = ConfigSpaceFixture(size: 256)
    fixture.link([(0x01, 0x40), (0x05, 0x50)])
    var image = try #require(fixture.image)
    let walk = CapabilityWalk.standard(in: image.values)
    CapabilityChainPlan.standard(walk) { _ in false }.apply(to: &image)
    let view = image.guestView(of: fixture.bytes)
    #expect(view[0x34] == 0)
    #expect(view[0x06] == 0x10)
  }

  @Test func `A host without a chain is left alone`() throws {
    let image = try #require(ConfigSpaceFixture(size: 4096).image)
    let standard = CapabilityWalk.standard(in: image.values)
    #expect(CapabilityChainPlan.standard(standard) { _ in true }.edits.isEmpty)
    let extended = CapabilityWalk.extended(in: image.values)
    #expect(CapabilityChainPlan.extended(extended) { !$0.id.isAlwaysHidden }.edits.isEmpty)
  }

  @Test func `A chain that is broken at its start is cut there`() throws {
    let fixture = ConfigSpaceFixture(size: 4096)
    var bytes = fixture.bytes
    bytes[0x06] = 0x10
    bytes[0x34] = 0x20
    for place in 0x100..<0x104 { bytes[place] = 0xff }
    var image = try #require(ConfigImage(hostBytes: bytes))
    CapabilityChainPlan.standard(CapabilityWalk.standard(in: bytes)) { _ in true }.apply(to: &image)
    CapabilityChainPlan.extended(CapabilityWalk.extended(in: bytes)) { !$0.id.isAlwaysHidden }
      .apply(to: &image)
    let view = image.guestView(of: bytes)
    #expect(view[0x34] == 0)
    #expect(Array(view[0x100..<0x104]) == [0, 0, 0, 0])
  }

  @Test func `SR-IOV, ARI and blanked capabilities are dropped and the others keep their places`()
    throws
  {
    var fixture = ConfigSpaceFixture(size: 4096)
    fixture.linkExtended([
      (0x0001, 2, 0x100), (0x0003, 1, 0x140), (0x000e, 1, 0x150), (0x0010, 1, 0x160),
      (0x0017, 1, 0x1a0), (0x0000, 0, 0x1c0),
    ])
    var image = try #require(fixture.image)
    CapabilityChainPlan.extended(CapabilityWalk.extended(in: image.values)) {
      !$0.id.isAlwaysHidden
    }.apply(to: &image)
    let view = image.guestView(of: fixture.bytes)
    let walk = CapabilityWalk.extended(in: view)
    #expect(walk.capabilities.map(\.offset) == [0x100, 0x140, 0x1a0])
    #expect(walk.capabilities.map(\.version) == [2, 1, 1])
    #expect(image.read(offset: 0x100, length: 4) == 0x1402_0001)
    #expect(Array(image.emulated[0x100..<0x104]) == [0xff, 0xff, 0xff, 0xff])
    for place in [0x140, 0x150, 0x160, 0x1a0, 0x1c0] {
      #expect(Array(image.emulated[place..<place + 4]) == [0, 0, 0xf0, 0xff])
    }
    #expect(Array(view[0x160..<0x164]) == Array(fixture.bytes[0x160..<0x164]))
  }

  @Test func `A dropped first extended capability stays as a nameless start of the chain`() throws {
    var fixture = ConfigSpaceFixture(size: 4096)
    fixture.linkExtended([(0x000e, 1, 0x100), (0x0010, 1, 0x140), (0x000f, 1, 0x180)])
    var image = try #require(fixture.image)
    let walk = CapabilityWalk.extended(in: image.values)
    CapabilityChainPlan.extended(walk) { !$0.id.isAlwaysHidden }.apply(to: &image)
    #expect(image.read(offset: 0x100, length: 4) == 0x1800_0000)
    var bare = try #require(fixture.image)
    CapabilityChainPlan.extended(walk) { _ in false }.apply(to: &bare)
    #expect(bare.read(offset: 0x100, length: 4) == 0)
    #expect(bare.isFullyEmulated(offset: 0x100, length: 4))
  }

  @Test func `Fields are rewritten in kept capabilities only`() {
    var fixture = ConfigSpaceFixture(size: 4096)
    fixture.link([(0x01, 0x40), (0x05, 0x50)])
    fixture.linkExtended([(0x0001, 2, 0x100), (0x0003, 1, 0x140)])
    let standard = CapabilityChainPlan.standard(
      CapabilityWalk.standard(in: fixture.bytes), isKept: { $0.id == .msi },
      rewriting: { [ConfigEdit(offset: $0.offset + 2, value: 1, mask: 3, writable: 2)] })
    let field = ConfigEdit(offset: 0x52, value: 1, mask: 3, writable: 2)
    #expect(standard.edits.contains(field))
    #expect(!standard.edits.contains { $0.offset == 0x42 })
    let extended = CapabilityChainPlan.extended(
      CapabilityWalk.extended(in: fixture.bytes), isKept: { $0.offset != 0x100 },
      rewriting: { [ConfigEdit(offset: $0.offset + 4, value: 7, mask: .max)] })
    #expect(extended.edits.contains(ConfigEdit(offset: 0x144, value: 7, mask: .max)))
    #expect(!extended.edits.contains { $0.offset == 0x104 })
  }

  @Test(arguments: 1...60 as ClosedRange<UInt64>)
  func `A guest finds exactly the kept capabilities in the host's order`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var fixture = ConfigSpaceFixture(size: 4096, random: &generator)
    // One in three stays as random as it is.
    if seed % 3 != 0 {
      fixture.linkRandomly(using: &generator)
      fixture.linkExtendedRandomly(using: &generator)
    }
    var image = try #require(fixture.image)
    let standard = CapabilityWalk.standard(in: fixture.bytes)
    let extended = CapabilityWalk.extended(in: fixture.bytes)
    let hidden = Set(
      (standard.capabilities.map(\.offset) + extended.capabilities.map(\.offset)).filter { _ in
        Bool.random(using: &generator)
      })
    CapabilityChainPlan.standard(standard) { !hidden.contains($0.offset) }.apply(to: &image)
    CapabilityChainPlan.extended(extended) { !hidden.contains($0.offset) && $0.id != .null }
      .apply(to: &image)
    let view = image.guestView(of: fixture.bytes)

    let seenStandard = CapabilityWalk.standard(in: view)
    let keptStandard = standard.capabilities.filter { !hidden.contains($0.offset) }
    #expect(seenStandard.problem == nil)
    #expect(seenStandard.capabilities.map(\.offset) == keptStandard.map(\.offset))
    #expect(seenStandard.capabilities.map(\.id) == keptStandard.map(\.id))

    let seenExtended = CapabilityWalk.extended(in: view)
    let keptExtended = extended.capabilities.filter {
      !hidden.contains($0.offset) && $0.id != .null
    }
    let named = seenExtended.capabilities.filter { $0.id != .null }
    #expect(seenExtended.problem == nil)
    #expect(named.map(\.offset) == keptExtended.map(\.offset))
    #expect(named.map(\.id) == keptExtended.map(\.id))
    #expect(named.map(\.version) == keptExtended.map(\.version))
    #expect(seenExtended.capabilities.dropFirst().allSatisfy { $0.id != .null })

    // Nothing else has changed, and a guest cannot change the chain.
    let changed = view.indices.filter { view[$0] != fixture.bytes[$0] }
    let links =
      [0x06, 0x34] + standard.capabilities.map { $0.offset + 1 } + Array(0x100..<0x104)
      + extended.capabilities.flatMap { [$0.offset + 2, $0.offset + 3] }
    #expect(Set(changed).subtracting(links).isEmpty)
    for offset in stride(from: 0, to: 4096, by: 4) {
      image.write(offset: offset, length: 4, value: .random(in: 0...(.max), using: &generator))
    }
    #expect(image.guestView(of: fixture.bytes) == view)
  }
}
