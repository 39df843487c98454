internal import CLinux
internal import HostKernel

/// What is told to the user besides the trace: errors, warnings and hints on standard error.
///
/// A line is `program: message`; a hint stands alone on its line, as in QEMU. Any thread may call.
package final class Diagnostics: Sendable {
  private let program: String
  private let guestName: String?
  private let isStamped: Bool
  private let sink: any TraceSink
  private let told: Locked<Set<String>>

  /// Reports as `program`, with a time stamp and the guest's name before each line where asked.
  package init(
    program: String, to sink: any TraceSink, isStamped: Bool = false, guestName: String? = nil
  ) {
    self.program = program
    self.sink = sink
    self.isStamped = isStamped
    self.guestName = guestName
    self.told = Locked([])
  }

  /// Says what failed.
  package func error(_ message: String) { tell("\(program): \(message)") }

  /// Says what is odd but goes on; `context` is the option it concerns.
  package func warning(_ message: String, context: String? = nil) {
    if let context {
      tell("\(program): \(context): warning: \(message)")
    } else {
      tell("\(program): warning: \(message)")
    }
  }

  /// A warning that is given once in the life of this object, however often it is asked for.
  package func warningOnce(_ message: String, context: String? = nil) {
    let isNew = told.withLock { told in told.insert(message).inserted }
    if isNew { warning(message, context: context) }
  }

  /// A line of advice after an error.
  package func hint(_ message: String) { tell(message, isHint: true) }

  private func tell(_ text: String, isHint: Bool = false) {
    var line: [UInt8] = []
    if isStamped && !isHint {
      TimeStamp.append(to: &line)
      if let guestName { line.append(contentsOf: "\(guestName) ".utf8) }
    }
    line.append(contentsOf: text.utf8)
    line.append(UInt8(ascii: "\n"))
    sink.write(line: line.span)
  }
}
