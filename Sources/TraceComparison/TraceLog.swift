/// One log as the comparison sees it: the lines that are compared, with what they are compared by.
package struct TraceLog: Sendable {
  /// One line that is compared.
  struct Line: Sendable {
    /// Where the text starts in the file, behind any time stamp, and its bytes.
    let start: Int
    let length: Int32
    /// The line number in the file, from 1 up.
    let number: Int32
    /// The event's number in the parser's table; -1 for other text and for `......`.
    let event: Int32
    /// Where the line's identifiers end in `identifiers`; they start where those of the line before end.
    let identifiersEnd: Int32
    /// The index of the rule that lets the line differ; -1 for none.
    let rule: Int32

    var text: Range<Int> { start..<(start + Int(length)) }
  }

  /// A number that must be renamed consistently.
  struct Identifier: Sendable, Hashable {
    let kind: IdentifierKind
    let value: UInt32
  }

  let file: LogFile
  var lines: [Line] = []
  /// What each line is compared by, numbers that differ from run to run left out: equal keys, equal lines.
  var keys: [Int32] = []
  /// The identifiers of all lines in order.
  var identifiers: [Identifier] = []
  /// Lines in the file, or in the section that was asked for.
  package internal(set) var lineCount = 0
  /// Trace events in it, compared or not.
  package internal(set) var eventCount = 0
  /// Lines that are neither blank, nor trace events, nor `......`.
  package internal(set) var otherCount = 0
  /// Events of an older dialect that today's does not have; they are not compared.
  package internal(set) var withoutCounterpart = 0

  /// The key of `......`.
  static let gapKey: Int32 = 0

  init(file: LogFile) {
    self.file = file
  }

  package var path: String { file.path }

  /// How many lines are compared, `......` left out.
  package var comparedCount: Int { keys.count { $0 != Self.gapKey } }

  /// The identifiers of line `index` of `lines`.
  func identifiers(of index: Int) -> ArraySlice<Identifier> {
    let start = index == 0 ? 0 : Int(lines[index - 1].identifiersEnd)
    return identifiers[start..<Int(lines[index].identifiersEnd)]
  }

  /// The text of line `index` as it is shown: no time stamp, white space collapsed.
  func text(of index: Int) -> [UInt8] {
    var output: [UInt8] = []
    LineText.appendCollapsed(lines[index].text, of: file.bytes.span, to: &output)
    return output
  }
}
