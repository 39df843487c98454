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

  /// `-device`.
  static let devices = [
    Item(
      name: "vfio-pci", summary: "VFIO-based PCI device assignment",
      propertyHelp: { VFIOPCIProperties.table.helpText })
  ]

  /// `-object`.
  static let objects = [
    Item(name: "iommufd", propertyHelp: { IOMMUFDProperties.table.helpText })
  ]

  /// `-accel`.
  static let accelerators = [
    AcceleratorModel(
      item: Item(name: "kvm", propertyHelp: { KVMProperties.table.helpText }),
      read: { list, option, warnings throws(CommandLineError) in
        _ = try KVMProperties.read(list, option: option, warnings: &warnings)
        return .kvm
      }),
    AcceleratorModel(
      item: Item(name: "qtest", propertyHelp: { QTestProperties.table.helpText }),
      read: { list, option, warnings throws(CommandLineError) in
        let properties = try QTestProperties.read(list, option: option, warnings: &warnings)
        return .qtest(irqfd: properties.irqfd)
      }),
  ]

  /// Byte streams as `-qmp` and `-qtest` take them.
  static let streams = ["unix:PATH,server=on,wait=off", "stdio"]

  /// How byte streams of QEMU begin that are not supported.
  static let unsupportedStreams = [
    "COM", "braille", "chardev:", "fd:", "file:", "mon:", "msmouse", "null", "pipe:", "pty",
    "tcp:", "telnet:", "udp:", "vc", "websocket:", "/dev/",
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
