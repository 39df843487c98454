import CommandLine
import Testing

/// A command line that cannot be used, and every line the user sees, without the program's name.
struct Complaint: Sendable, CustomTestStringConvertible {
  let arguments: [String]
  let text: String

  init(_ arguments: String..., is text: String) {
    self.arguments = arguments
    self.text = text
  }

  /// Whether the user sees exactly `text` after the program's name.
  var isWhatTheUserSees: Bool { complaint(arguments) == "swiftvmm: \(text)\n" }

  var testDescription: String {
    "\(arguments.joined(separator: " ")) → \(complaint(arguments) ?? "no message")"
  }
}
