internal import Machine

/// Why a run ended before it began, as text: the one place where the program's layers meet the user.
struct RunFailure: Error {
  /// The option at fault, if any.
  let option: String?
  let message: String
  let hints: [String]

  init(_ message: String, option: String? = nil, hints: [String] = []) {
    self.option = option
    self.message = message
    self.hints = hints
  }

  init(_ error: MachineError) {
    let lines = error.lines
    self.init(lines.first ?? "", option: error.option, hints: Array(lines.dropFirst()))
  }
}
