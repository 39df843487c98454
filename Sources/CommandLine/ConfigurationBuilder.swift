internal import Hypervisor
internal import PCI

/// Collects a configuration option by option, then settles what depends on more than one of them.
struct ConfigurationBuilder {
  typealias Use = CommandLineParser.Use

  /// What an option may read: an events file.
  typealias ReadFile = (String) throws(UnreadableFile) -> [UInt8]

  private var configuration = Configuration()
  private var machine = MachineProperties()
  private var machineText: String?
  private var accelerators: [Accelerator] = []
  private var acceleratorText: String?
  private var devices: [(text: String, list: KeyValueList, model: Catalogue.DeviceModel)] = []
  private var deviceIDs: Set<String> = []
  private var memory = MemoryProperties()
  private var name = NameProperties()
  private var processors = ProcessorProperties()
  private var processorText: String?
  private var kernelFile: Use?
  private var initrd: Use?
  private var append: Use?
  private var firmware: Use?
  private var logActions: [TraceAction] = []
  private var monitorIDs: Set<String> = []
  private var usesStandardIO = false
  private var hasMonitorOption = false
  private var isGraphicsless = false
  private var hasDefaults = true
  private var deferredHelp: HelpTopic?

  /// Takes one option; returns a request that ends parsing at once.
  mutating func take(
    _ use: Use, readFile: ReadFile
  ) throws(CommandLineError) -> CommandLineRequest? {
    switch use.option.action {
    case .help: return .help(.options)
    case .version: return .version
    case .machine: try takeMachine(use)
    case .accelerator: return try takeAccelerator(use)
    case .enableKVM: accelerators.append(.kvm())
    case .processorModel: return try takeProcessorModel(use)
    case .processors:
      processorText = use.text
      try Self.apply(use, to: &processors, &configuration.warnings)
    case .memoryPath: configuration.memoryPath = use.value
    case .preallocateMemory: configuration.preallocatesMemory = true
    case .kernel: kernelFile = use
    case .initrd: initrd = use
    case .append: append = use
    case .firmware: firmware = use
    case .noReboot: configuration.actions.reboot = .shutdown
    case .noShutdown: configuration.actions.shutdown = .pause
    case .actions: try Self.apply(use, to: &configuration.actions, &configuration.warnings)
    case .memory: try Self.apply(use, to: &memory, &configuration.warnings)
    case .name: try Self.apply(use, to: &name, &configuration.warnings)
    case .startPaused: configuration.startsPaused = true
    case .pidFile: configuration.pidFile = use.value
    case .object: try takeObject(use)
    case .device: try takeDevice(use)
    case .monitor: try takeMonitor(use, .readline)
    case .qmp: try takeMonitor(use, .control)
    case .mon: try takeMonitorOnDevice(use)
    case .escapeKey: try takeEscapeKey(use)
    case .serial: try takeSerial(use)
    case .characterDevice: try takeCharacterDefinition(use)
    case .noGraphics: isGraphicsless = true
    case .noDefaults: hasDefaults = false
    case .qtest:
      configuration.qtest = TestStream(optionText: use.text, target: try takeStream(use))
    case .trace: return try takeTrace(use, readFile: readFile)
    case .logItems: return try takeLogItems(use)
    case .logFile: try takeLogFile(use)
    case .messages: try Self.apply(use, to: &configuration.messages, &configuration.warnings)
    case .simulate: try takeSimulation(use)
    case .flow: try takeFlow(use)
    case .accepted: break
    case .acceptsNone:
      guard use.value == "none" else {
        throw error(use, .unsupportedValue(use.value, supported: ["none"]))
      }
    }
    return nil
  }

