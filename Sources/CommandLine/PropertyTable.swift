/// How QEMU words a complaint about a key: as a device's property or as an option's parameter.
package enum PropertyWording: Sendable, Equatable {
  case property
  case parameter
}

/// One key of one option, for messages.
package struct PropertyReference: Sendable, Equatable {
  /// Whose property it is, `vfio-pci`.
  package let owner: String

  /// The key as written.
  package let name: String

  /// How QEMU words a complaint about it.
  package let wording: PropertyWording

  /// The option that lists the keys there are; `nil` when there is none.
  package let helpOption: String?

  /// The keys that would have been understood.
  package let known: [String]
}

/// Values that are read from a key-value list by a table.
protocol PropertySet: Sendable {
  /// Every property at its default.
  init()

  /// The properties there are.
  static var table: PropertyTable<Self> { get }
}

/// The properties of one device, object or option: parsing, help and suggestions all read this table.
struct PropertyTable<Target: Sendable>: Sendable {
  /// Whose properties they are.
  let owner: String

  /// How QEMU words a complaint about a key.
  let wording: PropertyWording

  /// The key of a first element without one.
  let impliedKey: String?

  /// The option that lists the properties.
  let helpOption: String?

  /// The properties that can be set.
  let properties: [Property<Target>]

  /// The keys QEMU has and this version refuses, separated by blanks.
  let unsupported: String

  /// Whether a boolean without a value is worth a warning, as for most options.
  let warnsOfShortForm: Bool

  init(
    owner: String, wording: PropertyWording, impliedKey: String? = nil, helpOption: String? = nil,
    properties: [Property<Target>], unsupported: String = "", warnsOfShortForm: Bool = true
  ) {
    self.owner = owner
    self.wording = wording
    self.impliedKey = impliedKey
    self.helpOption = helpOption
    self.properties = properties
    self.unsupported = unsupported
    self.warnsOfShortForm = warnsOfShortForm
  }

  /// Splits an option's value by this table's implied key.
  func list(_ text: String) -> KeyValueList { KeyValueList(text, impliedKey: impliedKey) }

  /// Reads `list` into `target`, the last of equal keys only; returns warnings about short forms.
  ///
  /// Throws for the first key that is unknown or unsupported, then for the first value refused.
  func apply(
    _ list: KeyValueList, to target: inout Target, option: String
  ) throws(CommandLineError) -> [CommandLineWarning] {
    var assignments: [(property: Property<Target>, value: String)] = []
    var warnings: [CommandLineWarning] = []
    for entry in list.entries {
      let (property, value) = try resolve(entry, option: option)
      assignments.removeAll { $0.property.name == property.name }
      assignments.append((property, value))
      if entry.form == .bare, warnsOfShortForm {
        warnings.append(
          .shortFormBoolean(
            option: option, written: entry.key, replacement: "\(property.name)=\(value)"))
      }
    }
    for (property, value) in assignments {
      if let refusal = property.assign(&target, value) {
        throw CommandLineError(
          option: option, reason: .refusedValue(reference(property.name), value, refusal))
      }
    }
    return warnings
  }

  /// Finds the property an element means; a bare `noX` turns X off, when no property has that name.
  private func resolve(
    _ entry: KeyValueList.Entry, option: String
  ) throws(CommandLineError) -> (Property<Target>, String) {
    if let property = properties.first(where: { $0.name == entry.key }) {
      return (property, entry.form == .bare ? "on" : entry.value)
    }
    let unsupportedNames = unsupported.split(separator: " ")
    var isKnown = unsupportedNames.contains { $0 == entry.key }
    if entry.form == .bare, entry.key.hasPrefix("no") {
      let positive = entry.key.dropFirst(2)
      if let property = properties.first(where: { $0.name == positive }) {
        return (property, "off")
      }
      isKnown = isKnown || unsupportedNames.contains(positive)
    }
    guard !isKnown else {
      throw CommandLineError(option: option, reason: .unsupportedProperty(reference(entry.key)))
    }
    throw CommandLineError(option: option, reason: .unknownProperty(reference(entry.key)))
  }

  /// Names a key of this table in a message.
  func reference(_ name: String) -> PropertyReference {
    PropertyReference(
      owner: owner, name: name, wording: wording, helpOption: helpOption,
      known: properties.map(\.name))
  }
}

extension PropertyTable where Target: PropertySet {
  /// The properties that can be set, sorted by name, as `-device NAME,help` shows them.
  var helpText: String {
    let defaults = Target()
    let shown = properties.filter { $0.typeName != nil }.sorted { $0.name < $1.name }
    guard !shown.isEmpty else { return "There are no options for \(owner).\n" }
    var text = "\(owner) options:\n"
    for property in shown {
      let typeName = property.typeName ?? ""
      let head = "  \(property.name)=<\(typeName)>"
      text += head + String(repeating: " ", count: max(0, 24 - head.utf8.count))
      text += " - \(property.summary)"
      if let value = property.shown(defaults) { text += " (default: \(value))" }
      text += "\n"
    }
    return text
  }
}

extension PropertySet {
  /// Reads a whole list over the defaults; see ``PropertyTable/apply(_:to:option:)``.
  static func read(
    _ list: KeyValueList, option: String, warnings: inout [CommandLineWarning]
  ) throws(CommandLineError) -> Self {
    var value = Self()
    warnings += try table.apply(list, to: &value, option: option)
    return value
  }
}
