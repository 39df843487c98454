internal import Tracing

/// One step that turns trace events on or off.
package struct TraceAction: Sendable, Equatable {
  /// Where it was asked for.
  package enum Origin: Sendable, Equatable {
    /// `-trace`, as written.
    case option(String)

    /// `-d trace:PATTERN`.
    case logItem

    /// Line `line`, from 1, of an events file.
    case file(String, line: Int)
  }

  /// An event's name, or a pattern with `*` and `?`; without the `-` that turns events off.
  package let pattern: String

  /// Whether matching events are turned on.
  package let enables: Bool

  /// Where it was asked for.
  package let origin: Origin

  /// Reads one pattern; a leading `-` turns events off.
  package init(_ text: String, origin: Origin) {
    enables = !text.hasPrefix("-")
    pattern = enables ? text : String(text.dropFirst())
    self.origin = origin
  }

  /// QEMU's warning that no event has this exact name, with the nearest of `events`; the line is ended.
  package func unknownEventWarning(
    program: String, events: some Sequence<String>
  ) -> String {
    let prefix =
      switch origin {
      case .option(let option): "\(program): \(option): "
      case .logItem: "\(program): "
      case .file(let path, let line): "\(program):\(path):\(line): "
      }
    let advice = NearestName.find(pattern, in: events).map { "; did you mean '\($0)'?" } ?? ""
    return printable("\(prefix)warning: trace event '\(pattern)' does not exist\(advice)") + "\n"
  }
}
