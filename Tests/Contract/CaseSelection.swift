/// Which cases a user asked for.
package struct CaseSelection: Sendable {
  private enum Part {
    case section(String)
    case name(String)
    case range(ClosedRange<Int>)
  }

  private var parts: [Part] = []

  /// Reads words such as `12.6`, `174`, `125b` or `174-214`; none selects all. Throws
  /// `ContractFailure` for a word that no case has.
  package init(_ words: [String]) throws {
    for word in words {
      let ends = word.split(separator: "-").compactMap { Int($0) }
      if word.contains(".") {
        guard Contract.sections.contains(where: { $0.number == word }) else {
          throw ContractFailure("no section \(word)")
        }
        parts.append(.section(word))
      } else if ends.count == 2, ends[0] <= ends[1] {
        parts.append(.range(ends[0]...ends[1]))
      } else {
        guard Contract.cases.contains(where: { $0.name == word }) else {
          throw ContractFailure("no case \(word)")
        }
        parts.append(.name(word))
      }
    }
  }

  /// Whether a case is among the chosen ones.
  package func includes(_ row: ContractCase, of section: ContractSection) -> Bool {
    parts.isEmpty
      || parts.contains { part in
        switch part {
        case .section(let number): number == section.number
        case .name(let name): name == row.name
        case .range(let range): range.contains(Int(row.name.prefix { $0.isNumber }) ?? -1)
        }
      }
  }
}