  /// Settles machine, accelerators and devices, in this order.
  mutating func finish() throws(CommandLineError) -> CommandLineRequest {
    if let deferredHelp { return .help(deferredHelp) }
    if let type = machine.type {
      guard let model = MachineModel(rawValue: type) else {
        throw CommandLineError(option: machineText, reason: .unsupportedMachine(type))
      }
      configuration.machine = model
    }
    try settleAccelerators()
    configuration.name = name.guest
    if memory.size > 0 { configuration.memorySize = memory.size }
    configuration.trace.actions += logActions
    configuration.processors = try processors.topology(option: processorText)
    configuration.kernel = try settledKernel()
    if let firmware, kernelFile != nil { throw error(firmware, .firmwareWithKernel) }
    configuration.firmware = firmware?.value
    try settleDevices()
    settleTerminal()
    try settleMonitors()
    return .run(configuration)
  }

  // MARK: - Guest code

  private func settledKernel() throws(CommandLineError) -> KernelConfiguration? {
    guard let kernelFile else {
      if let initrd { throw error(initrd, .onlyWithKernel("-initrd")) }
      if let append { throw error(append, .onlyWithKernel("-append")) }
      return nil
    }
    var kernel = KernelConfiguration(path: kernelFile.value)
    kernel.initrd = initrd?.value
    kernel.commandLine = append?.value ?? ""
    return kernel
  }

  private mutating func takeProcessorModel(
    _ use: Use
  ) throws(CommandLineError) -> CommandLineRequest? {
    if KeyValueList.isHelp(use.value) { return .help(.processors) }
    do throws(CPUModelError) {
      configuration.processorModel = try CPUModel(parsing: use.value)
    } catch {
      throw self.error(use, .processorModel(error))
    }
    return nil
  }

  // MARK: - Machine

  private mutating func takeMachine(_ use: Use) throws(CommandLineError) {
    let list = MachineProperties.table.list(use.value)
    if list.asksForHelp {
      deferHelp(.machines(properties: list.entries.count > 1))
      return
    }
    configuration.warnings += try MachineProperties.table.apply(
      list, to: &machine, option: use.text)
    machineText = use.text
  }

  private mutating func takeAccelerator(_ use: Use) throws(CommandLineError) -> CommandLineRequest?
  {
    let list = KeyValueList(use.value, impliedKey: "accel")
    let name = list.last("accel") ?? ""
    if KeyValueList.isHelp(name) { return .help(.accelerators(named: nil)) }
    let model = try Self.accelerator(name, option: use.text)
    if list.asksForHelp { return .help(.accelerators(named: name)) }
    accelerators.append(try model.read(list, use.text, &configuration.warnings))
    acceleratorText = use.text
    return nil
  }

  private mutating func settleAccelerators() throws(CommandLineError) {
    if let names = machine.accelerators {
      guard accelerators.isEmpty else {
        throw CommandLineError(option: acceleratorText, reason: .acceleratorConflict)
      }
      for name in names.split(separator: ":", omittingEmptySubsequences: false) {
        let model = try Self.accelerator(String(name), option: machineText)
        let defaults = KeyValueList("", impliedKey: nil)
        accelerators.append(try model.read(defaults, "", &configuration.warnings))
      }
    }
    if !accelerators.isEmpty { configuration.accelerators = accelerators }
    let chosen = accelerators.compactMap { accelerator in
      if case .kvm(let place?) = accelerator { place } else { nil }
    }
    configuration.interruptController = chosen.last ?? machine.interruptController
  }

  private static func accelerator(
    _ name: String, option: String?
  ) throws(CommandLineError) -> Catalogue.AcceleratorModel {
    guard let model = Catalogue.accelerators.first(where: { $0.item.name == name }) else {
      throw CommandLineError(option: option, reason: .invalidAccelerator(name))
    }
    return model
  }

  // MARK: - Objects and devices

