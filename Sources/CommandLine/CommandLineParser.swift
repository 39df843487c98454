internal import Tracing

/// Reads a command line by QEMU's grammar.
package enum CommandLineParser {
  /// One option with its value, as found on the command line.
  struct Use {
    /// The option.
    let option: OptionDescription

    /// Its value; empty for an option that has none.
    let value: String

    /// Name and value as written, for messages.
    let text: String

    /// What is wrong with this option.
    func error(_ reason: CommandLineError.Reason) -> CommandLineError {
      CommandLineError(option: text, reason: reason)
    }
  }

  /// Reads `arguments`, the program's name left out.
  ///
  /// Names and missing values are checked first on the whole line, then each option in order, then
  /// the machine, and devices last. `readFile` gets the path of an events file at once when the
  /// option that names it is read; nothing else is read or opened.
  package static func parse(
    _ arguments: [String], readFile: (String) throws(UnreadableFile) -> [UInt8]
  ) throws(CommandLineError) -> CommandLineRequest {
    var builder = ConfigurationBuilder()
    for use in try uses(arguments) {
      if let request = try builder.take(use, readFile: readFile) { return request }
    }
    return try builder.finish()
  }

  /// Divides `arguments` into options; each may begin with one dash or two.
  private static func uses(_ arguments: [String]) throws(CommandLineError) -> [Use] {
    var uses: [Use] = []
    var rest = arguments[...]
    while let word = rest.popFirst() {
      guard word.hasPrefix("-") else {
        throw CommandLineError(option: word, reason: .strayWord)
      }
      let name = word.hasPrefix("--") ? word.dropFirst(2) : word.dropFirst()
      guard let option = OptionDescription.named(name) else {
        if OptionDescription.unsupported.contains(String(name)) {
          throw CommandLineError(option: word, reason: .unsupportedOption)
        }
        let nearest = NearestName.find(String(name), in: OptionDescription.allNames)
        throw CommandLineError(option: word, reason: .invalidOption(nearest: nearest))
      }
      guard option.value != nil else {
        uses.append(Use(option: option, value: "", text: word))
        continue
      }
      guard let value = rest.popFirst() else {
        throw CommandLineError(
          option: word, reason: .missingArgument(synopsis: option.usage))
      }
      uses.append(Use(option: option, value: value, text: "\(word) \(value)"))
    }
    return uses
  }
}
