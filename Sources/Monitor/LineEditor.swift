/// One line as it is typed: bytes in, echo and finished lines out.
///
/// Echoes what QEMU's line editor shows, without its redrawing of the whole line. A line is bounded, as
/// there; what would not fit is not cut off in silence but makes the line one that is too long.
struct LineEditor {
  /// How many bytes a line may have, as in QEMU.
  static let limit = 4095

  /// What a byte led to.
  enum Step: Equatable {
    case echo([UInt8])
    case line(String)
    /// The line is over, and was longer than the limit.
    case tooLong
    case nothing
  }

  private enum State {
    case plain
    /// After a carriage return, whose line feed is no second line.
    case returned
    case escaped
    /// In a sequence such as that of a cursor key, up to its final byte.
    case sequence
  }

  /// What has been typed of the line, for whoever shows it again.
  private(set) var text: [UInt8] = []
  private var isTooLong = false
  private var state = State.plain

  /// Takes one byte.
  mutating func take(_ byte: UInt8) -> Step {
    let previous = state
    state = .plain
    switch previous {
    case .returned where byte == Key.lineFeed: return .nothing
    case .escaped:
      if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "O") { state = .sequence }
      return .nothing
    case .sequence:
      if byte < 0x40 { state = .sequence }
      return .nothing
    case .plain, .returned: break
    }
    switch byte {
    case Key.carriageReturn:
      state = .returned
      return finish()
    case Key.lineFeed: return finish()
    case Key.backspace, Key.delete: return erase()
    case Key.killLine: return kill()
    case Key.escape:
      state = .escaped
      return .nothing
    case 0..<0x20: return .nothing
    default: return append(byte)
    }
  }

  private mutating func append(_ byte: UInt8) -> Step {
    guard text.count < Self.limit else {
      isTooLong = true
      return .nothing
    }
    text.append(byte)
    return .echo([byte])
  }

  private mutating func finish() -> Step {
    defer {
      text = []
      isTooLong = false
    }
    return isTooLong ? .tooLong : .line(String(decoding: text, as: UTF8.self))
  }

  /// Takes the last character back, all bytes of it.
  private mutating func erase() -> Step {
    guard !text.isEmpty else { return .nothing }
    while let byte = text.popLast(), byte & 0xc0 == 0x80, !text.isEmpty {}
    return .echo(Self.rubOut)
  }

  private mutating func kill() -> Step {
    let count = text.count { $0 & 0xc0 != 0x80 }
    text = []
    isTooLong = false
    return .echo(Array(repeatElement(Self.rubOut, count: count).joined()))
  }

  /// Back, over it, back.
  private static let rubOut = Array("\u{8} \u{8}".utf8)

  private enum Key {
    static let backspace: UInt8 = 0x08
    static let lineFeed: UInt8 = 0x0a
    static let carriageReturn: UInt8 = 0x0d
    static let killLine: UInt8 = 0x15
    static let escape: UInt8 = 0x1b
    static let delete: UInt8 = 0x7f
  }
}
