/// What can be named on a command line: each list drives look-up, help and suggestions.
enum Catalogue {
  /// One name with its line of help and the help about its properties.
  struct Item: Sendable {
    let name: String
    let summary: String
    let propertyHelp: @Sendable () -> String
  }

  /// `-device`.
  static let devices = [
    Item(
      name: "vfio-pci", summary: "VFIO-based PCI device assignment",
      propertyHelp: { VFIOPCIProperties.table.helpText })
  ]

  /// `-object`.
  static let objects = [
    Item(
      name: "iommufd", summary: "host IOMMU as /dev/iommu offers it",
      propertyHelp: { IOMMUFDProperties.table.helpText })
  ]

  /// `-accel`.
  static let accelerators = [
    Item(
      name: "kvm", summary: "Linux KVM", propertyHelp: { KVMProperties.table.helpText }),
    Item(
      name: "qtest", summary: "no guest CPU, driven by a test",
      propertyHelp: { QTestProperties.table.helpText }),
  ]

  /// `-machine`, one for each ``MachineModel``.
  static let machines = [
    Item(
      name: MachineModel.q35.rawValue, summary: "Standard PC (Q35 + ICH9, 2009)",
      propertyHelp: { MachineProperties.table.helpText })
  ]

  /// `-d`.
  static let logItems = [
    Item(name: "trace:PATTERN", summary: "enable trace events", propertyHelp: { "" })
  ]

  /// Log items of QEMU that are not supported.
  static let unsupportedLogItems: Set<String> = [
    "all", "cpu", "cpu_reset", "exec", "fpu", "guest_errors", "in_asm", "int", "invalid_mem", "mmu",
    "nochain", "none", "op", "op_ind", "op_opt", "op_plugin", "out_asm", "page", "pcall", "plugin",
    "strace", "tid", "unimp", "vpu",
  ]
}
