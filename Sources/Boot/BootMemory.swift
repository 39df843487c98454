/// Which of the guest's RAM below 4 GiB is taken by what a boot plan places.
struct BootMemory {
  /// Sorted, disjoint, not empty, all in RAM.
  private(set) var taken: [Range<UInt64>] = []
  /// The end of RAM.
  let end: UInt64

  /// RAM from address 0 to `end`, of which nothing is taken.
  init(end: UInt64) { self.end = end }

  /// Takes a range if it is RAM and free, and says whether it was; an empty range always is.
  mutating func take(_ range: Range<UInt64>) -> Bool {
    if range.isEmpty { return true }
    let index = firstIndex(endingAfter: range.lowerBound)
    guard range.upperBound <= end else { return false }
    if index < taken.count, taken[index].lowerBound < range.upperBound { return false }
    taken.insert(range, at: index)
    return true
  }

  /// The lowest free range of `count` bytes (more than 0) within `bounds`, at a multiple of
  /// `alignment`, a power of two.
  func lowest(_ count: UInt64, alignment: UInt64, within bounds: Range<UInt64>) -> Range<UInt64>? {
    for gap in gaps(within: bounds) {
      guard let start = gap.lowerBound.aligned(up: alignment), start <= gap.upperBound,
        gap.upperBound - start >= count
      else { continue }
      return start..<(start + count)
    }
    return nil
  }

  /// The highest such range.
  func highest(_ count: UInt64, alignment: UInt64, within bounds: Range<UInt64>) -> Range<UInt64>? {
    for gap in gaps(within: bounds).reversed() {
      guard gap.upperBound - gap.lowerBound >= count else { continue }
      let start = (gap.upperBound - count).aligned(down: alignment)
      if start >= gap.lowerBound { return start..<(start + count) }
    }
    return nil
  }

  /// The most bytes that a range at a multiple of `alignment` can have within `bounds`.
  func largest(alignment: UInt64, within bounds: Range<UInt64>) -> UInt64 {
    gaps(within: bounds).map { gap in
      guard let start = gap.lowerBound.aligned(up: alignment), start < gap.upperBound else {
        return 0
      }
      return gap.upperBound - start
    }.max() ?? 0
  }

  /// The free ranges within `bounds`, in order.
  private func gaps(within bounds: Range<UInt64>) -> [Range<UInt64>] {
    let bounds = bounds.clamped(to: 0..<end)
    var gaps: [Range<UInt64>] = []
    var start = bounds.lowerBound
    for range in taken[firstIndex(endingAfter: start)...] {
      if range.lowerBound >= bounds.upperBound { break }
      if range.lowerBound > start { gaps.append(start..<range.lowerBound) }
      start = range.upperBound
    }
    if start < bounds.upperBound { gaps.append(start..<bounds.upperBound) }
    return gaps
  }

  /// The index of the first taken range that ends after an address.
  private func firstIndex(endingAfter address: UInt64) -> Int {
    var bounds = 0..<taken.count
    while !bounds.isEmpty {
      let middle = bounds.lowerBound + bounds.count / 2
      if taken[middle].upperBound > address {
        bounds = bounds.lowerBound..<middle
      } else {
        bounds = (middle + 1)..<bounds.upperBound
      }
    }
    return bounds.lowerBound
  }
}
