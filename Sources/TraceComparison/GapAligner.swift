/// Aligns sequences of keys in which `TraceLog.gapKey` stands for any number of lines, also none.
struct GapAligner {
  /// What became of each element.
  struct Result {
    /// The partner of each element of A in B; -1 for none.
    var partners: Aligner.Partners
    /// Whether a `......` of the other side stands for the element, or the element is a `......` itself.
    var coveredInA: [Bool]
    var coveredInB: [Bool]
  }

  /// Above this many cells the optimal alignment of logs that differ is not searched: 1 byte each.
  private static let cellLimit = 1 << 25

  private let a: [Int32]
  private let b: [Int32]
  private var result: Result

  /// Aligns `a` with `b`, at least one of which has a gap.
  static func align(_ a: [Int32], _ b: [Int32], _ aligner: inout Aligner) -> Result {
    var gaps = GapAligner(a, b)
    if !gaps.alignIdentical(), !gaps.alignExactly() {
      gaps.alignMiddle(&aligner)
    }
    return gaps.result
  }

  private init(_ a: [Int32], _ b: [Int32]) {
    self.a = a
    self.b = b
    result = Result(
      partners: Aligner.Partners(repeating: -1, count: a.count),
      coveredInA: a.map { $0 == TraceLog.gapKey }, coveredInB: b.map { $0 == TraceLog.gapKey })
  }

  private mutating func pair(_ indexInA: Int, _ indexInB: Int) {
    result.partners[indexInA] = Int32(truncatingIfNeeded: indexInB)
  }

  /// The same lines with gaps in the same places.
  private mutating func alignIdentical() -> Bool {
    guard a == b else { return false }
    for index in a.indices where a[index] != TraceLog.gapKey { pair(index, index) }
    return true
  }

  /// Gaps on one side only, and every part between them found in order on the other side: linear.
  private mutating func alignExactly() -> Bool {
    let gapsInA = a.contains(TraceLog.gapKey)
    guard gapsInA != b.contains(TraceLog.gapKey) else { return false }
    let (pattern, text) = gapsInA ? (a, b) : (b, a)
    guard let places = Self.places(of: pattern, in: text) else { return false }
    for (index, place) in places.enumerated() where place >= 0 {
      gapsInA ? pair(index, Int(place)) : pair(Int(place), index)
    }
    cover(partnersOfText: gapsInA ? Aligner.inverse(result.partners, count: b.count) : nil)
    return true
  }

  /// Marks what has no partner as covered; `partnersOfText` are those of B when it has no gap, else nil.
  private mutating func cover(partnersOfText: Aligner.Partners?) {
    if let partnersOfText {
      result.coveredInB = partnersOfText.map { $0 < 0 }
    } else {
      result.coveredInA = result.partners.map { $0 < 0 }
    }
  }

  /// Where each element of `pattern` stands in `text` when the parts between gaps are placed as early as
  /// possible, the first at the start and the last at the end; nil when they do not fit.
  private static func places(of pattern: [Int32], in text: [Int32]) -> [Int32]? {
    var places = [Int32](repeating: -1, count: pattern.count)
    let parts = pattern.split(separator: TraceLog.gapKey, omittingEmptySubsequences: false)
    guard let first = parts.first, let last = parts.last, parts.count > 1,
      first.count + last.count <= text.count,
      text.starts(with: first), text.suffix(last.count).elementsEqual(last)
    else { return nil }
    func place(_ part: ArraySlice<Int32>, at position: Int) {
      for (offset, index) in part.indices.enumerated() {
        places[index] = Int32(truncatingIfNeeded: position + offset)
      }
    }
    place(first, at: 0)
    place(last, at: text.count - last.count)
    var rest = text[first.count..<(text.count - last.count)]
    for part in parts.dropFirst().dropLast() {
      guard let found = find(Array(part), in: rest) else { return nil }
      place(part, at: found)
      rest = rest[(found + part.count)...]
    }
    return places
  }

  /// Where `part` first stands in `text`, in time linear in both (Knuth, Morris and Pratt).
  private static func find(_ part: [Int32], in text: ArraySlice<Int32>) -> Int? {
    guard let first = part.first else { return text.startIndex }
    var borders = [0]
    var border = 0
    for element in part.dropFirst() {
      while border > 0, part[border] != element { border = borders[border - 1] }
      if (border == 0 ? first : part[border]) == element { border += 1 }
      borders.append(border)
    }
    var matched = 0
    for index in text.indices {
      while matched > 0, part[matched] != text[index] { matched = borders[matched - 1] }
      if part[matched] == text[index] { matched += 1 }
      if matched == part.count { return index + 1 - part.count }
    }
    return nil
  }