  private mutating func takeObject(_ use: Use) throws(CommandLineError) {
    try refuseJSON(use)
    let list = IOMMUFDProperties.table.list(use.value)
    guard let type = list.last("qom-type") else {
      throw error(use, .missingParameter("qom-type", example: "-object iommufd,id=ID"))
    }
    if KeyValueList.isHelp(type) {
      deferHelp(.objects(named: nil))
      return
    }
    guard Catalogue.objects.contains(where: { $0.name == type }) else {
      let reference = IOMMUFDProperties.table.reference("qom-type")
      let known = Catalogue.objects.map(\.name)
      throw error(use, .refusedValue(reference, type, .notOneOf(known)))
    }
    if list.asksForHelp {
      deferHelp(.objects(named: type))
      return
    }
    let properties = try IOMMUFDProperties.read(
      list, option: use.text, warnings: &configuration.warnings)
    guard let id = properties.id else {
      throw error(use, .missingParameter("id", example: "-object iommufd,id=ID"))
    }
    guard !configuration.iommufds.contains(where: { $0.id == id }) else {
      throw error(use, .duplicateID(id, owner: .object))
    }
    configuration.iommufds.append(
      IOMMUFDObject(optionText: use.text, id: id, descriptor: properties.descriptor))
  }

  private mutating func takeDevice(_ use: Use) throws(CommandLineError) {
    try refuseJSON(use)
    let list = VFIOPCIProperties.table.list(use.value)
    guard let model = list.last("driver") else {
      throw error(
        use, .missingParameter("driver", example: "-device vfio-pci,host=DDDD:BB:DD.F"))
    }
    if KeyValueList.isHelp(model) {
      deferHelp(.devices(named: nil))
      return
    }
    let known = Catalogue.devices.first { $0.item.name == model }
    if list.asksForHelp {
      guard known != nil else { throw error(use, .noHelpForDevice(model)) }
      deferHelp(.devices(named: model))
      return
    }
    guard let known else { throw error(use, .unknownDeviceModel(model)) }
    if let id = list.last("id"), !deviceIDs.insert(id).inserted {
      throw error(use, .duplicateID(id, owner: .device))
    }
    devices.append((use.text, list, known))
  }

  /// Reads each device's properties, once every object is known: a bus is there after its port.
  private mutating func settleDevices() throws(CommandLineError) {
    var known = KnownDevices(
      iommufds: configuration.iommufds.map(\.id), buses: [VFIOPCIProperties.rootBus],
      characterDevices: configuration.characterDevices.map(\.id))
    for device in devices {
      let settled = try device.model.read(
        device.list, device.text, known, &configuration.warnings)
      if case .rootPort(let port) = settled, let id = port.properties.options.id {
        known.buses.append(id)
      }
      if case .intelIOMMU = settled, configuration.intelIOMMU != nil {
        throw CommandLineError(option: device.text, reason: .secondIOMMU)
      }
      configuration.devices.append(settled)
    }
  }

  // MARK: - Streams and files

  private mutating func takeStream(_ use: Use) throws(CommandLineError) -> CharacterTarget {
    let target = try CharacterBackendText.target(
      use.value, option: use.text, warnings: &configuration.warnings)
    switch target {
    case .none: throw error(use, .characterBackend(.unknownShortForm(use.value)))
    case .backend(let backend): try noteStandardIO(backend, use)
    case .device: break
    }
    return target
  }

  private mutating func takeMonitor(
    _ use: Use, _ mode: MonitorConfiguration.Mode
  ) throws(CommandLineError) {
    hasMonitorOption = true
    if mode == .readline, use.value == "none" { return }
    let target = try takeStream(use)
    if case .device(let id) = target { try noteMonitor(id, use) }
    configuration.monitors.append(
      MonitorConfiguration(optionText: use.text, mode: mode, target: target))
  }

  private mutating func takeMonitorOnDevice(_ use: Use) throws(CommandLineError) {
    hasMonitorOption = true
    let list = MonitorProperties.table.list(use.value)
    let properties = try MonitorProperties.read(
      list, option: use.text, warnings: &configuration.warnings)
    guard let device = properties.characterDevice else {
      throw error(use, .missingParameter("chardev", example: "-mon chardev=ID"))
    }
    if let id = properties.id { try noteMonitor(id, use) }
    configuration.monitors.append(
      MonitorConfiguration(
        optionText: use.text, mode: properties.mode, target: .device(id: device)))
  }

