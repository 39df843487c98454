/// Prints a comparison for programs, as one JSON object:
///
///     {"equal": false,
///      "a": {"path", "lines", "events", "compared", "otherText", "withoutCounterpart"}, "b": {...},
///      "counts": {"same", "changed", "onlyInA", "onlyInB", "excused", "covered"},
///      "renamed": [{"kind", "a", "b"}],
///      "rules": [{"file", "line", "rule", "reason", "linesOfA", "linesOfB"}],
///      "differences": [{"kind": "changed"|"onlyInA"|"onlyInB", "a": {"line", "text"}|null, "b": ...,
///                       "contradictions": [{"kind", "a", "b", "partnerOfA", "partnerOfB"}]}]}
///
/// `lines` counts lines of the file or the section, `compared` those left by the options. Bytes of a log that
/// are not UTF-8 become U+FFFD.
package struct JSONReport {
  package init() {}

  /// Hands the report to `sink` piece by piece.
  package func write(_ comparison: Comparison, to sink: @escaping (ArraySlice<UInt8>) -> Void) {
    var output = ReportText(sink)
    output.append("{\"equal\": \(comparison.isEqual),\n")
    output.append(" \"a\": \(log(comparison.a)),\n \"b\": \(log(comparison.b)),\n")
    let counts: [(String, Comparison.Row.Kind)] = [
      ("same", .same), ("changed", .changed), ("onlyInA", .onlyInA), ("onlyInB", .onlyInB),
      ("excused", .excused), ("covered", .covered),
    ]
    output.append(" \"counts\": \(object(counts.map { ($0, String(comparison.count($1))) })),\n")
    let renamed = comparison.renaming.pairs.map { pair in
      object([("kind", string(pair.kind.name)), ("a", "\(pair.a)"), ("b", "\(pair.b)")])
    }
    output.append(" \"renamed\": [\(renamed.joined(separator: ", "))],\n")
    let rules = comparison.excuses.map { excuse in
      object([
        ("file", string(comparison.rulePath)), ("line", "\(excuse.rule.line)"),
        ("rule", string(excuse.rule.text)), ("reason", string(excuse.rule.reason)),
        ("linesOfA", "\(excuse.linesOfA)"), ("linesOfB", "\(excuse.linesOfB)"),
      ])
    }
    output.append(" \"rules\": [\(rules.joined(separator: ",\n  "))],\n \"differences\": [")
    var separator = "\n  "
    for row in comparison.rows where row.isDifference {
      output.append(separator + difference(row, of: comparison))
      separator = ",\n  "
    }
    output.append("]}\n")
    output.flush()
  }

  private func log(_ log: TraceLog) -> String {
    object([
      ("path", string(log.path)), ("lines", "\(log.lineCount)"), ("events", "\(log.eventCount)"),
      ("compared", "\(log.comparedCount)"), ("otherText", "\(log.otherCount)"),
      ("withoutCounterpart", "\(log.withoutCounterpart)"),
    ])
  }

  private func difference(_ row: Comparison.Row, of comparison: Comparison) -> String {
    let kind =
      switch row.kind {
      case .onlyInA: "onlyInA"
      case .onlyInB: "onlyInB"
      case .changed, .same, .excused, .covered: "changed"
      }
    let contradictions = comparison.contradictions(in: row).map { contradiction in
      object([
        ("kind", string(contradiction.pair.kind.name)),
        ("a", "\(contradiction.pair.a)"), ("b", "\(contradiction.pair.b)"),
        ("partnerOfA", contradiction.partnerOfA.map { "\($0)" } ?? "null"),
        ("partnerOfB", contradiction.partnerOfB.map { "\($0)" } ?? "null"),
      ])
    }
    return object([
      ("kind", string(kind)), ("a", line(comparison.a, row.a)), ("b", line(comparison.b, row.b)),
      ("contradictions", "[\(contradictions.joined(separator: ", "))]"),
    ])
  }

  private func line(_ log: TraceLog, _ index: Int32) -> String {
    guard index >= 0 else { return "null" }
    let text = String(decoding: log.text(of: Int(index)), as: UTF8.self)
    return object([("line", "\(log.lines[Int(index)].number)"), ("text", string(text))])
  }

  private func object(_ members: [(String, String)]) -> String {
    "{" + members.map { "\(string($0)): \($1)" }.joined(separator: ", ") + "}"
  }

  private func string(_ text: String) -> String {
    var output = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": output += "\\\""
      case "\\": output += "\\\\"
      case _ where scalar.value < 0x20 || scalar.value == 0x7f:
        let digits = String(scalar.value, radix: 16)
        output += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: output.unicodeScalars.append(scalar)
      }
    }
    return output + "\""
  }
}
