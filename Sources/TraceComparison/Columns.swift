/// The layout of two logs side by side: number and text of A, a marker, number and text of B.
struct Columns {
  /// One line of one log; its text takes one column a byte.
  struct Cell {
    let number: Int
    let text: [UInt8]
  }

  private let numberWidth: Int
  private let textWidth: Int

  init(_ comparison: Comparison, width: Int) {
    let highest = max(
      comparison.a.lines.last?.number ?? 0, comparison.b.lines.last?.number ?? 0)
    numberWidth = max(4, String(highest).count)
    textWidth = max(8, (max(SideBySideReport.minimumWidth, width) - 2 * numberWidth - 5) / 2)
  }

  /// The line above the first difference: the two paths, each over its column; the end of a long one.
  func header(_ comparison: Comparison) -> [UInt8] {
    func title(_ side: String, _ path: String) -> [UInt8] {
      let text = ReportText.printable(Array(path.utf8))
      let room = textWidth - 3
      let shown = text.count <= room ? text : Array("...".utf8) + text.suffix(max(0, room - 3))
      return Array("\(side): ".utf8) + shown
    }
    let indent = [UInt8](repeating: 0x20, count: numberWidth + 1)
    let left = title("A", comparison.a.path)
    let right = title("B", comparison.b.path)
    let padding = [UInt8](repeating: 0x20, count: max(0, textWidth - left.count) + 3)
    return indent + left + padding + indent + right + [0x0a]
  }

  /// Writes one row. A text that is too long goes on below when `wraps`, else it ends in `~`.
  func write(
    _ left: Cell?, _ marker: UInt8, _ right: Cell?, wraps: Bool, color: Bool,
    to output: inout ReportText
  ) {
    let leftParts = parts(of: left?.text ?? [], wraps: wraps)
    let rightParts = parts(of: right?.text ?? [], wraps: wraps)
    for index in 0..<max(1, max(leftParts.count, rightParts.count)) {
      var line: [UInt8] = []
      appendNumber(index == 0 ? left?.number : nil, to: &line)
      let leftPart = index < leftParts.count ? leftParts[index] : []
      append(leftPart, color: color && left != nil ? "\u{1b}[31m" : nil, to: &line)
      line += [UInt8](repeating: 0x20, count: textWidth - leftPart.count)
      line += [0x20, marker, 0x20]
      appendNumber(index == 0 ? right?.number : nil, to: &line)
      let rightPart = index < rightParts.count ? rightParts[index] : []
      append(rightPart, color: color && right != nil ? "\u{1b}[32m" : nil, to: &line)
      while line.last == 0x20 { line.removeLast() }
      line.append(0x0a)
      output.append(line)
    }
  }

  private func append(_ text: [UInt8], color: String?, to line: inout [UInt8]) {
    guard let color, !text.isEmpty else {
      line += text
      return
    }
    line += color.utf8
    line += text
    line += "\u{1b}[0m".utf8
  }

  private func appendNumber(_ number: Int?, to line: inout [UInt8]) {
    let digits = number.map { Array(String($0).utf8) } ?? []
    line += [UInt8](repeating: 0x20, count: max(0, numberWidth - digits.count))
    line += digits
    line.append(0x20)
  }

  /// The pieces of `text` that fit the column, broken at blanks where one is near.
  private func parts(of text: [UInt8], wraps: Bool) -> [[UInt8]] {
    guard text.count > textWidth else { return [text] }
    guard wraps else { return [text.prefix(textWidth - 1) + [UInt8(ascii: "~")]] }
    var parts: [[UInt8]] = []
    var rest = text[...]
    while rest.count > textWidth - (parts.isEmpty ? 0 : 2) {
      let room = textWidth - (parts.isEmpty ? 0 : 2)
      let head = rest.prefix(room + 1)
      let blank = head.lastIndex(of: 0x20) ?? head.startIndex
      let isNear = blank - head.startIndex > room / 2
      let end = isNear ? blank : head.startIndex + room
      parts.append((parts.isEmpty ? [] : [0x20, 0x20]) + rest[rest.startIndex..<end])
      rest = rest[(isNear ? end + 1 : end)...]
    }
    if !rest.isEmpty { parts.append((parts.isEmpty ? [] : [0x20, 0x20]) + rest) }
    return parts
  }
}
