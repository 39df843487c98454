/// Cuts a stream of bytes into the texts of single JSON values.
///
/// A text ends where its brackets balance, as in QEMU: no newline is needed between two of them, and
/// any number of newlines may be inside one. After a byte that fits no token, bytes are dropped up to
/// the next control character or structural character; after a limit, up to the next control
/// character. What it holds is bounded by `sizeLimit`.
struct JSONSplitter {
  /// The longest text, in bytes; QEMU takes 64 MiB, but no command here needs a thousandth of it.
  static let sizeLimit = 1 << 20

  /// The deepest nesting; QEMU takes 1024.
  static let nestingLimit = 64

  /// What a piece of the stream turned out to be.
  enum Piece: Equatable {
    /// A text with balanced brackets; whether it is JSON is still open.
    case text([UInt8])
    case failure(JSONFailure)
  }

  private enum State {
    case betweenTokens
    /// In a bare word or number outside all brackets, which ends where the next token begins.
    case word
    case string
    case escape
    case recovering
    case skipping
  }

  private var state = State.betweenTokens
  private var text: [UInt8] = []
  private var braces = 0
  private var brackets = 0
  /// Where the string that `state` is in began in `text`.
  private var tokenStart = 0

  /// The next piece of the stream, consuming bytes from the front of `bytes`; `nil` when they are all
  /// consumed and none is complete.
  mutating func next(_ bytes: inout ArraySlice<UInt8>) -> Piece? {
    while let byte = bytes.first {
      switch state {
      case .recovering where Self.isStructural(byte):
        state = .betweenTokens
        continue
      case .word where !Self.isWord(byte):
        return finish()
      default:
        bytes.removeFirst()
      }
      if let piece = take(byte) { return piece }
      if text.count > Self.sizeLimit { return fail(.sizeLimit, then: .skipping) }
    }
    return nil
  }

  private mutating func take(_ byte: UInt8) -> Piece? {
    switch state {
    case .recovering, .skipping:
      if byte < 0x20 { state = .betweenTokens }
      return nil
    case .word:
      text.append(byte)
      return nil
    case .string, .escape:
      text.append(byte)
      guard byte >= 0x20, byte < 0xfe else { return failStray() }
      if state == .escape {
        state = .string
      } else if byte == UInt8(ascii: "\\") {
        state = .escape
      } else if byte == UInt8(ascii: "\"") {
        state = .betweenTokens
        if braces == 0, brackets == 0 { return finish() }
      }
      return nil
    case .betweenTokens:
      return takeBetweenTokens(byte)
    }
  }

  private mutating func takeBetweenTokens(_ byte: UInt8) -> Piece? {
    let isNested = braces > 0 || brackets > 0
    switch byte {
    case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
      if isNested { text.append(byte) }
      return nil
    case UInt8(ascii: "{"): braces += 1
    case UInt8(ascii: "["): brackets += 1
    case UInt8(ascii: "}"): braces -= 1
    case UInt8(ascii: "]"): brackets -= 1
    case UInt8(ascii: ","), UInt8(ascii: ":"): break
    case UInt8(ascii: "\""):
      tokenStart = text.count
      text.append(byte)
      state = .string
      return nil
    case _ where Self.isWord(byte):
      text.append(byte)
      if !isNested { state = .word }
      return nil
    default:
      tokenStart = text.count
      text.append(byte)
      return failStray()
    }
    text.append(byte)
    if braces + brackets > Self.nestingLimit { return fail(.nestingLimit, then: .skipping) }
    let isComplete = braces < 0 || brackets < 0 || (braces == 0 && brackets == 0)
    return isComplete ? finish() : nil
  }

  private mutating func finish() -> Piece {
    let text = self.text
    restart(in: .betweenTokens)
    return .text(text)
  }

  private mutating func failStray() -> Piece {
    let lastByte = text.last ?? 0
    let token = String(decoding: text[tokenStart...].prefix(64), as: UTF8.self)
    return fail(.stray(token), then: lastByte < 0x20 ? .betweenTokens : .recovering)
  }

  private mutating func fail(_ failure: JSONFailure, then state: State) -> Piece {
    restart(in: state)
    return .failure(failure)
  }

  private mutating func restart(in state: State) {
    self.state = state
    text = []
    braces = 0
    brackets = 0
    tokenStart = 0
  }

  private static func isStructural(_ byte: UInt8) -> Bool {
    "{}[],:".utf8.contains(byte)
  }

  /// Whether a byte can be part of a number or keyword.
  static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
      UInt8(ascii: "."):
      true
    default: false
    }
  }
}
