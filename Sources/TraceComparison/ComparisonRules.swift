/// The rules of a comparison: which events may differ between two logs, and why. One rule a line:
///
///     ignore PATTERN[, PATTERN...] [when TEXT] because REASON
///     may-ignore PATTERN[, PATTERN...] [when TEXT] because REASON
///
/// PATTERN is an event pattern as for `--events`; TEXT limits the rule to lines that hold it (`*` and `?` are
/// wildcards); the reason is required. A line that only one log has, or that the two have with different
/// arguments, is excused by the first rule that fits it. An `ignore` rule that excuses no line is an error,
/// so that no rule outlives its reason; `may-ignore` is for a file that serves several comparisons. Empty
/// lines and lines that start with `#` are comments.
package struct ComparisonRules: Sendable {
  /// One rule of the file.
  package struct Rule: Sendable {
    /// The line of the rule file, from 1 up.
    package let line: Int
    /// The rule up to its reason, white space collapsed.
    package let text: String
    package let reason: String
    /// Whether it is an error when the rule excuses nothing.
    package let mustApply: Bool
    let events: EventPatterns
    let condition: Glob?
  }

  package let path: String
  package private(set) var rules: [Rule] = []

  /// No rules.
  package static let none = ComparisonRules(path: "")

  private init(path: String) {
    self.path = path
  }

  /// Reads a rule file; throws `invalidRule` for the first line that is no rule.
  package init(_ file: LogFile) throws(ComparisonError) {
    path = file.path
    let lines = file.bytes.split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, bytes) in lines.enumerated() {
      let line = index + 1
      let words = String(decoding: bytes, as: UTF8.self)
        .split(whereSeparator: \.isWhitespace).map(String.init)
      guard let first = words.first, !first.hasPrefix("#") else { continue }
      do throws(ComparisonError.RuleProblem) {
        let rule = try Self.parse(words, line: line)
        if let earlier = rules.first(where: { $0.scope == rule.scope }) {
          throw ComparisonError.RuleProblem.repeats(line: earlier.line)
        }
        rules.append(rule)
      } catch {
        throw .invalidRule(path: path, line: line, problem: error)
      }
    }
  }

  private static func parse(
    _ words: [String], line: Int
  ) throws(ComparisonError.RuleProblem) -> Rule {
    let verb = words[0]
    guard verb == "ignore" || verb == "may-ignore" else { throw .unknownVerb(verb) }
    let rest = words.dropFirst()
    let isKeyword = { (word: String) in word == "when" || word == "because" }
    let patternWords = rest.prefix { !isKeyword($0) }
    let patterns = try split(patternWords)
    var tail = rest.dropFirst(patternWords.count)
    var condition: String?
    if tail.first == "when" {
      let text = tail.dropFirst().prefix { $0 != "because" }
      guard !text.isEmpty else { throw .emptyCondition }
      condition = text.joined(separator: " ")
      tail = tail.dropFirst(1 + text.count)
    }
    guard tail.first == "because", tail.count > 1 else { throw .noReason }
    let events: EventPatterns
    do {
      events = try EventPatterns(patterns)
    } catch {
      guard case .invalidPattern(let pattern, _) = error else { throw .noPattern }
      throw .invalidPattern(pattern)
    }
    return Rule(
      line: line, text: words.dropLast(tail.count).joined(separator: " "),
      reason: tail.dropFirst().joined(separator: " "), mustApply: verb == "ignore",
      events: events, condition: condition.map { Glob($0) })
  }

  /// The patterns of a comma-separated list; a blank without a comma ends the list and must be a keyword.
  private static func split(
    _ words: ArraySlice<String>
  ) throws(ComparisonError.RuleProblem) -> [String] {
    guard !words.isEmpty else { throw .noPattern }
    for (word, next) in zip(words, words.dropFirst())
    where !word.hasSuffix(",") && !next.hasPrefix(",") {
      throw .unexpected(next)
    }
    return words.joined().split(separator: ",", omittingEmptySubsequences: false).map(String.init)
  }
}

extension ComparisonRules.Rule {
  /// The rule without its verb.
  fileprivate var scope: Substring { text.drop { $0 != " " } }
}
