internal import EventLoop
internal import Machine
internal import Tracing
internal import VirtualIOMMU

extension HMPCommand {
  /// Every command; QEMU's names, arguments and answers.
  static let all: [HMPCommand] = [
    HMPCommand("help", "?", usage: "[cmd]", summary: "show the help", .help),
    HMPCommand(
      "info", usage: "[subcommand]", summary: "show various information about the system state",
      .subcommands(information)),
    HMPCommand("stop", "s", summary: "stop emulation", .qmp("stop")),
    HMPCommand("cont", "c", summary: "resume emulation", .qmp("cont")),
    HMPCommand("system_reset", summary: "reset the system", .qmp("system_reset")),
    HMPCommand(
      "system_powerdown", summary: "send system power down event", .qmp("system_powerdown")),
    HMPCommand("quit", "q", summary: "quit the emulator", .qmp("quit")),
    HMPCommand(
      "device_add", parameters: [HMPParameter("device", .properties)],
      usage: "driver[,prop=value][,...]", summary: "add device, like -device on the command line",
      .qmp("device_add")),
    HMPCommand(
      "device_del", parameters: [HMPParameter("id")], usage: "device", summary: "remove device",
      .qmp("device_del")),
    HMPCommand(
      "trace-event", parameters: [HMPParameter("name"), HMPParameter("enable", .toggle)],
      usage: "name on|off", summary: "changes status of a specific trace event",
      .qmp("trace-event-set-state")),
  ]

  /// What follows `info`.
  private static let information: [HMPCommand] = [
    HMPCommand(
      "status", summary: "show the current VM status (running|paused)",
      .show { (context, _) throws(QMPError) in
        let state = context.control.runState
        switch state {
        case .running: return "VM status: running\n"
        case .paused: return "VM status: paused\n"
        case .prelaunch, .shutdown, .guestPanicked, .internalError:
          return "VM status: paused (\(state.rawValue))\n"
        }
      }),
    HMPCommand(
      "viommu", summary: "show the vIOMMU's capabilities and which device limits them",
      .show { (context, _) throws(QMPError) in try context.report.text }),
    HMPCommand(
      "version", summary: "show the version of QEMU that is followed, and our own",
      .show { (context, _) throws(QMPError) in
        let version = context.version
        return "\(version.major).\(version.minor).\(version.micro) (\(version.package))\n"
      }),
    HMPCommand(
      "chardev", summary: "show the character devices",
      .show { (context, _) throws(QMPError) in
        context.control.characterDevices.map { "\($0.label): filename=\($0.filename)\n" }.joined()
      }),
    HMPCommand(
      "pci", summary: "show PCI info",
      .show { (context, _) throws(QMPError) in context.control.pciDevices.map(\.text).joined() }),
    HMPCommand(
      "trace-events", parameters: [HMPParameter("name", isOptional: true)], usage: "[name]",
      summary: "show available trace-events & their state (name: event name pattern)",
      .show { (context, arguments) throws(QMPError) in
        let states = try context.traceStates(try arguments.optionalString("name") ?? "*")
        // The last one first, as QEMU has them.
        return states.reversed().map { "\($0.name) : state \($0.isEnabled ? 1 : 0)\n" }.joined()
      }),
  ]
}
