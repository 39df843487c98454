/// Prints a comparison for people: the differences with their neighbours, A on the left and B on the right with the
/// line numbers of each, then a summary. Between the sides `|` marks a changed line, `<` a line only of A, `>` one
/// only of B, `~` one that a rule excuses, `:` one that `......` stands for.
package struct SideBySideReport {
  /// Columns of the output, 40 at least.
  package var width = 120
  /// Equal lines shown before and after each difference.
  package var context = 3
  /// Whether differences are coloured with terminal escapes.
  package var usesColor = false

  package static let minimumWidth = 40

  package init() {}

  /// Hands the report to `sink` piece by piece.
  package func write(_ comparison: Comparison, to sink: @escaping (ArraySlice<UInt8>) -> Void) {
    var output = ReportText(sink)
    writeDifferences(comparison, to: &output)
    writeSummary(comparison, to: &output)
    output.flush()
  }

  private func writeDifferences(_ comparison: Comparison, to output: inout ReportText) {
    let rows = comparison.rows
    let columns = Columns(comparison, width: width)
    var shownEnd = 0
    var index = 0
    while let difference = rows[index...].firstIndex(where: \.isDifference) {
      let start = max(shownEnd, difference - context)
      if shownEnd == 0 {
        output.append(columns.header(comparison))
      }
      if start > shownEnd {
        output.append("  ... \(ReportText.plural(start - shownEnd, "line")) without difference\n")
      }
      // A run of differences goes on as long as the next one is within reach of the context.
      var end = difference + 1
      var quiet = 0
      while end < rows.count, quiet < 2 * context || rows[end].isDifference {
        quiet = rows[end].isDifference ? 0 : quiet + 1
        end += 1
      }
      let last = rows[difference..<end].lastIndex(where: \.isDifference) ?? difference
      end = min(rows.count, last + 1 + context)
      for row in rows[start..<end] {
        write(row, of: comparison, columns, to: &output)
      }
      shownEnd = end
      index = end
    }
    if shownEnd > 0 {
      if shownEnd < rows.count {
        let rest = ReportText.plural(rows.count - shownEnd, "line")
        output.append("  ... \(rest) without difference\n")
      }
      output.append("\n")
    }
  }

  private func write(
    _ row: Comparison.Row, of comparison: Comparison, _ columns: Columns,
    to output: inout ReportText
  ) {
    let left = row.a < 0 ? nil : comparison.a.cell(Int(row.a))
    let right = row.b < 0 ? nil : comparison.b.cell(Int(row.b))
    columns.write(
      left, row.kind.marker, right, wraps: row.isDifference,
      color: usesColor && row.isDifference, to: &output)
    guard row.kind == .changed else { return }
    for note in notes(on: row, of: comparison) {
      output.append("      \(note)\n")
    }
  }

  /// What differs in a changed row.
  private func notes(on row: Comparison.Row, of comparison: Comparison) -> [String] {
    let contradictions = comparison.contradictions(in: row)
    guard contradictions.isEmpty else { return contradictions.map(\.text) }
    let (left, right) = Self.differingParts(
      comparison.a.text(of: Int(row.a)), comparison.b.text(of: Int(row.b)))
    return ["differs: \(left) | \(right)"]
  }

  /// The words of two texts that are not the same at both ends.
  static func differingParts(_ left: [UInt8], _ right: [UInt8]) -> (String, String) {
    let a = left.split(separator: 0x20)
    let b = right.split(separator: 0x20)
    let same = zip(a, b).prefix { $0 == $1 }.count
    let sameAtEnd = zip(a.dropFirst(same).reversed(), b.dropFirst(same).reversed())
      .prefix { $0 == $1 }.count
    func part(_ words: [ArraySlice<UInt8>]) -> String {
      let text = words.dropFirst(same).dropLast(sameAtEnd).joined(separator: [0x20])
      let printable = ReportText.printable(Array(text))
      return printable.isEmpty ? "(nothing)" : String(decoding: printable, as: UTF8.self)
    }
    return (part(a), part(b))
  }

  private func writeSummary(_ comparison: Comparison, to output: inout ReportText) {
    for line in ComparisonSummary(comparison).lines {
      output.append(line + "\n")
    }
  }
}

extension Comparison.Row.Kind {
  fileprivate var marker: UInt8 {
    switch self {
    case .same: UInt8(ascii: " ")
    case .changed: UInt8(ascii: "|")
    case .onlyInA: UInt8(ascii: "<")
    case .onlyInB: UInt8(ascii: ">")
    case .excused: UInt8(ascii: "~")
    case .covered: UInt8(ascii: ":")
    }
  }
}

extension IdentifierRenaming.Contradiction {
  /// The contradiction in words.
  package var text: String {
    var parts: [String] = []
    if let partnerOfA { parts.append("\(pair.a) of A is \(partnerOfA) in B elsewhere") }
    if let partnerOfB { parts.append("\(pair.b) of B is \(partnerOfB) in A elsewhere") }
    return "\(pair.kind.name) \(pair.a) | \(pair.b): \(parts.joined(separator: ", "))"
  }
}

extension TraceLog {
  fileprivate func cell(_ index: Int) -> Columns.Cell {
    Columns.Cell(number: Int(lines[index].number), text: ReportText.printable(text(of: index)))
  }
}
