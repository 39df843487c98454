import Glibc
import TestSupport
import Testing

@testable import Tracing

@Suite struct TraceFormatterTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let format: StaticString
    let arguments: [TraceArgument]
    let line: String

    init(_ format: StaticString, _ arguments: [TraceArgument], _ line: String) {
      self.format = format
      self.arguments = arguments
      self.line = line
    }

    var testDescription: String { "\(format)" }
  }

  private func line(_ format: StaticString, _ arguments: [TraceArgument]) -> String {
    var bytes: [UInt8] = []
    TraceFormatter.append(format, arguments, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test(arguments: [
    Case("", [], ""),
    Case("no conversion", [], "no conversion"),
    Case("100%%", [], "100%"),
    Case("%s", [.text("0000:81:00.0")], "0000:81:00.0"),
    Case("%s", [.text("")], ""),
    Case("%d", [.number(0)], "0"),
    Case("%d", [.number(Int32.min)], "-2147483648"),
    Case("%d", [.number(-1 as Int8)], "-1"),
    Case("%d", [.number(0x1_ffff_fffe as UInt64)], "-2"),
    Case("%ld", [.number(Int64.min)], "-9223372036854775808"),
    Case("%ld", [.number(Int64.max)], "9223372036854775807"),
    Case("%u", [.number(-1)], "4294967295"),
    Case("%lu", [.number(-1)], "18446744073709551615"),
    Case("0x%x", [.number(0x1_dead_beef as UInt64)], "0xdeadbeef"),
    Case("0x%lx", [.number(0x1_dead_beef as UInt64)], "0x1deadbeef"),
    Case("0x%lx", [.number(-1)], "0xffffffffffffffff"),
    Case("Pin %c", [.number(UInt8(ascii: "B"))], "Pin B"),
    Case("[%p]", [.number(0x7f00_0000_1000)], "[0x7f0000001000]"),
    Case("[%p]", [.number(0)], "[(nil)]"),
    Case("%d%d", [.flag(true), .flag(false)], "10"),
  ])
  func aConversionShowsItsArgument(_ example: Case) {
    #expect(line(example.format, example.arguments) == example.line)
  }

  @Test(arguments: [
    Case(
      "%04x:%02x:%02x.%x", [.number(0), .number(0x81), .number(0), .number(1)], "0000:81:00.1"),
    Case("%02x", [.number(0xabc)], "abc"),
    Case("%08x", [.number(0x1234)], "00001234"),
    Case("%06d", [.number(42)], "000042"),
    Case("%06d", [.number(-42)], "-00042"),
    Case("%01d", [.number(-42)], "-42"),
    Case("%016lx", [.number(0xfee0_0000 as UInt64)], "00000000fee00000"),
  ])
  func aWidthPadsWithZeros(_ example: Case) {
    #expect(line(example.format, example.arguments) == example.line)
  }

  @Test func aWidthIsBounded() {
    #expect(line("%099999999999999999999d", [.number(7)]).utf8.count == 64)
  }

  @Test(arguments: [
    Case("%2$s %1$d", [.number(3), .text("b")], "b 3"),
    Case("%1$s %1$s", [.text("twice")], "twice twice"),
    Case("%3$04x", [.number(1), .number(2), .number(3)], "0003"),
    Case("%2$d %d", [.number(1), .number(2), .number(3)], "2 3"),
  ])
  func aPositionPicksItsArgument(_ example: Case) {
    #expect(line(example.format, example.arguments) == example.line)
  }

  @Test(arguments: [
    Case("%s %d", [.text("only")], "only ?"),
    Case("%d", [], "?"),
    Case("%d", [.text("text")], "?"),
    Case("%p", [.text("text")], "?"),
    Case("%s", [.number(1)], "?"),
    Case("%9$d", [.number(1)], "?"),
    Case("%0$d", [.number(1)], "?"),
    Case("%q", [.number(1)], "?"),
    Case("end %", [.number(1)], "end "),
    Case("end %04", [.number(1)], "end "),
    Case("end %l", [.number(1)], "end "),
  ])
  func whatDoesNotFitIsShownAndNeverTraps(_ example: Case) {
    #expect(line(example.format, example.arguments) == example.line)
  }

  @Test func surplusArgumentsAreLeftOut() {
    #expect(line("%d", [.number(1), .number(2), .text("x")]) == "1")
  }

  // MARK: - Against the C library

  private static let conversions: [StaticString] = [
    "%d", "%ld", "%u", "%lu", "%x", "%lx", "%02x", "%04x", "%08x", "%06d", "%012ld", "%p", "%c",
  ]

  /// What the C library's `printf` makes of the same format and arguments; texts, which must not
  /// contain `%`, are put in by hand.
  private func printed(_ format: String, _ arguments: [TraceArgument]) -> String {
    let pieces = format.split(separator: "%", omittingEmptySubsequences: false)
    var text = String(pieces.first ?? "")
    var values: [any CVarArg] = []
    for (piece, argument) in zip(pieces.dropFirst(), arguments) {
      switch argument {
      case .text(let replacement):
        text += replacement + piece.dropFirst()
      case .word(let word):
        let isWide = piece.drop { $0.isNumber }.first.map { "lp".contains($0) } ?? false
        values.append(isWide ? word as any CVarArg : UInt32(truncatingIfNeeded: word))
        text += "%" + piece
      }
    }
    var buffer = [CChar](repeating: 0, count: 1024)
    let count = unsafe withVaList(values) { list in
      unsafe vsnprintf(&buffer, buffer.count, text, list)
    }
    return String(
      decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  @Test(arguments: conversions.map(\.description))
  func numbersLookAsInTheCLibrary(_ name: String) throws {
    let format = try #require(Self.conversions.first { $0.description == name })
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<500 {
      // All magnitudes are equally likely, and so are their negatives.
      let magnitude = UInt64.random(in: 1...UInt64.max, using: &generator)
      var word = magnitude >> UInt64.random(in: 0..<64, using: &generator)
      if Bool.random(using: &generator) { word = 0 &- word }
      if name == "%c" { word = word % 94 + 33 }
      #expect(line(format, [.word(word)]) == printed(name, [.word(word)]))
    }
  }

  @Test(arguments: TraceEvent.allCases, TraceDialect.allCases)
  func everyEventLooksAsInTheCLibrary(_ event: TraceEvent, _ dialect: TraceDialect) {
    let format = event.definition.form(in: dialect).format
    let text = format.description
    // Positions with gaps are not C.
    guard !text.contains("$") else { return }
    let arguments = text.split(separator: "%", omittingEmptySubsequences: false).dropFirst()
      .enumerated().map { index, conversion in
        conversion.first == "s"
          ? TraceArgument.text("text\(index)") : .number(0x4141_4142_4344_4546 + UInt64(index))
      }
    #expect(line(format, arguments) == printed(text, arguments))
  }
}
