/// What a guest sees of a set of regions: disjoint sections in address order.
package struct FlatView {
  package let sections: [MemorySection]

  private init(_ sections: [MemorySection]) { self.sections = sections }

  /// Nothing anywhere.
  package static var empty: FlatView { FlatView([]) }

  /// Resolves overlaps. Siblings are laid one over another by priority, then by `order`; a region
  /// lies over its parent, within the parent's bounds. Adjacent pieces of one region become one.
  package static func make(_ regions: [PlacedRegion]) -> FlatView {
    let ordered = regions.sorted {
      ($0.region.priority, $0.order) < ($1.region.priority, $1.order)
    }
    var canvas = Canvas(children: Dictionary(grouping: ordered, by: \.parent))
    canvas.paint(over: nil, at: 0, within: [0 ... .max])
    return FlatView(canvas.sections)
  }

  /// What happened between two views, in the order in which listeners hear of it.
  package struct Difference {
    /// Sections that are gone, in address order.
    package var removed: [MemorySection] = []
    /// Sections that are new, in address order.
    package var added: [MemorySection] = []
  }

  /// The sections to remove from `old` and then to add to it so that it becomes `new`. A section
  /// that grew, shrank or moved is removed and added; one that stayed is in neither list.
  package static func difference(from old: FlatView, to new: FlatView) -> Difference {
    var difference = Difference()
    var newIndex = 0
    for section in old.sections {
      while newIndex < new.sections.count, new.sections[newIndex].start < section.start {
        difference.added.append(new.sections[newIndex])
        newIndex += 1
      }
      if newIndex < new.sections.count, new.sections[newIndex].isSame(as: section) {
        newIndex += 1
      } else {
        difference.removed.append(section)
      }
    }
    difference.added.append(contentsOf: new.sections[newIndex...])
    return difference
  }
}

/// Disjoint sections in address order, over which later paint goes.
private struct Canvas {
  /// The regions over each region, lowest first.
  let children: [RegionID?: [PlacedRegion]]
  private(set) var sections: [MemorySection] = []

  /// Paints the regions over `parent`, whose offset 0 is at `base`, as far as they lie within
  /// `bounds`, which are disjoint.
  mutating func paint(
    over parent: RegionID?, at base: UInt64, within bounds: [ClosedRange<UInt64>]
  ) {
    for placed in children[parent] ?? [] {
      let region = placed.region
      let (start, isBeyond) = base.addingReportingOverflow(region.base)
      guard region.isEnabled, region.size > 0, !isBeyond else { continue }
      let whole = start...(start + min(region.size - 1, .max - start))
      var visible = bounds.compactMap { $0.intersection(whole) }
      if case .bus(let windows) = region.kind {
        visible = windows.flatMap { window in visible.compactMap { $0.intersection(window) } }
      } else {
        for piece in visible {
          place(
            MemorySection(
              region: placed.id, name: region.name, start: piece.lowerBound,
              last: piece.upperBound, offsetInRegion: piece.lowerBound - start,
              kind: region.kind))
        }
      }
      if !visible.isEmpty { paint(over: placed.id, at: start, within: visible) }
    }
  }

  /// Lays a section over whatever is there: at most one old section is left on either side.
  private mutating func place(_ section: MemorySection) {
    let first = sections.partitioningIndex { $0.last >= section.start }
    var end = first
    var replacement: [MemorySection] = []
    if first < sections.count, sections[first].start < section.start {
      replacement.append(
        sections[first].cut(from: sections[first].start, through: section.start - 1))
    }
    replacement.append(section)
    while end < sections.count, sections[end].start <= section.last {
      if sections[end].last > section.last {
        replacement.append(sections[end].cut(from: section.last + 1, through: sections[end].last))
      }
      end += 1
    }
    sections.replaceSubrange(first..<end, with: replacement)
  }
}

extension MemorySection {
  /// The part of a section between two of its addresses, both included.
  fileprivate func cut(from first: UInt64, through last: UInt64) -> MemorySection {
    MemorySection(
      region: region, name: name, start: first, last: last,
      offsetInRegion: offsetInRegion + (first - start), kind: kind)
  }
}

extension ClosedRange {
  /// What two ranges have in common, or nil.
  fileprivate func intersection(_ other: Self) -> Self? {
    overlaps(other) ? clamped(to: other) : nil
  }
}

extension Array {
  /// The first index whose element satisfies `isAfter`, which is false up to some index and true
  /// from there on; `endIndex` when none does.
  func partitioningIndex(_ isAfter: (Element) -> Bool) -> Int {
    var low = startIndex
    var high = endIndex
    while low < high {
      let middle = low + (high - low) / 2
      if isAfter(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
