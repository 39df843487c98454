/// The verdict of a comparison and what it rests on, in lines of text.
package struct ComparisonSummary {
  package let lines: [String]

  package init(_ comparison: Comparison) {
    let changed = comparison.count(.changed)
    let onlyInA = comparison.count(.onlyInA)
    let onlyInB = comparison.count(.onlyInB)
    let same = comparison.count(.same)
    var lines: [String] = []
    if comparison.isEqual {
      lines.append("equal: \(ReportText.plural(same, "line")) of A and B agree")
    } else {
      let differences = ReportText.plural(changed + onlyInA + onlyInB, "difference")
      lines.append(
        "different: \(differences) (\(changed) changed, \(onlyInA) only in A, \(onlyInB) only in B), "
          + "\(ReportText.plural(same, "line")) agree")
    }
    lines += Self.notCompared("A", comparison.a)
    lines += Self.notCompared("B", comparison.b)
    lines += Self.covered(comparison)
    let renamed = comparison.renaming.pairs.filter { $0.a != $0.b }
    if !renamed.isEmpty {
      let shown = renamed.prefix(16).map { "\($0.kind.name) \($0.a)=\($0.b)" }
      let more = renamed.count > shown.count ? ", and \(renamed.count - shown.count) more" : ""
      lines.append("renamed (A=B): \(shown.joined(separator: ", "))\(more)")
    }
    for excuse in comparison.excuses where excuse.linesOfA + excuse.linesOfB > 0 {
      lines.append(
        "excused: \(excuse.linesOfA) of A, \(excuse.linesOfB) of B by "
          + "\(comparison.rulePath):\(excuse.rule.line) \(excuse.rule.text): \(excuse.rule.reason)")
    }
    self.lines = lines
  }

  private static func notCompared(_ side: String, _ log: TraceLog) -> [String] {
    var parts: [String] = []
    let compared = log.lines.lazy.filter { $0.event >= 0 }.count
    let left = log.eventCount - log.withoutCounterpart - compared
    if left > 0 { parts.append("\(ReportText.plural(left, "event")) not selected") }
    if log.withoutCounterpart > 0 {
      let events = ReportText.plural(log.withoutCounterpart, "event")
      parts.append("\(events) that today's dialect does not have")
    }
    let others = log.otherCount - (log.comparedCount - compared)
    if others > 0 { parts.append("\(ReportText.plural(others, "line")) of other text") }
    return parts.isEmpty ? [] : ["not compared in \(side): \(parts.joined(separator: ", "))"]
  }

  private static func covered(_ comparison: Comparison) -> [String] {
    let covered = comparison.rows.filter { $0.kind == .covered }
    guard !covered.isEmpty else { return [] }
    func lines(_ log: TraceLog, _ indices: [Int32]) -> Int {
      indices.count { $0 >= 0 && log.keys[Int($0)] != TraceLog.gapKey }
    }
    let ofA = lines(comparison.a, covered.map(\.a))
    let ofB = lines(comparison.b, covered.map(\.b))
    return ["left out by ......: \(ofA) of A, \(ofB) of B"]
  }
}
