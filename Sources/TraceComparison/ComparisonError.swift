/// Why nothing could be compared.
package enum ComparisonError: Error, Equatable {
  /// The file could not be opened or read; `reason` is the system's text for the errno.
  case unreadable(path: String, reason: String)
  /// No line of the file is a trace event.
  case notATrace(path: String)
  /// The file has more lines than can be numbered, or a line that is longer than that.
  case tooManyLines(path: String)
  /// An event pattern that no event name can fit: empty, or with a byte that no name holds.
  case invalidPattern(String, byte: UInt8?)
  case invalidAddress(String)
  /// A `--map` value without `=` or with an address that was given before.
  case invalidMap(String, repeats: String?)
  /// An empty mark or one that asks for occurrence 0.
  case invalidMark(String)
  /// The mark stands on fewer lines than asked for; `after` is the line of the first mark.
  case markNotFound(path: String, mark: String, found: Int, after: Int?)
  /// The options leave no event of either file.
  case nothingSelected
  /// A line of the rule file that is no rule.
  case invalidRule(path: String, line: Int, problem: RuleProblem)
  /// A rule that excused no line although it must.
  case unusedRule(path: String, line: Int, rule: String)

  /// What is wrong with a rule.
  package enum RuleProblem: Error, Equatable {
    case unknownVerb(String)
    case noPattern
    case invalidPattern(String)
    case unexpected(String)
    case emptyCondition
    case noReason
    /// The same patterns and condition stand in an earlier line.
    case repeats(line: Int)
  }

  /// One line that says what is wrong, and what to do.
  package var message: String {
    switch self {
    case .unreadable(let path, let reason):
      "\(path): \(reason)\nGive the path of a trace log that you may read."
    case .notATrace(let path):
      """
      \(path): no line is a trace event
      Was the program started with -trace PATTERN, and with -D FILE or -trace file=FILE for its log?
      """
    case .tooManyLines(let path):
      "\(path): more than \(Int32.max / 2) lines, or a line with as many bytes\nCompare parts of it, cut for example with split(1)."
    case .invalidPattern(let pattern, nil):
      "'\(pattern)': empty event pattern\nGive a name such as vfio_pci_reset; * and ? are wildcards."
    case .invalidPattern(let pattern, let byte?):
      """
      '\(pattern)': no event name holds '\(Character(UnicodeScalar(byte)))'
      Give a name such as vfio_pci_reset; * and ? are wildcards, a leading - takes events away.
      """
    case .invalidAddress(let text):
      "'\(text)' is no PCI address\nWrite it as in lspci -D: 0000:81:00.1"
    case .invalidMap(let value, nil):
      "'\(value)' is no pair of addresses\nWrite --map 0000:81:00.0=0000:02:00.0 (in A = in B)."
    case .invalidMap(let value, let address?):
      "'\(value)': \(address) was mapped before\nEach address may be given once on each side."
    case .invalidMark(let mark):
      "'\(mark)' is no mark\nGive text of a line, ^ or $; TEXT#2 is its second occurrence, TEXT#last its last."
    case .markNotFound(let path, let mark, let found, let after):
      Self.markMessage(path: path, mark: mark, found: found, after: after)
    case .nothingSelected:
      "no event of either file is selected\nWiden --events, --device or --between."
    case .invalidRule(let path, let line, let problem):
      """
      \(path):\(line): \(problem.message)
      A rule reads: ignore PATTERN[, PATTERN...] [when TEXT] because REASON
      """
    case .unusedRule(let path, let line, let rule):
      """
      \(path):\(line): the rule excused no line: \(rule)
      Remove it, or write may-ignore when it need not apply to every comparison.
      """
    }
  }

  private static func markMessage(path: String, mark: String, found: Int, after: Int?) -> String {
    let place = after.map { " after line \($0)" } ?? ""
    let count =
      switch found {
      case 0: "no line\(place) holds '\(mark)'"
      case 1: "only one line\(place) holds '\(mark)'"
      default: "only \(found) lines\(place) hold '\(mark)'"
      }
    return
      "\(path): \(count)\nGive text of a line; * and ? are wildcards, ^ is the start and $ the end."
  }
}

extension ComparisonError.RuleProblem {
  /// The problem in words.
  package var message: String {
    switch self {
    case .unknownVerb(let word): "a rule starts with ignore or may-ignore, not with '\(word)'"
    case .noPattern: "the rule names no event"
    case .invalidPattern(let pattern): "'\(pattern)' is no event pattern"
    case .unexpected(let word): "'\(word)' stands where when or because is expected"
    case .emptyCondition: "nothing stands between when and because"
    case .noReason: "the rule gives no reason (because ...)"
    case .repeats(let line): "line \(line) has the same patterns and condition"
    }
  }
}
