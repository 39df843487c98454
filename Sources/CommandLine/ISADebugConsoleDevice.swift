/// One `-device isa-debugcon`: a port whose writes go to a character device.
package struct ISADebugConsoleDevice: Sendable, Equatable {
  /// The option as written.
  package let optionText: String

  /// The id of the character device.
  package let characterDevice: String

  /// Its properties.
  package let properties: ISADebugConsoleProperties

  package init(
    optionText: String, characterDevice: String, properties: ISADebugConsoleProperties
  ) {
    self.optionText = optionText
    self.characterDevice = characterDevice
    self.properties = properties
  }
}

/// The properties of `-device isa-debugcon`, with QEMU's defaults.
package struct ISADebugConsoleProperties: Sendable, Equatable {
  /// The name by which monitors know the device.
  package var id: String?

  /// `iobase`: the port.
  package var base: UInt16 = 0xe9

  /// `readback`: what the port reads as, of which its width shows the lowest byte.
  package var readback: UInt32 = 0xe9

  /// `chardev`: the id of a character device, which cannot be left out.
  package var characterDevice: String?

  package init() {}
}

extension ISADebugConsoleProperties: PropertySet {
  static let table = PropertyTable<ISADebugConsoleProperties>(
    owner: "isa-debugcon", wording: .property, impliedKey: "driver",
    helpOption: "-device isa-debugcon,help",
    properties: [
      .selector("driver"),
      .identifier("id", \.id, "name for monitors"),
      .text("chardev", \.characterDevice, "id of the character device; required"),
      .unsigned("iobase", type: "uint32", \.base, "port"),
      .unsigned("readback", type: "uint32", \.readback, "what the port reads as"),
    ])
}

extension ISADebugConsoleDevice {
  /// Reads a device's properties and resolves its character device.
  static func read(
    _ list: KeyValueList, option: String, known: KnownDevices,
    warnings: inout [CommandLineWarning]
  ) throws(CommandLineError) -> ISADebugConsoleDevice {
    let properties = try ISADebugConsoleProperties.read(list, option: option, warnings: &warnings)
    guard let id = properties.characterDevice, !id.isEmpty else {
      throw CommandLineError(option: option, reason: .noDebugConsole)
    }
    guard known.characterDevices.contains(id) else {
      throw CommandLineError(
        option: option,
        reason: .characterDeviceNotFound(
          id, property: "isa-debugcon.chardev", known: known.characterDevices))
    }
    return ISADebugConsoleDevice(
      optionText: option, characterDevice: id, properties: properties)
  }
}
