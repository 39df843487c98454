/// The shell script that the lab machine's session runs, as `/lab/output/command`.
package struct SessionCommand: Sendable {
  /// Variables to export, in order.
  package var environment: [(name: String, value: String)] = []
  /// The command and its arguments.
  package var arguments: [String]
  /// The terminal to run on, for an interactive shell on the serial console.
  package var terminal: Terminal?

  /// What the shell has to know of the terminal at the other end of the serial console.
  package struct Terminal: Sendable {
    /// The terminfo name.
    package var kind = "vt100"
    package var rows = 24
    package var columns = 80

    package init() {}
  }

  package init(_ arguments: [String], terminal: Terminal? = nil) {
    self.arguments = arguments
    self.terminal = terminal
  }

  /// The script's text.
  package var script: String {
    var lines = environment.map { "export \($0.name)=\(Self.quote($0.value))" }
    let command = arguments.map { Self.quote($0) }.joined(separator: " ")
    if let terminal {
      lines.append("export TERM=\(Self.quote(terminal.kind))")
      lines.append("stty rows \(terminal.rows) columns \(terminal.columns) </dev/ttyS0")
      lines.append("exec setsid --ctty --wait \(command) </dev/ttyS0 >/dev/ttyS0 2>&1")
    } else {
      lines.append("exec \(command)")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// One shell word that stands for exactly this text.
  package static func quote(_ text: String) -> String {
    let plain = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "-_./:=,+@%".utf8.contains(byte)
      }
    }
    if plain && !text.isEmpty { return text }
    let pieces = text.split(separator: "'", omittingEmptySubsequences: false)
    return "'" + pieces.joined(separator: "'\\''") + "'"
  }
}
