/// One end of the section that `--between` selects: text of a line.
package struct Mark: Sendable, Equatable {
  enum Occurrence: Sendable, Equatable {
    /// `^` or `$`: the end of the log itself.
    case edge
    /// The n-th line with the text, from 1 up.
    case nth(Int)
    case last
  }

  let text: String
  let glob: Glob
  let occurrence: Occurrence

  /// Reads TEXT, `TEXT#3`, `TEXT#last`, or the `edge` character; throws `invalidMark`.
  init(_ value: String, edge: String) throws(ComparisonError) {
    var text = Substring(value)
    var occurrence = Occurrence.nth(1)
    if value == edge {
      occurrence = .edge
    } else if let hash = value.lastIndex(of: "#") {
      let suffix = value[value.index(after: hash)...]
      if suffix == "last" {
        occurrence = .last
        text = value[..<hash]
      } else if !suffix.isEmpty, suffix.utf8.allSatisfy(LineScanner.isDigit) {
        guard let number = Int(suffix), number > 0 else { throw .invalidMark(value) }
        occurrence = .nth(number)
        text = value[..<hash]
      }
    }
    let words = text.split(whereSeparator: \.isWhitespace)
    guard !words.isEmpty else { throw .invalidMark(value) }
    self.text = String(text)
    self.glob = Glob(words.joined(separator: " "))
    self.occurrence = occurrence
  }
}

/// The part of a log that is compared: from the line with the first mark to the next line with the second,
/// both included. A mark fits a line that holds it anywhere, time stamp left out and white space collapsed.
package struct Section: Sendable, Equatable {
  private let first: Mark
  private let last: Mark

  /// Reads the two marks; `^` as the first is the start of the log, `$` as the second its end. Throws
  /// `invalidMark`.
  package init(from first: String, to last: String) throws(ComparisonError) {
    self.first = try Mark(first, edge: "^")
    self.last = try Mark(last, edge: "$")
  }

  /// The bytes of the section and the number of its first line; throws `markNotFound`.
  func locate(in file: LogFile) throws(ComparisonError) -> (bytes: Range<Int>, firstLine: Int) {
    let whole = 0..<file.bytes.count
    var start = (line: 0..<0, number: 1)
    var next = (position: 0, number: 1)
    var after: Int?
    if first.occurrence != .edge {
      start = try find(first, in: file, whole, number: 1, after: nil)
      next = (min(start.line.upperBound + 1, whole.upperBound), start.number + 1)
      after = start.number
    }
    guard last.occurrence != .edge else {
      return (start.line.lowerBound..<whole.upperBound, start.number)
    }
    let end = try find(
      last, in: file, next.position..<whole.upperBound, number: next.number, after: after)
    return (start.line.lowerBound..<end.line.upperBound, start.number)
  }

  private func find(
    _ mark: Mark, in file: LogFile, _ range: Range<Int>, number: Int, after: Int?
  ) throws(ComparisonError) -> (line: Range<Int>, number: Int) {
    let bytes = file.bytes.span
    var lines = LineCursor(range)
    var number = number
    var found = 0
    var latest: (line: Range<Int>, number: Int)?
    var plain: [UInt8] = []
    while let line = lines.next(in: bytes) {
      plain.removeAll(keepingCapacity: true)
      LineText.appendCollapsed(LineScanner.text(of: line, in: bytes), of: bytes, to: &plain)
      if mark.glob.isFound(in: plain.span) {
        found += 1
        latest = (line, number)
        if mark.occurrence == .nth(found) { return (line, number) }
      }
      number += 1
    }
    if mark.occurrence == .last, let latest { return latest }
    throw .markNotFound(path: file.path, mark: mark.text, found: found, after: after)
  }
}
