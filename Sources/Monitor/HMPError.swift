/// Why a line was not carried out.
enum HMPError: Error, Equatable {
  /// `command` as typed, with `info` before it where it came after that.
  case unknownCommand(String, nearest: String?)
  /// `help` is what to ask for.
  case missingParameter(command: String, expected: String, help: String)
  case notOnOff(help: String)
  case extraCharacters(command: String, help: String)
  case unterminatedString(command: String, help: String)
  case refused(QMPError)

  /// QEMU's words; a guess at what was meant follows where there is one.
  var text: String {
    switch self {
    case .unknownCommand(let name, nearest: nil): "unknown command: '\(name)'"
    case .unknownCommand(let name, nearest: let nearest?):
      "unknown command: '\(name)'; did you mean '\(nearest)'?"
    case .missingParameter(let command, let expected, let help):
      "\(command): \(expected) expected\n\(Self.advice(help))"
    case .notOnOff(let help): "Expected 'on' or 'off'\n\(Self.advice(help))"
    case .extraCharacters(let command, let help):
      "\(command): extraneous characters at the end of line\n\(Self.advice(help))"
    case .unterminatedString(let command, let help):
      "unterminated string\n\(command): string expected\n\(Self.advice(help))"
    case .refused(.unknownEvent(let name)): QMPError.unknownEvent(name).text
    case .refused(let error): "Error: \(error.text)"
    }
  }

  private static func advice(_ command: String) -> String {
    "Try \"help \(command)\" for more information"
  }
}