  private mutating func noteMonitor(_ id: String, _ use: Use) throws(CommandLineError) {
    guard monitorIDs.insert(id).inserted else { throw error(use, .duplicateID(id, owner: .mon)) }
  }

  /// Character devices may be defined after the monitors on them.
  private func settleMonitors() throws(CommandLineError) {
    let known = configuration.characterDevices.map(\.id)
    let serial = configuration.serialPorts.enumerated().compactMap { number, port in
      if case .backend = port.target { SerialPortOption.label(number) } else { nil }
    }
    let users =
      configuration.monitors.map { ($0.optionText, $0.target) }
      + (configuration.qtest.map { [($0.optionText, $0.target)] } ?? [])
    for case (let option, .device(let id)) in users
    where !known.contains(id) && !serial.contains(id) {
      throw CommandLineError(option: option, reason: .monitorDeviceNotFound(id, known: known))
    }
  }

  private mutating func takeEscapeKey(_ use: Use) throws(CommandLineError) {
    guard let number = NumberText.integer(use.value), let key = UInt8(exactly: number) else {
      throw error(use, .escapeKey)
    }
    configuration.escapeKey = key
  }

  private mutating func takeSerial(_ use: Use) throws(CommandLineError) {
    let target = try CharacterBackendText.target(
      use.value, option: use.text, warnings: &configuration.warnings)
    if case .backend(let backend) = target { try noteStandardIO(backend, use) }
    if case .device(let id) = target {
      let known = configuration.characterDevices.map(\.id)
      guard known.contains(id) else {
        throw error(use, .characterDeviceNotFound(id, property: nil, known: known))
      }
    }
    guard configuration.serialPorts.count < SerialPortOption.limit else {
      throw error(use, .tooManySerialPorts(limit: SerialPortOption.limit))
    }
    addSerialPort(use.text, target)
  }

  /// Adds a serial port, and a monitor where one shares its terminal by `mon:`.
  private mutating func addSerialPort(_ text: String, _ target: CharacterTarget) {
    if case .backend(let backend) = target, backend.isShared {
      let label = SerialPortOption.label(configuration.serialPorts.count)
      configuration.monitors.append(
        MonitorConfiguration(optionText: text, mode: .readline, target: .device(id: label)))
    }
    configuration.serialPorts.append(SerialPortOption(optionText: text, target: target))
  }

  private mutating func takeCharacterDefinition(_ use: Use) throws(CommandLineError) {
    let definition = try CharacterBackendText.definition(
      use.value, option: use.text, warnings: &configuration.warnings)
    guard !configuration.characterDevices.contains(where: { $0.id == definition.id }) else {
      throw error(use, .duplicateID(definition.id, owner: .chardev))
    }
    try noteStandardIO(definition.backend, use)
    configuration.characterDevices.append(definition)
  }

  private mutating func noteStandardIO(
    _ backend: CharacterBackendConfiguration, _ use: Use
  ) throws(CommandLineError) {
    guard case .standardIO = backend.kind else { return }
    guard !usesStandardIO else { throw error(use, .standardIOTaken) }
    usesStandardIO = true
  }

  /// Without a graphical output the terminal has the first serial port and a monitor, each unless it was
  /// given another place, as under QEMU. Where something else uses the terminal it stays alone.
  private mutating func settleTerminal() {
    guard isGraphicsless, hasDefaults, !usesStandardIO else { return }
    switch (configuration.serialPorts.isEmpty, !hasMonitorOption) {
    case (true, true): addSerialPort("-nographic", .backend(.monitorOnStandardIO))
    case (true, false): addSerialPort("-nographic", .backend(.plainStandardIO))
    case (false, true):
      configuration.monitors.append(
        MonitorConfiguration(
          optionText: "-nographic", mode: .readline, target: .backend(.plainStandardIO)))
    case (false, false): break
    }
  }

