/// Finds the longest common subsequence of two sequences of keys, in linear space, by Myers' divide and
/// conquer ("An O(ND) Difference Algorithm and Its Variations", 1986). The cost is linear in the length when
/// the sequences agree and grows with length × differences. Above a budget the search of a part stops and
/// the best start found so far is kept: the result is then still a common subsequence, but perhaps not the longest.
package struct Aligner {
  /// For each element of one sequence its partner in the other; -1 for none.
  package typealias Partners = [Int32]

  /// Elementary steps taken so far: elements looked at and diagonals extended.
  package private(set) var steps = 0

  /// About how many steps the search may take before it gives up on the longest result.
  private let budget: Int
  /// For each key the last call in which the first, and the second, sequence held it.
  private var seenInA: [Int32]
  private var seenInB: [Int32]
  private var call: Int32 = 0

  /// The parts of the two sequences that one step of the search works on.
  private struct Box {
    var a: Range<Int>
    var b: Range<Int>
  }

  /// `keyCount` is above every key; keys are not negative.
  package init(keyCount: Int, budget: Int = 1 << 29) {
    seenInA = [Int32](repeating: 0, count: keyCount)
    seenInB = [Int32](repeating: 0, count: keyCount)
    self.budget = budget
  }

  /// The partners of the elements of `a` in `b`. Exchanging `a` and `b` gives the same pairs.
  package mutating func partners(of a: [Int32], in b: [Int32]) -> Partners {
    guard b.count < a.count || b.count == a.count && b.lexicographicallyPrecedes(a) else {
      return orderedPartners(of: a, in: b)
    }
    return Self.inverse(orderedPartners(of: b, in: a), count: a.count)
  }

  /// The partners seen from the other sequence, which has `count` elements.
  static func inverse(_ partners: Partners, count: Int) -> Partners {
    var inverse = Partners(repeating: -1, count: count)
    for (index, partner) in partners.enumerated() where partner >= 0 {
      inverse[Int(partner)] = Int32(truncatingIfNeeded: index)
    }
    return inverse
  }

  private mutating func orderedPartners(of a: [Int32], in b: [Int32]) -> Partners {
    var partners = Partners(repeating: -1, count: a.count)
    var box = Box(a: a.indices, b: b.indices)
    match(&box, a, b) { partners[$0] = Int32(truncatingIfNeeded: $1) }
    guard !box.a.isEmpty, !box.b.isEmpty else { return partners }

    // An element whose key the other part does not hold has no partner: the search works without it.
    call &+= 1
    for index in box.a { seenInA[Int(a[index])] = call }
    for index in box.b { seenInB[Int(b[index])] = call }
    let indicesOfA = box.a.filter { seenInB[Int(a[$0])] == call }
    let indicesOfB = box.b.filter { seenInA[Int(b[$0])] == call }
    steps += box.a.count + box.b.count
    search(indicesOfA.map { a[$0] }, indicesOfB.map { b[$0] }) {
      partners[indicesOfA[$0]] = Int32(truncatingIfNeeded: indicesOfB[$1])
    }
    return partners
  }

  /// Takes equal elements off both ends of `box` and reports them.
  private mutating func match(
    _ box: inout Box, _ a: [Int32], _ b: [Int32], _ found: (Int, Int) -> Void
  ) {
    var aStart = box.a.lowerBound
    var bStart = box.b.lowerBound
    var aEnd = box.a.upperBound
    var bEnd = box.b.upperBound
    while aStart < aEnd, bStart < bEnd, a[aStart] == b[bStart] {
      found(aStart, bStart)
      aStart += 1
      bStart += 1
    }
    while aStart < aEnd, bStart < bEnd, a[aEnd - 1] == b[bEnd - 1] {
      aEnd -= 1
      bEnd -= 1
      found(aEnd, bEnd)
    }
    steps += box.a.count - (aEnd - aStart) + 1
    box = Box(a: aStart..<aEnd, b: bStart..<bEnd)
  }

  private mutating func search(_ a: [Int32], _ b: [Int32], _ found: (Int, Int) -> Void) {
    let limit = max(256, budget / max(1, a.count + b.count))
    var furthest = Furthest(a.count, b.count, limit: limit)
    var boxes = [Box(a: a.indices, b: b.indices)]
    while var box = boxes.popLast() {
      match(&box, a, b, found)
      guard !box.a.isEmpty, !box.b.isEmpty else { continue }
      let point = furthest.split(a, box.a, b, box.b)
      steps += point.steps
      boxes.append(
        Box(a: point.a..<box.a.upperBound, b: point.b..<box.b.upperBound))
      boxes.append(Box(a: box.a.lowerBound..<point.a, b: box.b.lowerBound..<point.b))
    }
  }
}

