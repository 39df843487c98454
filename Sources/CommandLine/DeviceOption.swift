/// One `-device` of a model that needs to know no more than its properties.
package struct DeviceOption<Properties: Sendable & Equatable>: Sendable, Equatable {
  /// The option as written, the prefix of every message about it.
  package let optionText: String

  /// The device's properties.
  package let properties: Properties
}

extension DeviceOption where Properties: PropertySet {
  /// Reads a device's properties.
  static func read(
    _ list: KeyValueList, option: String, warnings: inout [CommandLineWarning]
  ) throws(CommandLineError) -> DeviceOption {
    DeviceOption(
      optionText: option,
      properties: try Properties.read(list, option: option, warnings: &warnings))
  }
}
