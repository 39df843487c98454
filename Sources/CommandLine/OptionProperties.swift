internal import Hypervisor

/// `-machine`, before its type and accelerators are looked up.
struct MachineProperties: PropertySet {
  var type: String?
  var accelerators: String?
  var interruptController = InterruptControllerPlace.kernel

  static let table = PropertyTable<MachineProperties>(
    owner: "q35-machine", wording: .property, impliedKey: "type", helpOption: "-machine q35,help",
    properties: [
      .text("type", \.type, "machine model"),
      .text("accel", \.accelerators, "accelerators to try, as kvm:qtest"),
      .word(
        "kernel-irqchip", type: "OnOffSplit", \.interruptController,
        "interrupt controllers in the kernel: all, or the local ones only"),
    ],
    unsupported: """
      acpi append aux-ram-share boot bus-lock-ratelimit confidential-guest-support \
      default-bus-bypass-iommu dt-compatible dtb dump-guest-core dumpdtb fd-bootchk firmware \
      graphics hmat hpet i8042 initrd kernel max-fw-size max-ram-below-4g mem-merge \
      memory memory-backend memory-encryption nvdimm phandle-start pic pit sata sgx-epc shim \
      smbios-entry-point-type smbus smm smp smp-cache spcr suppress-vmdesc usb vmport wdat \
      x-change-vmfd-on-reset x-oem-id x-oem-table-id
      """)
}

/// `-accel kvm`.
struct KVMProperties: PropertySet {
  /// `nil` leaves it to the machine.
  var interruptController: InterruptControllerPlace?

  static let table = PropertyTable<KVMProperties>(
    owner: "kvm-accel", wording: .property, impliedKey: "accel", helpOption: "-accel kvm,help",
    properties: [
      .selector("accel"),
      .word(
        "kernel-irqchip", type: "OnOffSplit", \.interruptController,
        "interrupt controllers in the kernel: all, or the local ones only"),
    ],
    unsupported: """
      device dirty-ring-size eager-split-size honor-guest-pat kvm-shadow-mem \
      notify-vmexit notify-window xen-evtchn-max-pirq xen-gnttab-max-frames xen-version
      """)
}

/// `-accel qtest`.
struct QTestProperties: PropertySet {
  var irqfd = OnOffAuto.auto

  static let table = PropertyTable<QTestProperties>(
    owner: "qtest-accel", wording: .property, impliedKey: "accel", helpOption: "-accel qtest,help",
    properties: [
      .selector("accel"),
      .word(
        "irqfd", type: "OnOffAuto", \.irqfd, "take KVM's direct interrupt path where there is one"),
    ])
}

/// `-m`.
struct MemoryProperties: PropertySet {
  var size: UInt64 = 0

  static let table = PropertyTable<MemoryProperties>(
    owner: "memory", wording: .parameter, impliedKey: "size",
    properties: [.size("size", defaultUnit: 1 << 20, alignment: 8192, \.size, "guest memory")],
    unsupported: "slots maxmem")
}

/// `-object iommufd`.
struct IOMMUFDProperties: PropertySet {
  var id: String?
  var descriptor: Int32?

  static let table = PropertyTable<IOMMUFDProperties>(
    owner: "iommufd", wording: .parameter, impliedKey: "qom-type",
    helpOption: "-object iommufd,help",
    properties: [
      .selector("qom-type"),
      .identifier("id", \.id, "name for devices to link to; required"),
      .descriptor("fd", \.descriptor, "number of an open descriptor of /dev/iommu to use"),
    ])
}

/// `-name`.
struct NameProperties: PropertySet {
  var guest: String?

  static let table = PropertyTable<NameProperties>(
    owner: "name", wording: .parameter, impliedKey: "guest",
    properties: [.text("guest", \.guest, "name of the guest")],
    unsupported: "process debug-threads")
}

extension MessageConfiguration: PropertySet {
  static let table = PropertyTable<MessageConfiguration>(
    owner: "msg", wording: .parameter,
    properties: [
      .toggle("timestamp", \.timestamp, "begin lines with the time"),
      .toggle("guest-name", \.guestName, "name the guest after the time"),
    ])
}

/// `-trace`.
struct TraceProperties: PropertySet {
  var pattern: String?
  var eventsFile: String?
  var traceFile: String?

  static let table = PropertyTable<TraceProperties>(
    owner: "trace", wording: .parameter, impliedKey: "enable",
    properties: [
      .text("enable", \.pattern, "pattern of events to turn on, or off after a -"),
      .text("events", \.eventsFile, "file of such patterns, one a line"),
      .text("file", \.traceFile, "file for trace lines"),
    ])
}

/// `-mon`.
struct MonitorProperties: PropertySet {
  var characterDevice: String?
  var id: String?
  var mode = MonitorConfiguration.Mode.readline

  static let table = PropertyTable<MonitorProperties>(
    owner: "mon", wording: .parameter, impliedKey: "chardev",
    properties: [
      .text("chardev", \.characterDevice, "id of the character device; required"),
      .identifier("id", \.id, "name of the monitor"),
      .word("mode", type: "MonitorMode", \.mode, "for people, or QMP"),
    ],
    unsupported: "pretty")
}

/// `-simulate`.
struct SimulationProperties: PropertySet {
  var file: String?
  var sysfsDirectory: String?

  static let table = PropertyTable<SimulationProperties>(
    owner: "simulate", wording: .parameter, impliedKey: "file",
    properties: [
      .text("file", \.file, "description of the simulated host"),
      .text("sysfs", \.sysfsDirectory, "directory that gets its sysfs tree"),
    ])
}