  /// Logs that differ: equal lines up to the first gap and after the last are paired, the rest is aligned with
  /// the fewest differences, or roughly when that would be too much work.
  private mutating func alignMiddle(_ aligner: inout Aligner) {
    var start = 0
    while start < min(a.count, b.count), a[start] == b[start], a[start] != TraceLog.gapKey {
      pair(start, start)
      start += 1
    }
    var aEnd = a.count
    var bEnd = b.count
    while aEnd > start, bEnd > start, a[aEnd - 1] == b[bEnd - 1], a[aEnd - 1] != TraceLog.gapKey {
      aEnd -= 1
      bEnd -= 1
      pair(aEnd, bEnd)
    }
    let (cells, overflows) = (aEnd - start + 1).multipliedReportingOverflow(by: bEnd - start + 1)
    if overflows || cells > Self.cellLimit {
      alignRoughly(start..<aEnd, start..<bEnd, &aligner)
    } else {
      alignOptimally(start..<aEnd, start..<bEnd)
    }
  }

  /// Where the cheapest way to a cell comes from.
  private enum Move: UInt8 {
    case both, skipA, skipB, coverA, coverB
  }

  /// The alignment with the fewest differences, and with the most pairs among those, by dynamic programming.
  private mutating func alignOptimally(_ rangeA: Range<Int>, _ rangeB: Range<Int>) {
    let width = rangeB.count + 1
    var moves = [Move](repeating: .both, count: (rangeA.count + 1) * width)
    // A difference outweighs any number of pairs: there are at most as many as the shorter side has lines.
    let difference = min(rangeA.count, rangeB.count) + 1
    var costs = [Int](repeating: 0, count: width)
    var above = costs
    for row in 0...rangeA.count {
      swap(&costs, &above)
      let keyA = row > 0 ? a[rangeA.lowerBound + row - 1] : -1
      for column in 0..<width where row > 0 || column > 0 {
        let keyB = column > 0 ? b[rangeB.lowerBound + column - 1] : -1
        let gapInA = keyA == TraceLog.gapKey
        let gapInB = keyB == TraceLog.gapKey
        let step = gapInA || gapInB ? 0 : difference
        var cost = Int.max
        var move = Move.both
        if row > 0, column > 0, keyA == keyB, !gapInA {
          cost = above[column - 1] - 1
        }
        if row > 0, above[column] + step < cost {
          cost = above[column] + step
          move = gapInA || gapInB ? .coverA : .skipA
        }
        if column > 0, costs[column - 1] + step < cost {
          cost = costs[column - 1] + step
          move = gapInA || gapInB ? .coverB : .skipB
        }
        costs[column] = cost
        moves[row * width + column] = move
      }
    }
    var row = rangeA.count
    var column = rangeB.count
    while row > 0 || column > 0 {
      let move = moves[row * width + column]
      let indexInA = rangeA.lowerBound + row - 1
      let indexInB = rangeB.lowerBound + column - 1
      switch move {
      case .both: pair(indexInA, indexInB)
      case .coverA: result.coveredInA[indexInA] = true
      case .coverB: result.coveredInB[indexInB] = true
      case .skipA, .skipB: break
      }
      if move == .both || move == .skipA || move == .coverA { row -= 1 }
      if move == .both || move == .skipB || move == .coverB { column -= 1 }
    }
  }

  /// Aligns without regard to gaps, then lets each gap stand for the unpaired lines beside it.
  private mutating func alignRoughly(
    _ rangeA: Range<Int>, _ rangeB: Range<Int>, _ aligner: inout Aligner
  ) {
    let partners = aligner.partners(of: Array(a[rangeA]), in: Array(b[rangeB]))
    var startA = rangeA.lowerBound
    var startB = rangeB.lowerBound
    func coverRun(_ runA: Range<Int>, _ runB: Range<Int>, gap: Bool) {
      if gap || a[runA].contains(TraceLog.gapKey) {
        for index in runB { result.coveredInB[index] = true }
      }
      if gap || b[runB].contains(TraceLog.gapKey) {
        for index in runA { result.coveredInA[index] = true }
      }
    }
    var afterGap = false
    for (offset, partner) in partners.enumerated() where partner >= 0 {
      let indexInA = rangeA.lowerBound + offset
      let indexInB = rangeB.lowerBound + Int(partner)
      let isGap = a[indexInA] == TraceLog.gapKey
      coverRun(startA..<indexInA, startB..<indexInB, gap: afterGap || isGap)
      if !isGap { pair(indexInA, indexInB) }
      afterGap = isGap
      startA = indexInA + 1
      startB = indexInB + 1
    }
    coverRun(startA..<rangeA.upperBound, startB..<rangeB.upperBound, gap: afterGap)
  }
}
