import PCI
import Testing

@Suite struct ResizableBARCapabilityTests {
  /// A capability at 0x200 with one pair of registers for each size field, and what follows it.
  private func capability(
    sizes: [UInt32], count: UInt32? = nil, end: Int = 0x300
  ) throws -> (ResizableBARCapability, ConfigImage) {
    var fixture = ConfigSpaceFixture(size: 4096)
    fixture.linkExtended([(0x0001, 2, 0x100), (0x0015, 1, 0x200), (0x0003, 1, end)])
    for (index, size) in sizes.enumerated() {
      let offset = 0x204 + 8 * index
      fixture.put(offset, UInt32(0x00ff_fff0))
      let field = (count ?? UInt32(sizes.count)) << 5
      fixture.put(offset + 4, UInt32(0xffff_0000) | size << 8 | field | UInt32(index))
    }
    let image = try #require(fixture.image)
    let found = try #require(
      CapabilityWalk.extended(in: fixture.bytes).capabilities.first { $0.id == .resizableBAR })
    return (ResizableBARCapability(in: image, found), image)
  }

  @Test func `Each BAR is left with its current size and a read-only control register`() throws {
    var (capability, image) = try capability(sizes: [0, 8, 19])
    image.apply(try #require(capability.edits))
    let expected: [(UInt32, UInt32)] = [
      (0x10, 0x0060), (0x1000, 0x0861), (0x0080_0000, 0x1362),
    ]
    for (index, (sizes, control)) in expected.enumerated() {
      let offset = 0x204 + 8 * index
      #expect(image.read(offset: offset, length: 4) == sizes)
      #expect(image.read(offset: offset + 4, length: 4) == control)
      #expect(image.isFullyEmulated(offset: offset, length: 4))
      #expect(image.isFullyEmulated(offset: offset + 4, length: 4))
    }
    let before = image.values
    for offset in stride(from: 0x200, to: 0x220, by: 4) {
      image.write(offset: offset, length: 4, value: .max)
    }
    #expect(image.values == before)
  }

  @Test(arguments: [20, 27, 63] as [UInt32])
  func `A current size that cannot be told hides the capability`(size: UInt32) throws {
    #expect(try capability(sizes: [3, size]).0.edits == nil)
  }

  @Test func `More BARs than fit before the next capability are not believed`() throws {
    let edits = try #require(try capability(sizes: [1, 1], count: 7, end: 0x214).0.edits)
    #expect(edits.map(\.offset) == [0x204, 0x208, 0x20c, 0x210])
  }
}
