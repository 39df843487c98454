/// What a command line asks the program to do.
package enum CommandLineRequest: Sendable, Equatable {
  /// Run a machine.
  case run(Configuration)

  /// Print ``HelpTopic/text(program:)`` on standard output and end with status 0.
  case help(HelpTopic)

  /// Print the names of all trace events, one a line, and end with status 0.
  case listTraceEvents

  /// Print the version and end with status 0.
  case version
}

/// What a user wants to know.
package enum HelpTopic: Sendable, Equatable {
  /// The options, `-help`.
  case options

  /// `-machine help`, or with `properties` `-machine q35,help`.
  case machines(properties: Bool)

  /// `-accel help`, or `-accel NAME,help`.
  case accelerators(named: String?)

  /// `-device help`, or `-device NAME,help`.
  case devices(named: String?)

  /// `-cpu help`.
  case processors

  /// `-object help`, or `-object NAME,help`.
  case objects(named: String?)

  /// `-d help`.
  case logItems
}

extension HelpTopic {
  /// The text for standard output, each line ended; `program` is how the program was called.
  package func text(program: String) -> String {
    switch self {
    case .options: Self.options(program: program)
    case .machines(properties: true): MachineProperties.table.helpText
    case .machines(properties: false):
      "Supported machines are:\n" + Self.columns(Catalogue.machines, width: 20)
    case .accelerators(let name):
      Self.properties(of: name, in: Catalogue.accelerators.map(\.item))
        ?? "Accelerators supported by \(program):\n"
        + Catalogue.accelerators.map { "\($0.item.name)\n" }.joined()
    case .devices(let name):
      Self.properties(of: name, in: Catalogue.devices.map(\.item)) ?? Self.devices()
    case .processors:
      "Available CPUs:\n" + Self.columns(Catalogue.processors, width: 24)
    case .objects(let name):
      Self.properties(of: name, in: Catalogue.objects)
        ?? "List of user creatable objects:\n"
        + Catalogue.objects.map { "  \($0.name)\n" }.joined()
    case .logItems:
      "Log items (comma separated):\n" + Self.columns(Catalogue.logItems, width: 15)
        + "\nUse \"-d trace:help\" to get a list of trace events.\n"
    }
  }

  /// The device models under their headings.
  private static func devices() -> String {
    var text = ""
    var section = ""
    for device in Catalogue.devices {
      if device.section != section {
        text += (section.isEmpty ? "" : "\n") + "\(device.section):\n"
        section = device.section
      }
      text += "name \"\(device.item.name)\", bus \(device.busKind)"
      if !device.item.summary.isEmpty { text += ", desc \"\(device.item.summary)\"" }
      text += "\n"
    }
    return text
  }

  private static func options(program: String) -> String {
    var text = "usage: \(program) [options]\n"
    for section in OptionDescription.Section.allCases {
      text += "\n\(section.rawValue):\n"
      for option in OptionDescription.all where option.section == section {
        text += padded(option.synopsis, to: 16) + option.summary + "\n"
      }
    }
    return text + "\nEvery option may begin with one dash or two.\n"
  }

  private static func columns(_ items: [Catalogue.Item], width: Int) -> String {
    items.map { padded($0.name, to: width + 1) + $0.summary + "\n" }.joined()
  }

  /// `text` filled with blanks to `width`, or followed by a line break and as many blanks.
  private static func padded(_ text: String, to width: Int) -> String {
    let length = text.utf8.count
    return length < width
      ? text + String(repeating: " ", count: width - length)
      : text + "\n" + String(repeating: " ", count: width)
  }

  private static func properties(of name: String?, in items: [Catalogue.Item]) -> String? {
    items.first { $0.name == name }?.propertyHelp()
  }
}
