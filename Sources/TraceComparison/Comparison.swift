/// The comparison of two logs: which lines are equal, which differ, which may.
///
/// Lines are aligned by their text without the numbers that differ from run to run. The identifiers of aligned
/// lines then give the renaming; where they contradict it the logs are aligned again with identifiers renamed, so
/// that a line with the wrong identifier is a difference like any other.
package struct Comparison: Sendable {
  /// What the comparison says of one line of A, one of B, or a pair.
  package struct Row: Sendable, Equatable {
    package enum Kind: UInt8, Sendable {
      /// The lines are equal.
      case same
      /// The same event with other arguments.
      case changed
      case onlyInA
      case onlyInB
      /// Only one log has the line, which a rule allows.
      case excused
      /// The line is `......`, or the other log's `......` stands for it.
      case covered
    }

    package let kind: Kind
    /// Indices of compared lines; -1 for none.
    let a: Int32
    let b: Int32

    /// Whether the row makes the logs different.
    package var isDifference: Bool {
      switch kind {
      case .changed, .onlyInA, .onlyInB: true
      case .same, .excused, .covered: false
      }
    }
  }

  /// A rule and the lines it excused.
  package struct Excuse: Sendable {
    package let rule: ComparisonRules.Rule
    package internal(set) var linesOfA = 0
    package internal(set) var linesOfB = 0
  }

  package let a: TraceLog
  package let b: TraceLog
  /// All compared lines in order.
  package let rows: [Row]
  package let renaming: IdentifierRenaming
  package let excuses: [Excuse]
  package let rulePath: String

  /// How many rows are of `kind`.
  package func count(_ kind: Row.Kind) -> Int {
    rows.reduce(0) { $1.kind == kind ? $0 + 1 : $0 }
  }

  /// Whether no row is a difference.
  package var isEqual: Bool { !rows.contains(where: \.isDifference) }

  /// The line number in A's file of `row`; nil when A has no such line.
  package func lineOfA(_ row: Row) -> Int? {
    row.a < 0 ? nil : Int(a.lines[Int(row.a)].number)
  }

  /// The line number in B's file of `row`; nil when B has no such line.
  package func lineOfB(_ row: Row) -> Int? {
    row.b < 0 ? nil : Int(b.lines[Int(row.b)].number)
  }

  /// The first rule that had to excuse a line and did not, as an error; nil when there is none.
  package var unusedRule: ComparisonError? {
    excuses.first { $0.rule.mustApply && $0.linesOfA + $0.linesOfB == 0 }
      .map { .unusedRule(path: rulePath, line: $0.rule.line, rule: $0.rule.text) }
  }

  /// The identifiers of a changed row that contradict the renaming.
  package func contradictions(in row: Row) -> [IdentifierRenaming.Contradiction] {
    guard row.kind == .changed, a.keys[Int(row.a)] == b.keys[Int(row.b)] else { return [] }
    return renaming.contradictions(
      a.identifiers(of: Int(row.a)), b.identifiers(of: Int(row.b)))
  }

  /// Compares two logs; throws when one is no trace, a mark is missing, or nothing is left to compare.
  package init(
    _ fileA: LogFile, _ fileB: LogFile, _ options: ComparisonOptions
  ) throws(ComparisonError) {
    var parser = TraceParser(options)
    let a = try parser.parse(fileA, as: .a)
    let b = try parser.parse(fileB, as: .b)
    guard a.hasComparedLine || b.hasComparedLine else { throw .nothingSelected }

    var aligner = Aligner(keyCount: parser.keyCount)
    var matching = Matching(a, b, keysOfA: a.keys, keysOfB: b.keys, &aligner)
    let renaming = IdentifierRenaming(a, b, partners: matching.partners)
    if renaming.isViolated {
      var keys = LineTable()
      let keysOfA = Self.keys(of: a, as: .a, renaming, &keys)
      let keysOfB = Self.keys(of: b, as: .b, renaming, &keys)
      aligner = Aligner(keyCount: max(keys.count, parser.keyCount))
      matching = Matching(a, b, keysOfA: keysOfA, keysOfB: keysOfB, &aligner)
    }
    self.a = a
    self.b = b
    self.renaming = renaming
    rows = matching.rows(a, b, &aligner)
    excuses = Self.excuses(of: rows, a, b, options.rules)
    rulePath = options.rules.path
  }

  /// What the lines of `log` are compared by when identifiers count, by their names in A.
  private static func keys(
    of log: TraceLog, as side: Side, _ renaming: IdentifierRenaming, _ table: inout LineTable
  ) -> [Int32] {
    // The first text of the table is that of `......`.
    _ = table.number(of: [])
    var text: [UInt8] = []
    return log.keys.indices.map { index in
      guard log.keys[index] != TraceLog.gapKey else { return TraceLog.gapKey }
      text.removeAll(keepingCapacity: true)
      append(UInt32(bitPattern: log.keys[index]), to: &text)
      for identifier in log.identifiers(of: index) {
        let canonical = renaming.canonical(identifier, of: side)
        text.append(canonical.kind.rawValue)
        append(canonical.value, to: &text)
      }
      return table.number(of: text)
    }
  }

  private static func append(_ value: UInt32, to text: inout [UInt8]) {
    for shift: UInt32 in [0, 8, 16, 24] {
      text.append(UInt8(truncatingIfNeeded: value >> shift))
    }
  }

  private static func excuses(
    of rows: [Row], _ a: TraceLog, _ b: TraceLog, _ rules: ComparisonRules
  ) -> [Excuse] {
    var excuses = rules.rules.map { Excuse(rule: $0) }
    guard !excuses.isEmpty else { return [] }
    for row in rows where row.kind == .excused {
      if row.a >= 0 {
        excuses[Int(a.lines[Int(row.a)].rule)].linesOfA += 1
      } else {
        excuses[Int(b.lines[Int(row.b)].rule)].linesOfB += 1
      }
    }
    return excuses
  }
}

extension TraceLog {
  /// Whether a line other than `......` is compared.
  fileprivate var hasComparedLine: Bool { keys.contains { $0 != Self.gapKey } }
}
