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
  private var streams = StreamOptions()
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
    case .monitor: try streams.takeMonitor(use, .readline, &configuration.warnings)
    case .qmp: try streams.takeMonitor(use, .control, &configuration.warnings)
    case .mon: try streams.takeMonitorOnDevice(use, &configuration.warnings)
    case .escapeKey: try takeEscapeKey(use)
    case .serial: try streams.takeSerial(use, &configuration.warnings)
    case .characterDevice: try streams.takeDefinition(use, &configuration.warnings)
    case .noGraphics: isGraphicsless = true
    case .noDefaults: hasDefaults = false
    case .qtest:
      let target = try streams.target(of: use, &configuration.warnings)
      configuration.qtest = TestStream(optionText: use.text, target: target)
    case .trace: return try takeTrace(use, readFile: readFile)
    case .logItems: return try takeLogItems(use)
    case .logFile: try takeLogFile(use)
    case .messages: try Self.apply(use, to: &configuration.messages, &configuration.warnings)
    case .simulate: try takeSimulation(use)
    case .flow: try takeFlow(use)
    case .accepted: break
    case .acceptsNone:
      guard use.value == "none" else {
        throw use.error(.unsupportedValue(use.value, supported: ["none"]))
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
    if let firmware, kernelFile != nil { throw firmware.error(.firmwareWithKernel) }
    configuration.firmware = firmware?.value
    try settleDevices()
    try settleStreams()
    return .run(configuration)
  }

  // MARK: - Guest code

  private func settledKernel() throws(CommandLineError) -> KernelConfiguration? {
    guard let kernelFile else {
      if let initrd { throw initrd.error(.onlyWithKernel("-initrd")) }
      if let append { throw append.error(.onlyWithKernel("-append")) }
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
      throw use.error(.processorModel(error))
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
      throw use.error(.missingParameter("qom-type", example: "-object iommufd,id=ID"))
    }
    if KeyValueList.isHelp(type) {
      deferHelp(.objects(named: nil))
      return
    }
    guard Catalogue.objects.contains(where: { $0.name == type }) else {
      let reference = IOMMUFDProperties.table.reference("qom-type")
      let known = Catalogue.objects.map(\.name)
      throw use.error(.refusedValue(reference, type, .notOneOf(known)))
    }
    if list.asksForHelp {
      deferHelp(.objects(named: type))
      return
    }
    let properties = try IOMMUFDProperties.read(
      list, option: use.text, warnings: &configuration.warnings)
    guard let id = properties.id else {
      throw use.error(.missingParameter("id", example: "-object iommufd,id=ID"))
    }
    guard !configuration.iommufds.contains(where: { $0.id == id }) else {
      throw use.error(.duplicateID(id, owner: .object))
    }
    configuration.iommufds.append(
      IOMMUFDObject(optionText: use.text, id: id, descriptor: properties.descriptor))
  }

  private mutating func takeDevice(_ use: Use) throws(CommandLineError) {
    try refuseJSON(use)
    let list = VFIOPCIProperties.table.list(use.value)
    guard let model = list.last("driver") else {
      throw use.error(.missingParameter("driver", example: "-device vfio-pci,host=DDDD:BB:DD.F"))
    }
    if KeyValueList.isHelp(model) {
      deferHelp(.devices(named: nil))
      return
    }
    let known = Catalogue.devices.first { $0.item.name == model }
    if list.asksForHelp {
      guard known != nil else { throw use.error(.noHelpForDevice(model)) }
      deferHelp(.devices(named: model))
      return
    }
    guard let known else { throw use.error(.unknownDeviceModel(model)) }
    if let id = list.last("id"), !deviceIDs.insert(id).inserted {
      throw use.error(.duplicateID(id, owner: .device))
    }
    devices.append((use.text, list, known))
  }

  /// Reads each device's properties, once every object is known: a bus is there after its port.
  private mutating func settleDevices() throws(CommandLineError) {
    var known = KnownDevices(
      iommufds: configuration.iommufds.map(\.id), buses: [VFIOPCIProperties.rootBus],
      characterDevices: streams.definitions.map(\.id))
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

  // MARK: - Streams, files and hosts

  private mutating func settleStreams() throws(CommandLineError) {
    if isGraphicsless && hasDefaults { streams.shareTerminal() }
    try streams.settleMonitors(qtest: configuration.qtest)
    configuration.characterDevices = streams.definitions
    configuration.serialPorts = streams.serialPorts
    configuration.monitors = streams.monitors
  }

  private mutating func takeEscapeKey(_ use: Use) throws(CommandLineError) {
    guard let number = NumberText.integer(use.value), let key = UInt8(exactly: number) else {
      throw use.error(.escapeKey)
    }
    configuration.escapeKey = key
  }

  private mutating func takeSimulation(_ use: Use) throws(CommandLineError) {
    let list = SimulationProperties.table.list(use.value)
    let properties = try SimulationProperties.read(
      list, option: use.text, warnings: &configuration.warnings)
    guard let file = properties.file, !file.isEmpty else {
      throw use.error(.missingParameter("file", example: "-simulate FILE"))
    }
    configuration.simulation = Simulation(file: file, sysfsDirectory: properties.sysfsDirectory)
  }

  private mutating func takeFlow(_ use: Use) throws(CommandLineError) {
    guard let flow = VFIOFlow(rawValue: use.value) else {
      throw use.error(.unsupportedValue(use.value, supported: VFIOFlow.allCases.map(\.rawValue)))
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
        throw use.error(.unreadableFile(path: path, errorNumber: error.errorNumber))
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
        throw use.error(
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
    guard !use.value.contains("%") else { throw use.error(.logFileTemplate(use.value)) }
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
    if use.value.hasPrefix("{") { throw use.error(.jsonForm) }
  }
}
