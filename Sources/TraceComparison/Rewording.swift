/// Turns the arguments of an older event into today's wording.
struct Rewording: Sendable {
  private enum Piece: Sendable {
    case literal([UInt8])
    case capture(Int)
  }

  private let literals: [[UInt8]]
  private let result: [Piece]

  /// `pattern` holds `*` for each part that is kept, `result` names them `$1` to `$9`.
  init(from pattern: String, to result: String) {
    literals = pattern.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
      .map(Array.init)
    var pieces: [Piece] = []
    for (index, part) in result.utf8
      .split(separator: UInt8(ascii: "$"), omittingEmptySubsequences: false).enumerated()
    {
      var text = Array(part)
      if index > 0, let digit = text.first {
        pieces.append(.capture(Int(digit) - Int(UInt8(ascii: "1"))))
        text.removeFirst()
      }
      pieces.append(.literal(text))
    }
    self.result = pieces
  }

  /// Today's wording of `text`; nil when it does not fit the pattern. Each kept part is as short as possible,
  /// except the last, which reaches to the end.
  func reword(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    guard let first = literals.first, let last = literals.last, literals.count > 1,
      text.starts(with: first)
    else { return nil }
    var captures: [ArraySlice<UInt8>] = []
    var rest = text.dropFirst(first.count)
    for literal in literals.dropFirst().dropLast() {
      guard let found = Self.find(literal, in: rest) else { return nil }
      captures.append(rest[rest.startIndex..<found])
      rest = rest[(found + literal.count)...]
    }
    guard rest.count >= last.count, rest.suffix(last.count).elementsEqual(last) else { return nil }
    captures.append(rest.dropLast(last.count))
    var output: [UInt8] = []
    for piece in result {
      switch piece {
      case .literal(let bytes): output += bytes
      case .capture(let index) where captures.indices.contains(index): output += captures[index]
      case .capture: return nil
      }
    }
    return output
  }

  /// Where `literal` first stands in `text`.
  static func find(_ literal: [UInt8], in text: ArraySlice<UInt8>) -> Int? {
    guard literal.count <= text.count else { return nil }
    for start in text.startIndex...(text.endIndex - literal.count)
    where text[start..<(start + literal.count)].elementsEqual(literal) {
      return start
    }
    return nil
  }
}
