package import EventLoop
package import Machine
internal import Tracing

/// A conversation with a person, in the commands and words of QEMU's human monitor.
///
/// The prompt is QEMU's, since that is what scripts wait for; the greeting has QEMU's form and our own
/// name, since that is what people read. Each line ends in CR LF.
@VMMain package final class HMPSession: MonitorSession {
  private static let prompt = "(qemu) "

  package var output = OutputQueue()
  private let context: MonitorContext
  private var editor = LineEditor()
  private var hasFocus = true
  private var isGreeted = false
  /// The machine ends at its user's wish, and nothing more is asked.
  private var isEnding = false

  /// A conversation about `control`.
  package init(control: any MachineControl, version: QMPVersion) {
    context = MonitorContext(control: control, version: version)
  }

  /// Greets, now or when the keyboard comes for the first time.
  package func open() {
    guard hasFocus, !isGreeted else { return }
    isGreeted = true
    say("\(context.version.package) monitor - type 'help' for more information\n")
    say(Self.prompt)
  }

  package func receive(_ bytes: ArraySlice<UInt8>) -> Int {
    var count = 0
    for byte in bytes {
      if output.isFull { break }
      take(byte)
      count += 1
    }
    return count
  }

  package func announce(_ event: MachineEvent) {
    if case .shutdown(let cause) = event, !cause.isGuest { isEnding = true }
  }

  package func focusChanged(_ hasFocus: Bool) {
    guard self.hasFocus != hasFocus else { return }
    self.hasFocus = hasFocus
    guard isGreeted else { return open() }
    if hasFocus {
      say(Self.prompt)
      output.append(editor.text)
    } else {
      say("\n")
    }
  }

  private func take(_ byte: UInt8) {
    switch editor.take(byte) {
    case .nothing: break
    case .echo(let bytes): output.append(bytes)
    case .line(let line):
      say("\n")
      execute(line)
      showPrompt()
    case .tooLong:
      say("\nline of more than \(LineEditor.limit) bytes ignored\n")
      showPrompt()
    }
  }

  private func showPrompt() {
    if !isEnding { say(Self.prompt) }
  }

  private func execute(_ line: String) {
    do throws(HMPError) {
      say(try HMPCommand.execute(line, context))
    } catch {
      say(error.text + "\n")
    }
  }

  private func say(_ text: String) {
    for byte in text.utf8 {
      if byte == UInt8(ascii: "\n") { output.append(CollectionOfOne(UInt8(ascii: "\r"))) }
      output.append(CollectionOfOne(byte))
    }
  }
}
