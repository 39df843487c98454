import Testing
import Tracing

@Suite struct DiagnosticsTests {
  private let sink = RingSink()

  @Test func eachKindHasItsForm() {
    let diagnostics = Diagnostics(program: "swiftvmm", to: sink)
    diagnostics.error("it failed")
    diagnostics.hint("Try again.")
    diagnostics.warning("it is odd")
    diagnostics.warning("it is odd", context: "-device vfio-pci")
    #expect(
      sink.lines == [
        "swiftvmm: it failed", "Try again.", "swiftvmm: warning: it is odd",
        "swiftvmm: -device vfio-pci: warning: it is odd",
      ])
  }

  @Test func aWarningThatIsGivenOnceIsNotRepeated() {
    let diagnostics = Diagnostics(program: "p", to: sink)
    for _ in 0..<3 {
      diagnostics.warningOnce("one")
      diagnostics.warningOnce("two", context: "c")
    }
    #expect(sink.lines == ["p: warning: one", "p: c: warning: two"])
  }

  @Test func aStampedLineNamesTheGuestAndAHintIsNeverStamped() throws {
    let diagnostics = Diagnostics(program: "p", to: sink, isStamped: true, guestName: "lab")
    diagnostics.error("it failed")
    diagnostics.hint("Try again.")
    let words = try #require(sink.lines.first).split(separator: " ")
    #expect(words.first?.hasSuffix("Z") == true)
    #expect(words.dropFirst().joined(separator: " ") == "lab p: it failed")
    #expect(sink.lines.last == "Try again.")
  }
}
