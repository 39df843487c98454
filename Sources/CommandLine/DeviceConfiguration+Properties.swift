extension DeviceConfiguration {
  /// Reads the text of a device as the command line has it, `driver[,prop=value][,...]`, into its
  /// properties by name; a bare name is `on`.
  package static func properties(of text: String) -> [(name: String, value: String)] {
    KeyValueList(text, impliedKey: "driver").entries.map { entry in
      (entry.key, entry.form == .bare ? "on" : entry.value)
    }
  }

  /// Reads a device that is asked for while the machine runs, as QMP's `device_add` does: `driver`
  /// and properties by name, the last of equal names only. A boolean is `on` or `off`.
  package init(
    properties: [(name: String, value: String)], amid known: KnownDevices
  ) throws(CommandLineError) {
    let list = KeyValueList(
      entries: properties.map {
        KeyValueList.Entry(key: $0.name, value: $0.value, form: .assigned)
      })
    let text = "device_add " + properties.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
    guard let model = list.last("driver") else {
      throw CommandLineError(
        option: text, reason: .missingParameter("driver", example: "driver=vfio-pci"))
    }
    guard let device = Catalogue.devices.first(where: { $0.item.name == model }) else {
      throw CommandLineError(option: text, reason: .unknownDeviceModel(model))
    }
    if let id = list.last("id"), known.ids.contains(id) {
      throw CommandLineError(option: text, reason: .duplicateID(id, owner: .device))
    }
    var warnings: [CommandLineWarning] = []
    self = try device.read(list, text, known, &warnings)
  }
}
