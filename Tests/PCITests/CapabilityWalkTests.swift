import PCI
import TestSupport
import Testing

@Suite struct CapabilityWalkTests {
  @Test func `A chain is told in its own order with the room that each capability has`() {
    var fixture = ConfigSpaceFixture(size: 256)
    fixture.link([(0x01, 0xc8), (0x05, 0xd0), (0x10, 0xe0), (0x11, 0xa0)])
    let walk = CapabilityWalk.standard(in: fixture.bytes)
    #expect(walk.problem == nil)
    #expect(walk.capabilities.map(\.id) == [.powerManagement, .msi, .pcie, .msix])
    #expect(walk.capabilities.map(\.offset) == [0xc8, 0xd0, 0xe0, 0xa0])
    #expect(walk.capabilities.map(\.length) == [0x08, 0x10, 0x20, 0x28])
    #expect(walk.capabilities.map(\.next) == [0xd0, 0xe0, 0xa0, 0])
  }

  @Test func `Without the status bit or the first pointer there is no chain`() {
    var fixture = ConfigSpaceFixture(size: 256)
    fixture.link([(0x01, 0x40)])
    var bytes = fixture.bytes
    bytes[0x06] = 0xef
    #expect(CapabilityWalk.standard(in: bytes) == CapabilityWalk.standard(in: []))
    bytes = fixture.bytes
    bytes[0x34] = 0
    #expect(CapabilityWalk.standard(in: bytes) == CapabilityWalk.standard(in: []))
    #expect(CapabilityWalk.standard(in: fixture.bytes).capabilities.count == 1)
    #expect(CapabilityWalk.standard(in: []).capabilities.isEmpty)
    #expect(CapabilityWalk.standard(in: []).problem == nil)
  }

  @Test(
    arguments: [
      (0x40, .loop(at: 0x40)), (0x50, .loop(at: 0x50)), (0x3c, .outside(at: 0x3c)),
      (0x04, .outside(at: 0x04)), (0x61, .misaligned(at: 0x61)), (0xff, .misaligned(at: 0xff)),
      (0x02, .misaligned(at: 0x02)),
    ] as [(UInt8, CapabilityWalk.Problem)])
  func `A broken link ends the walk and is named`(
    link: UInt8, problem: CapabilityWalk.Problem
  ) {
    var fixture = ConfigSpaceFixture(size: 256)
    fixture.link([(0x01, 0x40), (0x05, 0x50)])
    fixture.put(0x51, link)
    let walk = CapabilityWalk.standard(in: fixture.bytes)
    #expect(walk.problem == problem)
    #expect(walk.capabilities.map(\.offset) == [0x40, 0x50])
  }

  @Test(arguments: [(0x80, 1), (0x81, 1), (0x82, 2), (0x100, 2)])
  func `A header beyond the bytes at hand is not read`(count: Int, found: Int) {
    var fixture = ConfigSpaceFixture(size: 256)
    fixture.link([(0x01, 0x40), (0x05, 0x80)])
    let walk = CapabilityWalk.standard(in: Array(fixture.bytes.prefix(count)))
    #expect(walk.capabilities.count == found)
    #expect(walk.problem == (found == 1 ? .truncated(at: 0x80) : nil))
  }

  @Test func `An extended chain is told in its own order with versions and room`() {
    var fixture = ConfigSpaceFixture(size: 4096)
    fixture.linkExtended([(0x0001, 2, 0x100), (0x000e, 15, 0x1a0), (0x0010, 1, 0x150)])
    let walk = CapabilityWalk.extended(in: fixture.bytes)
    #expect(walk.problem == nil)
    #expect(walk.capabilities.map(\.id) == [0x1, 0xe, 0x10].map(ExtendedCapabilityID.init))
    #expect(walk.capabilities.map(\.version) == [2, 15, 1])
    #expect(walk.capabilities.map(\.offset) == [0x100, 0x1a0, 0x150])
    #expect(walk.capabilities.map(\.length) == [0x50, 0xe60, 0x50])
    #expect(walk.capabilities.map(\.next) == [0x1a0, 0x150, 0])
  }

