/// Which line of A is which of B.
///
/// Lines that a rule lets differ are set aside first, so that their place cannot hide or make a difference among the
/// others; they are aligned afterwards, between the lines that surround them.
struct Matching {
  /// For each compared line of A its partner in B; -1 for none.
  private(set) var partners: Aligner.Partners
  private var coveredInA: [Bool]
  private var coveredInB: [Bool]

  init(
    _ a: TraceLog, _ b: TraceLog, keysOfA: [Int32], keysOfB: [Int32], _ aligner: inout Aligner
  ) {
    let strictA = a.lines.indices.filter { a.lines[$0].rule < 0 }
    let strictB = b.lines.indices.filter { b.lines[$0].rule < 0 }
    if strictA.count == keysOfA.count, strictB.count == keysOfB.count {
      let result = Self.align(keysOfA, keysOfB, &aligner)
      (partners, coveredInA, coveredInB) = (
        result.partners, result.coveredInA, result.coveredInB
      )
      return
    }
    partners = Aligner.Partners(repeating: -1, count: keysOfA.count)
    coveredInA = [Bool](repeating: false, count: keysOfA.count)
    coveredInB = [Bool](repeating: false, count: keysOfB.count)
    let result = Self.align(
      strictA.map { keysOfA[$0] }, strictB.map { keysOfB[$0] }, &aligner)
    for (index, partner) in result.partners.enumerated() where partner >= 0 {
      partners[strictA[index]] = Int32(truncatingIfNeeded: strictB[Int(partner)])
    }
    for (index, covered) in result.coveredInA.enumerated() where covered {
      coveredInA[strictA[index]] = true
    }
    for (index, covered) in result.coveredInB.enumerated() where covered {
      coveredInB[strictB[index]] = true
    }
    alignBetween(a, b, keysOfA, keysOfB, &aligner)
  }

  private static func align(
    _ a: [Int32], _ b: [Int32], _ aligner: inout Aligner
  ) -> GapAligner.Result {
    if a.contains(TraceLog.gapKey) || b.contains(TraceLog.gapKey) {
      return GapAligner.align(a, b, &aligner)
    }
    return GapAligner.Result(
      partners: aligner.partners(of: a, in: b),
      coveredInA: [Bool](repeating: false, count: a.count),
      coveredInB: [Bool](repeating: false, count: b.count))
  }

  /// Aligns the lines that rules let differ, run by run between partners.
  private mutating func alignBetween(
    _ a: TraceLog, _ b: TraceLog, _ keysOfA: [Int32], _ keysOfB: [Int32], _ aligner: inout Aligner
  ) {
    let anchors = partners.indices.filter { partners[$0] >= 0 }
    var startA = 0
    var startB = 0
    for anchor in 0...anchors.count {
      let endA = anchor < anchors.count ? anchors[anchor] : keysOfA.count
      let endB = anchor < anchors.count ? Int(partners[endA]) : keysOfB.count
      if startA < endA || startB < endB {
        alignRun(a, startA..<endA, b, startB..<endB, keysOfA, keysOfB, &aligner)
      }
      startA = endA + 1
      startB = endB + 1
    }
  }

  private mutating func alignRun(
    _ a: TraceLog, _ runA: Range<Int>, _ b: TraceLog, _ runB: Range<Int>, _ keysOfA: [Int32],
    _ keysOfB: [Int32], _ aligner: inout Aligner
  ) {
    let looseA = runA.filter { a.lines[$0].rule >= 0 }
    let looseB = runB.filter { b.lines[$0].rule >= 0 }
    let found = aligner.partners(of: looseA.map { keysOfA[$0] }, in: looseB.map { keysOfB[$0] })
    var unpairedInB = Set(looseB)
    let gapInA = runA.contains { keysOfA[$0] == TraceLog.gapKey }
    let gapInB = runB.contains { keysOfB[$0] == TraceLog.gapKey }
    for (index, partner) in found.enumerated() {
      if partner >= 0 {
        partners[looseA[index]] = Int32(truncatingIfNeeded: looseB[Int(partner)])
        unpairedInB.remove(looseB[Int(partner)])
      } else if gapInB {
        coveredInA[looseA[index]] = true
      }
    }
    if gapInA {
      for index in unpairedInB { coveredInB[index] = true }
    }
  }

  /// All compared lines in order. Lines of the same event that face each other in a run of differences share a row.
  func rows(_ a: TraceLog, _ b: TraceLog, _ aligner: inout Aligner) -> [Comparison.Row] {
    var rows: [Comparison.Row] = []
    rows.reserveCapacity(max(a.lines.count, b.lines.count))
    var indexInA = 0
    var indexInB = 0
    while indexInA < a.lines.count || indexInB < b.lines.count {
      if indexInA < a.lines.count, Int(partners[indexInA]) == indexInB {
        rows.append(Comparison.Row(kind: .same, a: Int32(indexInA), b: Int32(indexInB)))
        indexInA += 1
        indexInB += 1
        continue
      }
      var endA = indexInA
      while endA < a.lines.count, partners[endA] < 0 { endA += 1 }
      let endB = endA < a.lines.count ? Int(partners[endA]) : b.lines.count
      appendRun(a, indexInA..<endA, b, indexInB..<endB, &aligner, to: &rows)
      indexInA = endA
      indexInB = endB
    }
    return rows
  }

  private func appendRun(
    _ a: TraceLog, _ runA: Range<Int>, _ b: TraceLog, _ runB: Range<Int>, _ aligner: inout Aligner,
    to rows: inout [Comparison.Row]
  ) {
    let differentA = runA.filter { kind(of: a.lines[$0], coveredInA[$0], .onlyInA) == .onlyInA }
    let differentB = runB.filter { kind(of: b.lines[$0], coveredInB[$0], .onlyInB) == .onlyInB }
    // Other text has no event: all of it counts as one.
    let pairs = aligner.partners(
      of: differentA.map { max(0, a.lines[$0].event) },
      in: differentB.map { max(0, b.lines[$0].event) })
    var nextA = runA.lowerBound
    var nextB = runB.lowerBound
    func flush(_ endA: Int, _ endB: Int) {
      while nextA < endA {
        let kind = kind(of: a.lines[nextA], coveredInA[nextA], .onlyInA)
        rows.append(Comparison.Row(kind: kind, a: Int32(nextA), b: -1))
        nextA += 1
      }
      while nextB < endB {
        let kind = kind(of: b.lines[nextB], coveredInB[nextB], .onlyInB)
        rows.append(Comparison.Row(kind: kind, a: -1, b: Int32(nextB)))
        nextB += 1
      }
    }
    for (index, partner) in pairs.enumerated() where partner >= 0 {
      let lineOfA = differentA[index]
      let lineOfB = differentB[Int(partner)]
      flush(lineOfA, lineOfB)
      rows.append(Comparison.Row(kind: .changed, a: Int32(lineOfA), b: Int32(lineOfB)))
      nextA = lineOfA + 1
      nextB = lineOfB + 1
    }
    flush(runA.upperBound, runB.upperBound)
  }

  private func kind(
    of line: TraceLog.Line, _ isCovered: Bool, _ otherwise: Comparison.Row.Kind
  ) -> Comparison.Row.Kind {
    isCovered ? .covered : line.rule >= 0 ? .excused : otherwise
  }
}
