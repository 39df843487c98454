/// One argument of a trace line.
public enum TraceArgument: Sendable, Equatable {
  case text(String)
  /// Any integer by its bit pattern; the conversion decides about sign and width.
  case word(UInt64)

  /// An integer of any type; negative values are sign-extended.
  package static func number(_ value: some BinaryInteger) -> Self {
    .word(UInt64(truncatingIfNeeded: value))
  }

  /// 1 or 0.
  package static func flag(_ value: Bool) -> Self { .word(value ? 1 : 0) }
}

/// Writes trace arguments by a printf-like format.
///
/// Conversions: `%s`, `%d`, `%ld`, `%u`, `%x`, `%lx`, `%c`, `%p`, `%%`, with a zero-padded width and a
/// position (`%6$d`) where wanted. 32 bits are shown without `l`, 64 with. An argument that is missing
/// or of the other kind is shown as `?`, so that no format can trap.
enum TraceFormatter {
  static func append(
    _ format: StaticString, _ arguments: [TraceArgument], to line: inout [UInt8]
  ) {
    format.withUTF8Buffer { text in
      var next = 0
      var index = 0
      while index < text.count {
        let byte = unsafe text[index]
        index += 1
        guard byte == UInt8(ascii: "%") else {
          line.append(byte)
          continue
        }
        var width = 0
        var position: Int?
        var isLong = false
        conversion: while index < text.count {
          let code = unsafe text[index]
          index += 1
          switch code {
          case UInt8(ascii: "0")...UInt8(ascii: "9"):
            width = min(width * 10 + Int(code - UInt8(ascii: "0")), 64)
          case UInt8(ascii: "$"):
            position = width - 1
            width = 0
          case UInt8(ascii: "l"):
            isLong = true
          case UInt8(ascii: "%"):
            line.append(code)
            break conversion
          default:
            let place = position ?? next
            next = place + 1
            let argument = arguments.indices.contains(place) ? arguments[place] : nil
            append(argument, code, width: width, isLong: isLong, to: &line)
            break conversion
          }
        }
      }
    }
  }

  private static func append(
    _ argument: TraceArgument?, _ code: UInt8, width: Int, isLong: Bool, to line: inout [UInt8]
  ) {
    switch (argument, code) {
    case (.text(let text), UInt8(ascii: "s")):
      line.append(contentsOf: text.utf8)
    case (.word(let word), UInt8(ascii: "d")):
      let value = isLong ? Int64(bitPattern: word) : Int64(Int32(truncatingIfNeeded: word))
      // The sign counts as one of the width's places.
      if value < 0 { line.append(UInt8(ascii: "-")) }
      appendDigits(value.magnitude, radix: 10, width: value < 0 ? width - 1 : width, to: &line)
    case (.word(let word), UInt8(ascii: "u")):
      appendDigits(isLong ? word : word & 0xffff_ffff, radix: 10, width: width, to: &line)
    case (.word(let word), UInt8(ascii: "x")):
      appendDigits(isLong ? word : word & 0xffff_ffff, radix: 16, width: width, to: &line)
    case (.word(let word), UInt8(ascii: "c")):
      line.append(UInt8(truncatingIfNeeded: word))
    case (.word(0), UInt8(ascii: "p")):
      line.append(contentsOf: "(nil)".utf8)
    case (.word(let word), UInt8(ascii: "p")):
      line.append(UInt8(ascii: "0"))
      line.append(UInt8(ascii: "x"))
      appendDigits(word, radix: 16, width: 0, to: &line)
    default:
      line.append(UInt8(ascii: "?"))
    }
  }

  private static func appendDigits(
    _ value: UInt64, radix: UInt64, width: Int, to line: inout [UInt8]
  ) {
    let start = line.count
    var rest = value
    repeat {
      let digit = UInt8(rest % radix)
      line.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
      rest /= radix
    } while rest > 0
    while line.count - start < width { line.append(UInt8(ascii: "0")) }
    line[start...].reverse()
  }
}
