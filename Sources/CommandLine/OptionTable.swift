internal import Hypervisor

/// What an option does.
enum OptionAction: Sendable, Equatable {
  case help, version
  case enableKVM, processorModel, processors, memoryPath, preallocateMemory
  case kernel, initrd, append, firmware, noReboot, noShutdown, actions
  case machine, accelerator, memory, name, startPaused, pidFile
  case object, device
  case monitor, qmp, mon, escapeKey, qtest, serial, characterDevice, noGraphics, noDefaults
  case trace, logItems, logFile, messages
  case simulate, flow

  /// Taken without effect: what it asks for is so already.
  case accepted

  /// Takes `none` only: there is no such device.
  case acceptsNone
}

/// One option: parsing, help and suggestions all read this table.
struct OptionDescription: Sendable {
  /// A heading of `-help`.
  enum Section: String, Sendable, CaseIterable {
    case standard = "Standard options"
    case boot = "Starting and ending a guest"
    case devices = "Devices"
    case monitors = "Monitors and tests"
    case tracing = "Tracing and messages"
    case swiftvmm = "Options QEMU does not have"
  }

  /// Its names without the dash, the preferred one first.
  let names: [String]

  /// What follows the name, for help; `nil` when nothing does.
  let value: String?

  /// The heading it stands under.
  let section: Section

  /// One line for help.
  let summary: String

  /// What it does.
  let action: OptionAction

  init(
    _ names: String..., value: String? = nil, section: Section, _ summary: String,
    action: OptionAction
  ) {
    self.names = names
    self.value = value
    self.section = section
    self.summary = summary
    self.action = action
  }

  /// How it is written by its preferred name: `-m [size=]N[k|M|G|T]`.
  var usage: String { written(names.prefix(1)) }

  /// How it is written by any of its names: `-h or -help`.
  var synopsis: String { written(names[...]) }

  private func written(_ names: ArraySlice<String>) -> String {
    let name = names.map { "-\($0)" }.joined(separator: " or ")
    return value.map { "\(name) \($0)" } ?? name
  }
}

