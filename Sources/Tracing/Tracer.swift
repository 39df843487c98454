internal import CLinux
internal import HostKernel
public import Synchronization

/// The trace of one machine: which events are on, in which dialect they print, and where to.
///
/// A disabled event costs one relaxed load and a branch; its arguments are not computed. Enabled
/// lines are formatted and written one at a time under a lock, so they never interleave. Any thread
/// may emit and any thread may switch events.
public final class Tracer: Sendable {
  @usableFromInline let enabled: InlineArray<128, Atomic<Bool>>
  private let output: Locked<Output>
  package let dialect: TraceDialect

  private struct Output {
    var sink: any TraceSink
    var line: [UInt8]
    let isStamped: Bool
  }

  /// A tracer with every event off. `isStamped` puts an ISO 8601 time before each line, as
  /// `-msg timestamp=on` asks.
  package init(
    to sink: any TraceSink, dialect: TraceDialect = .qemu11, isStamped: Bool = false
  ) {
    self.enabled = InlineArray { _ in Atomic(false) }
    self.dialect = dialect
    var line: [UInt8] = []
    line.reserveCapacity(256)
    self.output = Locked(Output(sink: sink, line: line, isStamped: isStamped))
  }

  /// Whether an event is on.
  @inlinable
  public func isEnabled(_ event: TraceEvent) -> Bool {
    enabled[event.rawValue].load(ordering: .relaxed)
  }

  /// Writes one line if the event is on; `arguments` is evaluated only then.
  @inlinable
  public func emit(_ event: TraceEvent, _ arguments: @autoclosure () -> [TraceArgument]) {
    if _slowPath(enabled[event.rawValue].load(ordering: .relaxed)) {
      write(event, arguments())
    }
  }

  @usableFromInline
  @inline(never)
  func write(_ event: TraceEvent, _ arguments: [TraceArgument]) {
    let form = event.definition.form(in: dialect)
    output.withLock { output in
      output.line.removeAll(keepingCapacity: true)
      if output.isStamped { TimeStamp.append(to: &output.line) }
      form.name.withUTF8Buffer { unsafe output.line.append(contentsOf: $0) }
      output.line.append(UInt8(ascii: " "))
      TraceFormatter.append(form.format, arguments, to: &output.line)
      output.line.append(UInt8(ascii: "\n"))
      output.sink.write(line: output.line.span)
    }
  }

  /// Switches every event whose name matches a glob, or just the one named; says how many matched.
  ///
  /// An event is known by QEMU's current name and by the one that its dialect prints.
  @discardableResult
  package func set(_ pattern: String, enabled isOn: Bool) -> Int {
    var count = 0
    for definition in TraceEvent.definitions
    where GlobPattern.matches(pattern, definition.current.name.description)
      || GlobPattern.matches(pattern, definition.form(in: dialect).name.description)
    {
      enabled[definition.event.rawValue].store(isOn, ordering: .relaxed)
      count += 1
    }
    return count
  }

  /// Names and states of the events that match a glob, in the order of their definition.
  package func states(matching pattern: String) -> [(name: String, isEnabled: Bool)] {
    TraceEvent.definitions.compactMap { definition in
      let name = definition.current.name.description
      let printed = definition.form(in: dialect).name.description
      guard GlobPattern.matches(pattern, name) || GlobPattern.matches(pattern, printed) else {
        return nil
      }
      return (name, isEnabled(definition.event))
    }
  }

  /// Whether a text has a wildcard and so may match nothing without being a mistake.
  package static func isPattern(_ text: String) -> Bool {
    text.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }
  }

  /// Names of all events, sorted, for `-trace help`.
  package static var eventNames: [String] {
    TraceEvent.definitions.map { $0.current.name.description }.sorted()
  }
}