  @Test func `A first header of 0 is no chain, a later one is a capability with id 0`() {
    var fixture = ConfigSpaceFixture(size: 4096)
    #expect(CapabilityWalk.extended(in: fixture.bytes).capabilities.isEmpty)
    fixture.linkExtended([(0x0001, 2, 0x100), (0, 0, 0x140)])
    let walk = CapabilityWalk.extended(in: fixture.bytes)
    #expect(walk.capabilities.map(\.id) == [0x1, 0x0].map(ExtendedCapabilityID.init))
    fixture.linkExtended([(0, 0, 0x100), (0x000d, 1, 0x140)])
    #expect(
      CapabilityWalk.extended(in: fixture.bytes).capabilities.map(\.id)
        == [0x0, 0xd].map(ExtendedCapabilityID.init))
  }

  @Test(
    arguments: [
      (0x1400_0000, .loop(at: 0x140)), (0x1000_0000, .loop(at: 0x100)),
      (0x0400_0000, .outside(at: 0x040)), (0x2020_0000, .misaligned(at: 0x202)),
      (0xffc0_0000, .allOnes(at: 0xffc)), (0xffff_ffff, .allOnes(at: 0x140)),
    ] as [(UInt32, CapabilityWalk.Problem)])
  func `A broken extended link ends the walk and is named`(
    header: UInt32, problem: CapabilityWalk.Problem
  ) {
    var fixture = ConfigSpaceFixture(size: 4096)
    fixture.linkExtended([(0x0001, 2, 0x100), (0x0003, 1, 0x140)])
    fixture.put(0xffc, UInt32.max)
    fixture.put(0x140, header | 0x1_0003)
    let walk = CapabilityWalk.extended(in: fixture.bytes)
    #expect(walk.problem == problem)
    #expect(walk.capabilities.map(\.offset) == (header == .max ? [0x100] : [0x100, 0x140]))
  }

  @Test(arguments: [(0x100, 0), (0x103, 0), (0x104, 1), (0x143, 1), (0x144, 2)])
  func `An extended header beyond the bytes at hand is not read`(count: Int, found: Int) {
    var fixture = ConfigSpaceFixture(size: 4096)
    fixture.linkExtended([(0x0001, 2, 0x100), (0x0003, 1, 0x140)])
    let walk = CapabilityWalk.extended(in: Array(fixture.bytes.prefix(count)))
    #expect(walk.capabilities.count == found)
    #expect(walk.problem == (found == 1 ? .truncated(at: 0x140) : nil))
  }

  @Test(arguments: [UInt8.min, .max])
  func `A space of one value has no capabilities`(byte: UInt8) {
    let bytes = [UInt8](repeating: byte, count: 4096)
    #expect(CapabilityWalk.standard(in: bytes).capabilities.isEmpty)
    #expect(CapabilityWalk.extended(in: bytes).capabilities.isEmpty)
    let problem: CapabilityWalk.Problem? = byte == 0 ? nil : .misaligned(at: 0xff)
    #expect(CapabilityWalk.standard(in: bytes).problem == problem)
    #expect(CapabilityWalk.extended(in: bytes).problem == (byte == 0 ? nil : .allOnes(at: 0x100)))
  }

  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func `Walks over random bytes end, stay inside, and come by no place twice`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<25 {
      let size =
        [256, 4096, Int.random(in: 0...4096, using: &generator)].randomElement(
          using: &generator) ?? 0
      var bytes = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
      // Aligned links make long chains likely.
      if Bool.random(using: &generator) { for place in bytes.indices { bytes[place] &= 0xfc } }
      if size > 6 { bytes[0x06] |= 0x10 }

      let standard = CapabilityWalk.standard(in: bytes).capabilities
      #expect(Set(standard.map(\.offset)).count == standard.count)
      for capability in standard {
        #expect(capability.offset >= 0x40 && capability.offset + 2 <= min(size, 0x100))
        #expect(capability.length >= 4 && capability.offset + capability.length <= 0x100)
        let inside = capability.offset + 1..<capability.offset + capability.length
        #expect(!standard.contains { inside.contains($0.offset) })
      }
      let extended = CapabilityWalk.extended(in: bytes).capabilities
      #expect(Set(extended.map(\.offset)).count == extended.count)
      for capability in extended {
        #expect(capability.offset >= 0x100 && capability.offset + 4 <= size)
        #expect(capability.length >= 4 && capability.offset + capability.length <= 0x1000)
        let inside = capability.offset + 1..<capability.offset + capability.length
        #expect(!extended.contains { inside.contains($0.offset) })
      }
    }
  }

  @Test func `The longest chains are walked to their end`() {
    var fixture = ConfigSpaceFixture(size: 4096)
    fixture.link((0x10..<0x40).reversed().map { (0x09, $0 * 4) })
    fixture.linkExtended((0x40..<0x400).map { (0x000b, 1, $0 * 4) })
    let standard = CapabilityWalk.standard(in: fixture.bytes)
    #expect(standard.capabilities.count == 48)
    #expect(standard.problem == nil)
    let extended = CapabilityWalk.extended(in: fixture.bytes)
    #expect(extended.capabilities.count == 960)
    #expect(extended.problem == nil)
  }
}
