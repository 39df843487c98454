import PCI
import TestSupport
import Testing
import VFIO

@testable import Passthrough

@Suite struct MSIXTableTests {
  private func layout(entries: Int, tableOffset: UInt64 = 0) -> MSIXCapability.Registers {
    MSIXCapability.Registers(
      control: UInt16(entries - 1), table: UInt32(tableOffset) | 3, pending: 0x1003)
  }

  private typealias Area = RegionInfo.Area

  @Test(
    arguments: [
      // At the start, in the middle, at the end.
      (129, 0, 0x8000, [Area(offset: 0x1000, size: 0x7000)]),
      (5, 0x2000, 0x8000, [Area(offset: 0, size: 0x2000), Area(offset: 0x3000, size: 0x5000)]),
      (5, 0x7000, 0x8000, [Area(offset: 0, size: 0x7000)]),
      // The table's pages go whole, wherever it lies in them, as many as it needs.
      (5, 0x2f00, 0x8000, [Area(offset: 0, size: 0x2000), Area(offset: 0x3000, size: 0x5000)]),
      (17, 0x2f00, 0x8000, [Area(offset: 0, size: 0x2000), Area(offset: 0x4000, size: 0x4000)]),
      (256, 0x2000, 0x8000, [Area(offset: 0, size: 0x2000), Area(offset: 0x3000, size: 0x5000)]),
      (2048, 0x4000, 0x10000, [Area(offset: 0, size: 0x4000), Area(offset: 0xc000, size: 0x4000)]),
      // Nothing is left.
      (16, 0, 0x1000, []), (2048, 0, 0x8000, []), (1, 0x40, 0x80, []),
      // A table that would reach over the end.
      (2048, 0x6000, 0x8000, [Area(offset: 0, size: 0x6000)]),
      // A table outside.
      (1, 0x8000, 0x8000, nil), (1, 0xffff_fff8, 0x8000, nil), (1, 0, 0, nil),
    ] as [(Int, UInt64, UInt64, [RegionInfo.Area]?)])
  func thePagesOfTheTableAreCutOut(
    _ entries: Int, _ offset: UInt64, _ size: UInt64, _ left: [RegionInfo.Area]?
  ) {
    let areas = layout(entries: entries, tableOffset: offset)
      .areasWithoutTable(of: [Area(offset: 0, size: size)], size: size)
    #expect(areas == left)
  }

  @Test func largerHostPagesGoWhole() {
    #expect(
      layout(entries: 1, tableOffset: 0x1_2000).areasWithoutTable(
        of: [Area(offset: 0, size: 0x4_0000)], size: 0x4_0000, pageSize: 0x1_0000)
        == [Area(offset: 0, size: 0x1_0000), Area(offset: 0x2_0000, size: 0x2_0000)])
  }

  @Test(arguments: [
    [], [Area(offset: 0, size: 0x4000)], [Area(offset: 0x1000, size: 0x7000)],
    [Area(offset: 0, size: 0x4000), Area(offset: 0x4000, size: 0x4000)],
  ])
  func aBARThatIsNotMappedAsOneIsLeftAsItIs(_ areas: [RegionInfo.Area]) {
    #expect(layout(entries: 5).areasWithoutTable(of: areas, size: 0x8000) == nil)
  }

  @Test(arguments: 0..<500 as Range<UInt64>)
  func piecesAndHoleCoverTheBARExactly(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let pageSize: UInt64 = [4096, 16384, 65536][Int.random(in: 0..<3, using: &generator)]
    let size = UInt64(1) << UInt64.random(in: 4...24, using: &generator)
    let tableOffset = UInt64.random(in: 0..<size / 8, using: &generator) * 8
    let layout = layout(
      entries: .random(in: 1...2048, using: &generator), tableOffset: tableOffset)
    let left = try #require(
      layout.areasWithoutTable(
        of: [Area(offset: 0, size: size)], size: size, pageSize: pageSize))
    // The hole lies between what is left before and after the table.
    let before = left.first { $0.offset == 0 }
    let after = left.first { $0.offset > 0 }
    #expect(left == [before, after].compactMap { $0 } && left.allSatisfy { $0.size > 0 })
    let hole = (before?.size ?? 0)..<(after?.offset ?? size)
    if let after { #expect(after.offset + after.size == size) }
    // It holds the table, begins and ends at a page or the BAR's end, and has no page too many.
    let table = tableOffset..<min(size, tableOffset + layout.tableLength)
    #expect(hole.lowerBound <= table.lowerBound && table.upperBound <= hole.upperBound)
    #expect(hole.lowerBound % pageSize == 0)
    #expect(hole.upperBound % pageSize == 0 || hole.upperBound == size)
    #expect(table.lowerBound - hole.lowerBound < pageSize)
    #expect(hole.upperBound - table.upperBound < pageSize)
  }

  @Test(
    arguments: [
      (0, 1), (1, 1), (2, 2), (3, 4), (4096, 4096), (4097, 8192),
      (1 << 63, 1 << 63), (1 << 63 + 1, 1 << 63), (.max, 1 << 63),
    ] as [(UInt64, UInt64)])
  func roundingUpStopsAtTheLargestPowerOfTwo(_ value: UInt64, _ rounded: UInt64) {
    #expect(value.roundedUpToPowerOfTwo == rounded)
  }

  // MARK: - The emulated table

  @Test func allEntriesAreMaskedAtFirstAndAfterAReset() {
    let table = MSIXTable(entries: 3)
    func words() -> [UInt64] { (0..<12).map { table.read(offset: $0 * 4, size: 4) } }
    let masked: [UInt64] = [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]
    #expect(words() == masked)
    for index in 0..<12 as Range<UInt64> {
      table.write(offset: index * 4, size: 4, value: 0x1111_0000 + index)
    }
    #expect(words() == (0..<12).map { 0x1111_0000 + $0 })
    table.reset()
    #expect(words() == masked)
  }

  @Test func aQuadwordIsTwoWords() {
    let table = MSIXTable(entries: 1)
    table.write(offset: 0, size: 8, value: 0x1122_3344_5566_7788)
    #expect(table.read(offset: 0, size: 4) == 0x5566_7788)
    #expect(table.read(offset: 4, size: 4) == 0x1122_3344)
    #expect(table.read(offset: 0, size: 8) == 0x1122_3344_5566_7788)
    table.write(offset: 12, size: 8, value: 0x1_0000_0000)
    #expect(table.read(offset: 12, size: 8) == 0)
  }

  @Test(arguments: [(0, 1), (0, 2), (1, 4), (2, 4), (4, 1)] as [(UInt64, Int)])
  func narrowOrUnalignedWritesAreDropped(_ offset: UInt64, _ size: Int) {
    let table = MSIXTable(entries: 1)
    table.write(offset: offset, size: size, value: .max)
    #expect((0..<4).map { table.read(offset: $0 * 4, size: 4) } == [0, 0, 0, 1])
  }

  @Test(arguments: [32, 33, 1 << 40, UInt64.max])
  func outsideTheTableIsNothing(_ offset: UInt64) {
    let table = MSIXTable(entries: 2)
    table.write(offset: offset, size: 4, value: 7)
    table.write(offset: offset, size: 8, value: 7)
    #expect(table.read(offset: offset, size: 4) == 0)
    #expect(table.read(offset: offset, size: 8) == 0)
    #expect((0..<8).map { table.read(offset: $0 * 4, size: 4) } == [0, 0, 0, 1, 0, 0, 0, 1])
  }
}