  private mutating func takeSimulation(_ use: Use) throws(CommandLineError) {
    let list = SimulationProperties.table.list(use.value)
    let properties = try SimulationProperties.read(
      list, option: use.text, warnings: &configuration.warnings)
    guard let file = properties.file, !file.isEmpty else {
      throw error(use, .missingParameter("file", example: "-simulate FILE"))
    }
    configuration.simulation = Simulation(file: file, sysfsDirectory: properties.sysfsDirectory)
  }

  private mutating func takeFlow(_ use: Use) throws(CommandLineError) {
    guard let flow = VFIOFlow(rawValue: use.value) else {
      throw error(
        use, .unsupportedValue(use.value, supported: VFIOFlow.allCases.map(\.rawValue)))
    }
    configuration.flow = flow
  }

  // MARK: - Tracing

  private mutating func takeTrace(
    _ use: Use, readFile: ReadFile
  ) throws(CommandLineError) -> CommandLineRequest? {
    let list = TraceProperties.table.list(use.value)
    let properties = try TraceProperties.read(
      list, option: use.text, warnings: &configuration.warnings)
    if let pattern = properties.pattern, !pattern.isEmpty {
      if KeyValueList.isHelp(pattern) { return .listTraceEvents }
      configuration.trace.actions.append(TraceAction(pattern, origin: .option(use.text)))
    }
    if let path = properties.eventsFile {
      let bytes: [UInt8]
      do {
        bytes = try readFile(path)
      } catch {
        throw self.error(use, .unreadableFile(path: path, errorNumber: error.errorNumber))
      }
      configuration.trace.actions += TracePatternFile.parse(
        String(decoding: bytes, as: UTF8.self), name: path)
    }
    if let file = properties.traceFile { configuration.trace.traceFile = file }
    return nil
  }

  /// Only the last `-d` counts, and it takes effect after every `-trace`, as in QEMU.
  private mutating func takeLogItems(_ use: Use) throws(CommandLineError) -> CommandLineRequest? {
    if KeyValueList.isHelp(use.value) { return .help(.logItems) }
    logActions = []
    for item in use.value.split(separator: ",", omittingEmptySubsequences: false) {
      guard item.hasPrefix("trace:"), item != "trace:" else {
        let name = String(item)
        throw error(
          use,
          Catalogue.unsupportedLogItems.contains(name)
            ? .unsupportedValue(name, supported: Catalogue.logItems.map(\.name))
            : .unknownLogItem(name))
      }
      let pattern = String(item.dropFirst(6))
      if KeyValueList.isHelp(pattern) { return .listTraceEvents }
      logActions.append(TraceAction(pattern, origin: .logItem))
    }
    return nil
  }

  private mutating func takeLogFile(_ use: Use) throws(CommandLineError) {
    guard !use.value.contains("%") else { throw error(use, .logFileTemplate(use.value)) }
    configuration.trace.logFile = use.value
  }

  // MARK: - Parts

  private static func apply<Values: PropertySet>(
    _ use: Use, to values: inout Values, _ warnings: inout [CommandLineWarning]
  ) throws(CommandLineError) {
    let list = Values.table.list(use.value)
    warnings += try Values.table.apply(list, to: &values, option: use.text)
  }

  private mutating func deferHelp(_ topic: HelpTopic) {
    if deferredHelp == nil { deferredHelp = topic }
  }

  private func refuseJSON(_ use: Use) throws(CommandLineError) {
    if use.value.hasPrefix("{") { throw error(use, .jsonForm) }
  }

  private func error(_ use: Use, _ reason: CommandLineError.Reason) -> CommandLineError {
    CommandLineError(option: use.text, reason: reason)
  }
}