extension OptionDescription {
  /// Every option there is.
  static let all: [OptionDescription] = [
    OptionDescription(
      "h", "help", section: .standard, "display this help and exit", action: .help),
    OptionDescription(
      "version", section: .standard, "display version information and exit", action: .version),
    OptionDescription(
      "machine", "M", value: "[type=]q35[,accel=NAME[:NAME...]]", section: .standard,
      "select the machine ('-machine help' for a list)", action: .machine),
    OptionDescription(
      "accel", value: "kvm|qtest[,irqfd=on|off|auto]", section: .standard,
      "select an accelerator, tried in order (default kvm; 'help' for a list)",
      action: .accelerator),
    OptionDescription(
      "m", value: "[size=]N[k|M|G|T]", section: .standard,
      "guest memory, in MiB without a suffix (default 128)", action: .memory),
    OptionDescription(
      "enable-kvm", section: .standard, "as -accel kvm", action: .enableKVM),
    OptionDescription(
      "cpu", value: "MODEL[,+FEATURE][,-FEATURE]", section: .standard,
      "select the guest's CPUs ('-cpu help' for a list)", action: .processorModel),
    OptionDescription(
      "smp", value: "[cpus=]N[,sockets=N][,cores=N][,threads=N]", section: .standard,
      "number of guest CPUs, up to \(CPUTopology.maximumCount) (default 1)", action: .processors),
    OptionDescription(
      "mem-path", value: "PATH", section: .standard,
      "back guest memory by a file, such as one of huge pages", action: .memoryPath),
    OptionDescription(
      "mem-prealloc", section: .standard, "take guest memory from the host at start",
      action: .preallocateMemory),
    OptionDescription(
      "name", value: "[guest=]NAME", section: .standard, "set the name of the guest", action: .name),
    OptionDescription(
      "S", section: .standard, "run no guest instruction before a monitor says so",
      action: .startPaused),
    OptionDescription(
      "pidfile", value: "FILE", section: .standard, "write the process number to FILE",
      action: .pidFile),

    OptionDescription(
      "kernel", value: "FILE", section: .boot,
      "start this Linux (bzImage), PVH or multiboot kernel", action: .kernel),
    OptionDescription(
      "initrd", value: "FILE", section: .boot,
      "initial RAM disk; modules after commas for a multiboot kernel", action: .initrd),
    OptionDescription(
      "append", value: "TEXT", section: .boot, "command line of the kernel", action: .append),
    OptionDescription(
      "bios", value: "FILE", section: .boot,
      "start in this image, which ends at 4 GiB, in place of a kernel", action: .firmware),
    OptionDescription(
      "no-reboot", section: .boot, "end when the guest resets itself", action: .noReboot),
    OptionDescription(
      "no-shutdown", section: .boot, "stop instead of ending when the guest powers off",
      action: .noShutdown),
    OptionDescription(
      "action",
      value: "[reboot=reset|shutdown][,shutdown=poweroff|pause][,panic=pause|shutdown|none]",
      section: .boot, "what follows a reset, a power-off, a panic", action: .actions),

    OptionDescription(
      "object", value: "iommufd,id=ID[,fd=N]", section: .devices,
      "create an object for devices to link to ('-object help' for a list)", action: .object),
    OptionDescription(
      "device", value: "vfio-pci,host=ADDRESS[,PROPERTY=VALUE...]", section: .devices,
      "assign a host function ('-device vfio-pci,help' for its properties)", action: .device),
    OptionDescription(
      "nodefaults", section: .devices, "no default devices", action: .noDefaults),
    OptionDescription(
      "no-user-config", section: .devices, "no configuration files: there are none",
      action: .accepted),
    OptionDescription(
      "nographic", section: .devices,
      "the first serial port and a monitor on the terminal (Ctrl-a h for help)",
      action: .noGraphics),
    OptionDescription(
      "display", value: "none", section: .devices, "no display: there is none",
      action: .acceptsNone),
    OptionDescription(
      "vga", value: "none", section: .devices, "no video card: there is none",
      action: .acceptsNone),
    OptionDescription(
      "nic", value: "none", section: .devices, "no network card: there is none",
      action: .acceptsNone),
    OptionDescription(
      "net", value: "none", section: .devices, "as -nic none", action: .acceptsNone),
    OptionDescription(
      "serial", value: "none|stdio|mon:stdio|pty|file:PATH|unix:PATH,server=on,wait=off|chardev:ID",
      section: .devices, "a serial port; the first is COM1", action: .serial),
    OptionDescription(
      "chardev", value: "null|stdio|pty|file|socket,id=ID[,PROPERTY=VALUE...]", section: .devices,
      "a character device for serial ports and monitors", action: .characterDevice),

    OptionDescription(
      "monitor", value: "none|stdio|pty|unix:PATH,server=on,wait=off|chardev:ID",
      section: .monitors, "offer a monitor for people", action: .monitor),
    OptionDescription(
      "qmp", value: "stdio|pty|unix:PATH,server=on,wait=off|chardev:ID", section: .monitors,
      "offer a monitor in QMP", action: .qmp),
    OptionDescription(
      "mon", value: "[chardev=]ID[,mode=readline|control]", section: .monitors,
      "offer a monitor for people, or in QMP, on a character device", action: .mon),
    OptionDescription(
      "echr", value: "N", section: .monitors,
      "the key for switching and ending where several share a terminal (default 1, Ctrl-a)",
      action: .escapeKey),
    OptionDescription(
      "qtest", value: "stdio|pty|unix:PATH,server=on,wait=off|chardev:ID", section: .monitors,
      "offer ports and memory to a test", action: .qtest),

    OptionDescription(
      "trace", value: "[enable=]PATTERN[,events=FILE][,file=FILE]", section: .tracing,
      "turn events on, or off after a '-' ('-trace help' for a list)", action: .trace),
    OptionDescription(
      "d", value: "trace:PATTERN[,...]", section: .tracing, "turn events on; the last -d counts",
      action: .logItems),
    OptionDescription(
      "D", value: "FILE", section: .tracing, "write trace lines to FILE (default standard error)",
      action: .logFile),
    OptionDescription(
      "msg", value: "timestamp=on|off[,guest-name=on|off]", section: .tracing,
      "begin lines with the time", action: .messages),

    OptionDescription(
      "simulate", value: "[file=]FILE[,sysfs=DIR]", section: .swiftvmm,
      "use the simulated host that FILE describes; write its sysfs tree to DIR",
      action: .simulate),
    OptionDescription(
      "vfio-flow", value: VFIOFlow.allCases.map(\.rawValue).joined(separator: "|"),
      section: .swiftvmm, "whose steps and trace lines to follow (default qemu-11.1)",
      action: .flow),
  ]

  /// The option called `name`, without its dash.
  static func named(_ name: some StringProtocol) -> OptionDescription? {
    all.first { $0.names.contains { $0 == name } }
  }

  /// Every name there is, for suggestions.
  static var allNames: [String] { all.flatMap(\.names) }

  /// The options of QEMU that are not supported.
  static let unsupported = Set(
    """
    L acpitable add-fd audio audiodev blockdev boot cdrom compat daemonize debugcon \
    dfilter drive dtb dump-vmstate enable-sync-profile fda fdb fsdev full-screen fw_cfg gdb \
    global hda hdb hdc hdd icount incoming iscsi jitdump k loadvm mtdblock netdev \
    no-fd-bootchk numa only-migratable option-rom overcommit parallel perfmap pflash plugin \
    preconfig qmp-pretty qtest-log readconfig rtc run-with s sandbox sd seed set shim smbios \
    snapshot spice tpmdev usb usbdevice uuid virtfs vnc watchdog-action win2k-hack xen-attach \
    xen-domid xen-domid-restrict
    """.split(separator: " ").map(String.init))
}
