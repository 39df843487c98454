internal import Hypervisor

/// What can be named on a command line: each list drives look-up, help and suggestions.
enum Catalogue {
  /// One name with its line of help and the help about its properties.
  struct Item: Sendable {
    let name: String
    var summary = ""
    var propertyHelp: @Sendable () -> String = { "" }
  }

  /// One accelerator.
  struct AcceleratorModel: Sendable {
    /// The name, and the help about its properties.
    let item: Item

    /// Reads its properties.
    let read:
      @Sendable (_ list: KeyValueList, _ option: String, _ warnings: inout [CommandLineWarning])
        throws(CommandLineError) -> Accelerator
  }

  /// One device model.
  struct DeviceModel: Sendable {
    /// Its name, and the help about its properties.
    let item: Item

    /// The kind of bus it sits on, for help.
    let busKind: String

    /// The heading of `-device help`.
    let section: String

    /// Reads its properties.
    let read:
      @Sendable (
        _ list: KeyValueList, _ option: String, _ known: KnownDevices,
        _ warnings: inout [CommandLineWarning]
      )
        throws(CommandLineError) -> DeviceConfiguration
  }

  /// A device model that needs to know no more than its properties.
  private static func model<Properties>(
    _ busKind: String, summary: String = "",
    _ make: @escaping @Sendable (DeviceOption<Properties>) -> DeviceConfiguration
  ) -> DeviceModel where Properties: PropertySet {
    DeviceModel(
      item: Item(
        name: Properties.table.owner, summary: summary,
        propertyHelp: { Properties.table.helpText }),
      busKind: busKind, section: "Misc devices",
      read: { list, option, _, warnings throws(CommandLineError) in
        make(try DeviceOption.read(list, option: option, warnings: &warnings))
      })
  }

  /// `-device`.
  static let devices = [
    DeviceModel(
      item: Item(
        name: "pcie-root-port", summary: "PCI Express Root Port",
        propertyHelp: { PCIeRootPortProperties.table.helpText }),
      busKind: "PCI", section: "Controller/Bridge/Hub devices",
      read: { list, option, known, warnings throws(CommandLineError) in
        let port = try PCIeRootPortDevice.read(list, option: option, warnings: &warnings)
        try known.requireBus(port.properties.bus, option: option)
        return .rootPort(port)
      }),
    model(
      "System", summary: "Intel IOMMU (VT-d) DMA Remapping device", DeviceConfiguration.intelIOMMU),
    model("ISA", DeviceConfiguration.debugExit),
    DeviceModel(
      item: Item(
        name: "isa-debugcon", propertyHelp: { ISADebugConsoleProperties.table.helpText }),
      busKind: "ISA", section: "Misc devices",
      read: { list, option, known, warnings throws(CommandLineError) in
        .debugConsole(
          try ISADebugConsoleDevice.read(
            list, option: option, known: known, warnings: &warnings))
      }),
    model("ISA", DeviceConfiguration.panic),
    DeviceModel(
      item: Item(
        name: "vfio-pci", summary: "VFIO-based PCI device assignment",
        propertyHelp: { VFIOPCIProperties.table.helpText }),
      busKind: "PCI", section: "Misc devices",
      read: { list, option, known, warnings throws(CommandLineError) in
        .vfioPCI(try VFIOPCIDevice.read(list, option: option, known: known, warnings: &warnings))
      }),
  ]

  /// `-cpu`, one for each ``CPUModel/Base``.
  static let processors = CPUModel.Base.allCases.map { base in
    switch base {
    case .host: Item(name: base.rawValue, summary: "processor with all supported host features")
    case .max: Item(name: base.rawValue, summary: "all features that the accelerator can give")
    case .qemu64: Item(name: base.rawValue, summary: "QEMU Virtual CPU version 2.5+")
    }
  }

  /// `-object`.
  static let objects = [
    Item(name: "iommufd", propertyHelp: { IOMMUFDProperties.table.helpText })
  ]

  /// `-accel`.
  static let accelerators = [
    AcceleratorModel(
      item: Item(name: "kvm", propertyHelp: { KVMProperties.table.helpText }),
      read: { list, option, warnings throws(CommandLineError) in
        let properties = try KVMProperties.read(list, option: option, warnings: &warnings)
        return .kvm(interruptController: properties.interruptController)
      }),
    AcceleratorModel(
      item: Item(name: "qtest", propertyHelp: { QTestProperties.table.helpText }),
      read: { list, option, warnings throws(CommandLineError) in
        let properties = try QTestProperties.read(list, option: option, warnings: &warnings)
        return .qtest(irqfd: properties.irqfd)
      }),
  ]

  /// `-machine`, one for each ``MachineModel``.
  static let machines = MachineModel.allCases.map { Item(name: $0.rawValue, summary: $0.summary) }

  /// `-d`.
  static let logItems = [Item(name: "trace:PATTERN", summary: "enable trace events")]

  /// Log items of QEMU that are not supported.
  static let unsupportedLogItems: Set<String> = [
    "all", "cpu", "cpu_reset", "exec", "fpu", "guest_errors", "in_asm", "int", "invalid_mem", "mmu",
    "nochain", "none", "op", "op_ind", "op_opt", "op_plugin", "out_asm", "page", "pcall", "plugin",
    "strace", "tid", "unimp", "vpu",
  ]
}
