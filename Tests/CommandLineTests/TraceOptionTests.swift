import CommandLine
import Testing

@Suite struct TraceOptionTests {
  @Test func actionsKeepTheirOrderAcrossOptionsAndFiles() throws {
    let configuration = try configuration(
      "-trace", "vfio*,file=t.log", "-trace", "events=/events", "-trace", "enable=-vfio_msi*",
      "-D", "d.log")
    #expect(
      configuration.trace.actions.map { ($0.enables ? "+" : "-") + $0.pattern } == [
        "+vfio*", "+vfio_intx_eoi", "-vfio_region*", "+iommufd*", "-vfio_msi*",
      ])
    #expect(
      configuration.trace.actions.map(\.origin) == [
        .option("-trace vfio*,file=t.log"), .file("/events", line: 1), .file("/events", line: 4),
        .file("/events", line: 5), .option("-trace enable=-vfio_msi*"),
      ])
    #expect(configuration.trace.traceFile == "t.log")
    #expect(configuration.trace.logFile == "d.log")
    #expect(configuration.trace.destination == "t.log")
  }

  @Test func lastLogItemsCountAndComeLast() throws {
    let configuration = try configuration(
      "-d", "trace:a", "-d", "trace:b,trace:-c*", "-trace", "d")
    #expect(configuration.trace.actions.map(\.pattern) == ["d", "b", "c*"])
    #expect(configuration.trace.actions.map(\.enables) == [true, true, false])
    #expect(configuration.trace.actions.last?.origin == .logItem)
  }

  @Test func emptyPatternAsksForNothing() throws {
    #expect(try configuration("-trace", "").trace.actions.isEmpty)
    #expect(try configuration("-trace", "enable=").trace.actions.isEmpty)
  }

  @Test func patternFileCountsEveryLine() {
    let actions = TracePatternFile.parse("\n#a\n  # b\nc\r\n\t-d \ne", name: "f")
    #expect(actions.map(\.pattern) == ["c", "d", "e"])
    #expect(actions.map(\.enables) == [true, false, true])
    #expect(
      actions.map(\.origin) == [.file("f", line: 4), .file("f", line: 5), .file("f", line: 6)])
    #expect(TracePatternFile.parse("", name: "f").isEmpty)
  }

  @Test func unknownEventsAreReportedWhereTheyWereNamed() throws {
    let configuration = try configuration(
      "-trace", "nosuch_event", "-trace", "events=/events", "-d", "trace:vfio_intx_eio")
    let events = ["vfio_intx_eoi", "vfio_intx_enable"]
    let actions = configuration.trace.actions
    let warnings = [0, 1, 4].map {
      actions[$0].unknownEventWarning(program: "swiftvmm", events: events)
    }
    #expect(
      warnings == [
        "swiftvmm: -trace nosuch_event: warning: trace event 'nosuch_event' does not exist\n",
        "swiftvmm:/events:1: warning: trace event 'vfio_intx_eoi' does not exist; did you mean "
          + "'vfio_intx_eoi'?\n",
        "swiftvmm: warning: trace event 'vfio_intx_eio' does not exist; did you mean "
          + "'vfio_intx_eoi'?\n",
      ])
  }

  @Test func eventsFileIsReadOnceForEachMention() throws {
    var asked: [String] = []
    _ = try CommandLineParser.parse(["-trace", "events=a", "-S", "-trace", "events=b,,c"]) {
      path throws(UnreadableFile) in
      asked.append(path)
      return []
    }
    #expect(asked == ["a", "b,c"])
  }
}
