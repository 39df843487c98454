internal import EventLoop
internal import Tracing

/// A command of the human monitor: its names, what follows them, and what it does.
struct HMPCommand: Sendable {
  enum Action: Sendable {
    /// The same as QMP's command with the same arguments.
    case qmp(String)
    /// Text to show; all arguments are taken before anything is done.
    case show(@Sendable @VMMain (MonitorContext, inout QMPArguments) throws(QMPError) -> String)
    /// The first word after it names one of these.
    case subcommands([HMPCommand])
    /// The help about the commands that the rest of the line names.
    case help
  }

  /// The full name first.
  let names: [String]
  let parameters: [HMPParameter]
  /// What follows the name, as help has it.
  let usage: String
  let summary: String
  let action: Action

  init(
    _ names: String..., parameters: [HMPParameter] = [], usage: String = "", summary: String,
    _ action: Action
  ) {
    self.names = names
    self.parameters = parameters
    self.usage = usage
    self.summary = summary
    self.action = action
  }

  /// How messages and help name it: `stop|s`.
  var title: String { names.joined(separator: "|") }

  private var name: String { names.first ?? "" }

  /// Carries a line out; returns what to show, with line ends.
  @VMMain static func execute(
    _ line: String, _ context: MonitorContext
  ) throws(HMPError) -> String {
    var rest = line[...]
    guard let word = HMPParameter.word(&rest) else { return "" }
    return try find(word, in: all, after: "").run(rest, after: "", context)
  }

  /// Runs the command; `prefix` is the commands before it, `info ` or nothing.
  @VMMain private func run(
    _ text: Substring, after prefix: String, _ context: MonitorContext
  ) throws(HMPError) -> String {
    var rest = text
    switch action {
    case .subcommands(let commands):
      guard let word = HMPParameter.word(&rest) else { return Self.list(commands, after: "info ") }
      let command = try Self.find(word, in: commands, after: "info ")
      return try command.run(rest, after: "info ", context)
    case .help: return try Self.help(rest)
    case .qmp(let name):
      guard let command = QMPCommand.named(name) else { return "" }
      var arguments = try take(rest, after: prefix)
      do throws(QMPError) { _ = try command.run(context, &arguments) } catch {
        throw .refused(error)
      }
      return ""
    case .show(let show):
      var arguments = try take(rest, after: prefix)
      do throws(QMPError) { return try show(context, &arguments) } catch {
        throw .refused(error)
      }
    }
  }

  private static func find(
    _ word: String, in commands: [HMPCommand], after prefix: String
  ) throws(HMPError) -> HMPCommand {
    if let command = commands.first(where: { $0.names.contains(word) }) { return command }
    let nearest = NearestName.find(word, in: commands.flatMap(\.names))
    throw .unknownCommand(prefix + word, nearest: nearest.map { prefix + $0 })
  }

  // MARK: - Arguments

  /// Reads what follows the name.
  private func take(_ text: Substring, after prefix: String) throws(HMPError) -> QMPArguments {
    var rest = text
    let help = prefix + name
    var members: [JSONValue.Member] = []
    for parameter in parameters {
      do throws(HMPParameter.Failure) {
        members += try parameter.read(&rest)
      } catch {
        throw switch error {
        case .missing: .missingParameter(command: name, expected: "string", help: help)
        case .notOnOff: .notOnOff(help: help)
        case .unterminated: .unterminatedString(command: name, help: help)
        }
      }
    }
    guard rest.allSatisfy(\.isWhitespace) else {
      throw .extraCharacters(command: title, help: help)
    }
    return QMPArguments(members)
  }

  // MARK: - Help

  /// `help` for all commands, or for the one named.
  private static func help(_ text: Substring) throws(HMPError) -> String {
    var rest = text
    guard let word = HMPParameter.word(&rest) else { return list(all, after: "") }
    let command = try find(word, in: all, after: "")
    guard case .subcommands(let commands) = command.action else { return command.help(after: "") }
    guard let word = HMPParameter.word(&rest) else { return list(commands, after: "info ") }
    return try find(word, in: commands, after: "info ").help(after: "info ")
  }

  private static func list(_ commands: [HMPCommand], after prefix: String) -> String {
    commands.sorted { $0.title < $1.title }.map { $0.help(after: prefix) }.joined()
  }

  private func help(after prefix: String) -> String {
    "\(prefix)\(title) \(usage) -- \(summary)\n"
  }
}
