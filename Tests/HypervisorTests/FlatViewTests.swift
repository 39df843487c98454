import Hypervisor
import TestSupport
import Testing

@Suite struct FlatViewTests {
  /// A section as text: addresses in hexadecimal, both included, region and offset in it.
  private func describe(_ view: FlatView) -> [String] {
    view.sections.map { section in
      let range = [section.start, section.last].map { String($0, radix: 16) }
      return "\(range[0])-\(range[1]) \(section.name)+\(String(section.offsetInRegion, radix: 16))"
    }
  }

  private func placed(
    _ id: UInt64, _ name: String, _ base: UInt64, _ size: UInt64, priority: Int = 0,
    over parent: UInt64? = nil, isEnabled: Bool = true, order: UInt64? = nil
  ) -> PlacedRegion {
    PlacedRegion(
      id: RegionID(rawValue: id), parent: parent.map { RegionID(rawValue: $0) }, order: order ?? id,
      region: MemoryRegion(
        name: name, base: base, size: size, priority: priority, kind: .ram(hostAddress: 0x1000),
        isEnabled: isEnabled))
  }

  @Test func aHigherPrioritySplitsTheRegionUnderIt() {
    let view = FlatView.make([
      placed(1, "ram", 0, 0x10_0000), placed(2, "vga", 0xa_0000, 0x2_0000, priority: 1),
    ])
    #expect(describe(view) == ["0-9ffff ram+0", "a0000-bffff vga+0", "c0000-fffff ram+c0000"])
  }

  @Test func aLowerPriorityShowsOnlyWhereNothingElseIs() {
    let view = FlatView.make([
      placed(1, "ram", 0x1000, 0x1000), placed(2, "bar", 0, 0x4000, priority: -1),
    ])
    #expect(describe(view) == ["0-fff bar+0", "1000-1fff ram+0", "2000-3fff bar+2000"])
  }

  @Test func amongEqualPrioritiesTheLastPlacedWins() {
    let first = placed(1, "first", 0, 0x2000, order: 7)
    let second = placed(2, "second", 0x1000, 0x2000, order: 6)
    #expect(
      describe(FlatView.make([second, first])) == ["0-1fff first+0", "2000-2fff second+1000"])
  }

  @Test func aRegionOverAnotherMovesWithItAndIsCutToItsBounds() {
    let view = FlatView.make([
      placed(1, "bar", 0x8000, 0x4000),
      placed(2, "mmap", 0x1000, 0x8000, over: 1),
      placed(3, "table", 0x2000, 0x50, priority: 1, over: 1),
    ])
    #expect(
      describe(view) == [
        "8000-8fff bar+0", "9000-9fff mmap+0", "a000-a04f table+0", "a050-bfff mmap+1050",
      ])
  }

  @Test func aPriorityCountsAmongSiblingsOnly() {
    let view = FlatView.make([
      placed(1, "low", 0, 0x1000), placed(2, "over low", 0, 0x1000, priority: 9, over: 1),
      placed(3, "high", 0, 0x1000, priority: 1),
    ])
    #expect(describe(view) == ["0-fff high+0"])
  }

  @Test func whatIsDisabledOrOverTheDisabledIsNowhere() {
    let view = FlatView.make([
      placed(1, "bar", 0x8000, 0x4000, isEnabled: false), placed(2, "mmap", 0, 0x1000, over: 1),
      placed(3, "orphan", 0, 0x1000, over: 99), placed(4, "empty", 0, 0),
    ])
    #expect(describe(view) == [])
  }

  @Test func whatLiesBeyondTheLastAddressIsCutOff() {
    let view = FlatView.make([
      placed(1, "top", .max - 0xfff, 0x4000), placed(2, "over", 0x2000, 0x1000, over: 1),
      placed(3, "wrapping", 0x4000, 0x1000, over: 1),
    ])
    #expect(describe(view) == ["fffffffffffff000-ffffffffffffffff top+0"])
    #expect(view.sections.first?.size == 0x1000)
  }

  // MARK: - Properties

  /// Regions on 64 pages, some over others, from one seed.
  private func randomRegions(_ generator: inout SeededGenerator) -> [PlacedRegion] {
    let count = UInt64.random(in: 0...12, using: &generator)
    return (0..<count).map { id in
      let parent = id > 0 && Bool.random(using: &generator) ? id - 1 : nil
      return placed(
        id, "r\(id)", .random(in: 0..<64, using: &generator),
        .random(in: 0...24, using: &generator), priority: .random(in: -2...2, using: &generator),
        over: parent, isEnabled: Int.random(in: 0..<5, using: &generator) > 0,
        order: .random(in: 0..<1000, using: &generator) * 16 + id)
    }
  }

  /// Who answers at one address: the naive way, from the top down.
  private func owner(
    of address: UInt64, over parent: RegionID?, base: UInt64, in regions: [PlacedRegion]
  ) -> (RegionID, UInt64)? {
    let siblings = regions.filter { $0.parent == parent }
      .sorted { ($0.region.priority, $0.order) > ($1.region.priority, $1.order) }
    for sibling in siblings where sibling.region.isEnabled {
      let start = base + sibling.region.base
      guard address >= start, address - start < sibling.region.size else { continue }
      return owner(of: address, over: sibling.id, base: start, in: regions)
        ?? (sibling.id, address - start)
    }
    return nil
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func everyAddressIsAnsweredByTheTopmostRegionThere(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let regions = randomRegions(&generator)
    let view = FlatView.make(regions.shuffled(using: &generator))
    for address in 0..<UInt64(1024) {
      let expected = owner(of: address, over: nil, base: 0, in: regions)
      let found = view.sections.first { $0.start <= address && address <= $0.last }
      #expect(found?.region == expected?.0)
      #expect(found.map { $0.offsetInRegion + (address - $0.start) } == expected?.1)
    }
    for (section, next) in zip(view.sections, view.sections.dropFirst()) {
      #expect(section.last < next.start)
      let isOnePiece =
        section.region == next.region && section.last + 1 == next.start
        && section.offsetInRegion + section.size == next.offsetInRegion
      #expect(!isOnePiece)
    }
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func applyingADifferenceToTheOldViewGivesTheNewOne(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let old = FlatView.make(randomRegions(&generator))
    let new = FlatView.make(randomRegions(&generator))
    let difference = FlatView.difference(from: old, to: new)
    for list in [difference.removed, difference.added] {
      for (section, next) in zip(list, list.dropFirst()) { #expect(section.start < next.start) }
    }
    for section in difference.added {
      #expect(!old.sections.contains { $0.isSame(as: section) })
    }
    var applied = old.sections.filter { kept in
      !difference.removed.contains { $0.isSame(as: kept) }
    }
    #expect(applied.count + difference.removed.count == old.sections.count)
    applied = (applied + difference.added).sorted { $0.start < $1.start }
    #expect(applied.count == new.sections.count)
    #expect(zip(applied, new.sections).allSatisfy { $0.isSame(as: $1) })
  }

  @Test func aViewDiffersFromItselfInNothing() {
    let view = FlatView.make([
      placed(1, "ram", 0, 0x1000), placed(2, "bar", 0x800, 0x100, priority: 1),
    ])
    let difference = FlatView.difference(from: view, to: view)
    #expect(difference.removed.isEmpty && difference.added.isEmpty)
  }
}
