/// Collects the options about character devices, serial ports and monitors, which share the terminal and
/// name each other.
struct StreamOptions {
  typealias Use = CommandLineParser.Use

  private(set) var definitions: [CharacterDeviceDefinition] = []
  private(set) var serialPorts: [SerialPortOption] = []
  private(set) var monitors: [MonitorConfiguration] = []
  private var monitorIDs: Set<String> = []
  private var usesStandardIO = false
  private var hasMonitorOption = false

  /// What an option names as its stream: a backend of its own or a character device.
  mutating func target(
    of use: Use, _ warnings: inout [CommandLineWarning]
  ) throws(CommandLineError) -> CharacterTarget {
    let target = try CharacterBackendText.target(
      use.value, option: use.text, warnings: &warnings)
    switch target {
    case .none: throw use.error(.characterBackend(.unknownShortForm(use.value)))
    case .backend(let backend): try noteStandardIO(backend, use)
    case .device: break
    }
    return target
  }

  /// Takes `-monitor` or `-qmp`.
  mutating func takeMonitor(
    _ use: Use, _ mode: MonitorConfiguration.Mode, _ warnings: inout [CommandLineWarning]
  ) throws(CommandLineError) {
    hasMonitorOption = true
    if mode == .readline, use.value == "none" { return }
    let target = try target(of: use, &warnings)
    if case .device(let id) = target { try noteMonitor(id, use) }
    monitors.append(MonitorConfiguration(optionText: use.text, mode: mode, target: target))
  }

  /// Takes `-mon`.
  mutating func takeMonitorOnDevice(
    _ use: Use, _ warnings: inout [CommandLineWarning]
  ) throws(CommandLineError) {
    hasMonitorOption = true
    let list = MonitorProperties.table.list(use.value)
    let properties = try MonitorProperties.read(list, option: use.text, warnings: &warnings)
    guard let device = properties.characterDevice else {
      throw use.error(.missingParameter("chardev", example: "-mon chardev=ID"))
    }
    if let id = properties.id { try noteMonitor(id, use) }
    monitors.append(
      MonitorConfiguration(
        optionText: use.text, mode: properties.mode, target: .device(id: device)))
  }

  /// Takes `-serial`.
  mutating func takeSerial(
    _ use: Use, _ warnings: inout [CommandLineWarning]
  ) throws(CommandLineError) {
    let target = try CharacterBackendText.target(
      use.value, option: use.text, warnings: &warnings)
    if case .backend(let backend) = target { try noteStandardIO(backend, use) }
    if case .device(let id) = target {
      let known = definitions.map(\.id)
      guard known.contains(id) else {
        throw use.error(.characterDeviceNotFound(id, property: nil, known: known))
      }
    }
    guard serialPorts.count < SerialPortOption.limit else {
      throw use.error(.tooManySerialPorts(limit: SerialPortOption.limit))
    }
    addSerialPort(use.text, target)
  }

  /// Takes `-chardev`.
  mutating func takeDefinition(
    _ use: Use, _ warnings: inout [CommandLineWarning]
  ) throws(CommandLineError) {
    let definition = try CharacterBackendText.definition(
      use.value, option: use.text, warnings: &warnings)
    guard !definitions.contains(where: { $0.id == definition.id }) else {
      throw use.error(.duplicateID(definition.id, owner: .chardev))
    }
    try noteStandardIO(definition.backend, use)
    definitions.append(definition)
  }

  /// Without a graphical output the terminal has the first serial port and a monitor, each unless it was
  /// given another place, as under QEMU. Where something else uses the terminal it stays alone.
  mutating func shareTerminal() {
    guard !usesStandardIO else { return }
    switch (serialPorts.isEmpty, !hasMonitorOption) {
    case (true, true): addSerialPort("-nographic", .backend(.monitorOnStandardIO))
    case (true, false): addSerialPort("-nographic", .backend(.plainStandardIO))
    case (false, true):
      monitors.append(
        MonitorConfiguration(
          optionText: "-nographic", mode: .readline, target: .backend(.plainStandardIO)))
    case (false, false): break
    }
  }

  /// Refuses a monitor or test stream on a character device that no option defines; one may be defined
  /// after its users.
  func settleMonitors(qtest: TestStream?) throws(CommandLineError) {
    let known = definitions.map(\.id)
    let serial = serialPorts.enumerated().compactMap { number, port in
      if case .backend = port.target { SerialPortOption.label(number) } else { nil }
    }
    let users =
      monitors.map { ($0.optionText, $0.target) }
      + (qtest.map { [($0.optionText, $0.target)] } ?? [])
    for case (let option, .device(let id)) in users
    where !known.contains(id) && !serial.contains(id) {
      throw CommandLineError(option: option, reason: .monitorDeviceNotFound(id, known: known))
    }
  }

  /// Adds a serial port, and a monitor where one shares its terminal by `mon:`.
  private mutating func addSerialPort(_ text: String, _ target: CharacterTarget) {
    if case .backend(let backend) = target, backend.isShared {
      let label = SerialPortOption.label(serialPorts.count)
      monitors.append(
        MonitorConfiguration(optionText: text, mode: .readline, target: .device(id: label)))
    }
    serialPorts.append(SerialPortOption(optionText: text, target: target))
  }

  private mutating func noteMonitor(_ id: String, _ use: Use) throws(CommandLineError) {
    guard monitorIDs.insert(id).inserted else { throw use.error(.duplicateID(id, owner: .mon)) }
  }

  private mutating func noteStandardIO(
    _ backend: CharacterBackendConfiguration, _ use: Use
  ) throws(CommandLineError) {
    guard case .standardIO = backend.kind else { return }
    guard !usesStandardIO else { throw use.error(.standardIOTaken) }
    usesStandardIO = true
  }
}