/// The furthest points reached on each diagonal, from both ends of a box.
private struct Furthest {
  /// A point on a shortest path through a box, strictly between its corners, or the best known.
  struct Split {
    let a: Int
    let b: Int
    let steps: Int
  }

  private static let unreached: Int32 = -1 << 30

  private let limit: Int
  private let center: Int
  private var forward: [Int32]
  private var backward: [Int32]

  init(_ aCount: Int, _ bCount: Int, limit: Int) {
    self.limit = limit
    center = min((aCount + bCount + 1) / 2, limit) + 2
    forward = [Int32](repeating: Self.unreached, count: 2 * center + 1)
    backward = forward
  }

  /// Splits a box whose first elements differ, whose last elements differ, and of which neither side is empty.
  mutating func split(_ a: [Int32], _ boxA: Range<Int>, _ b: [Int32], _ boxB: Range<Int>) -> Split {
    let n = boxA.count
    let m = boxB.count
    let delta = n - m
    var steps = 0
    forward[center + 1] = 0
    backward[center + 1] = 0
    var d = 0
    while true {
      var best = (a: 0, b: 0)
      for k in Self.diagonals(d, n, m) {
        let x = extend(&forward, k, d, n, m, &steps) { x, y in
          a[boxA.lowerBound + x] == b[boxB.lowerBound + y]
        }
        guard x >= 0 else { continue }
        if delta & 1 != 0, abs(delta - k) < d, x + reached(backward, delta - k) >= n {
          return Split(a: boxA.lowerBound + x, b: boxB.lowerBound + x - k, steps: steps)
        }
        if x + x - k > best.a + best.b { best = (x, x - k) }
      }
      for k in Self.diagonals(d, n, m) {
        let x = extend(&backward, k, d, n, m, &steps) { x, y in
          a[boxA.upperBound - 1 - x] == b[boxB.upperBound - 1 - y]
        }
        guard x >= 0 else { continue }
        if delta & 1 == 0, abs(delta - k) <= d, x + reached(forward, delta - k) >= n {
          return Split(a: boxA.upperBound - x, b: boxB.upperBound - (x - k), steps: steps)
        }
      }
      if d >= limit {
        return Split(a: boxA.lowerBound + best.a, b: boxB.lowerBound + best.b, steps: steps)
      }
      d += 1
    }
  }

  /// The diagonals that `d` differences can reach inside an n × m box.
  private static func diagonals(_ d: Int, _ n: Int, _ m: Int) -> StrideThrough<Int> {
    stride(from: d > m ? d - 2 * m : -d, through: d > n ? 2 * n - d : d, by: 2)
  }

  private func reached(_ points: [Int32], _ k: Int) -> Int {
    Int(points[center + k])
  }

  /// Goes one difference further on diagonal `k`, then along equal elements; returns the point reached, or a
  /// negative number when the diagonal cannot be reached.
  private func extend(
    _ points: inout [Int32], _ k: Int, _ d: Int, _ n: Int, _ m: Int, _ steps: inout Int,
    _ areEqual: (Int, Int) -> Bool
  ) -> Int {
    var x: Int
    if d == 0 {
      x = 0
    } else {
      let right = k == -d ? Int(Self.unreached) : Int(points[center + k - 1]) + 1
      let down = k == d ? Int(Self.unreached) : Int(points[center + k + 1])
      x = max(right <= n ? right : Int(Self.unreached), down - k <= m ? down : Int(Self.unreached))
    }
    steps += 1
    guard x >= 0, x - k >= 0 else {
      points[center + k] = Self.unreached
      return -1
    }
    while x < n, x - k < m, areEqual(x, x - k) {
      x += 1
      steps += 1
    }
    points[center + k] = Int32(truncatingIfNeeded: x)
    return x
  }
}
