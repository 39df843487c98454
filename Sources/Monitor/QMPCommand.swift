internal import CommandLine
internal import EventLoop
internal import Machine
internal import Tracing
internal import VirtualIOMMU

/// What a monitor's command is about.
@VMMain struct MonitorContext {
  let control: any MachineControl
  let version: QMPVersion

  /// The vIOMMU's capabilities.
  var report: CapabilityReport {
    get throws(QMPError) {
      guard let report = control.capabilityReport else { throw .noVirtualIOMMU }
      return report
    }
  }

  /// Names and states of the events that match a pattern, or of the one that is named.
  func traceStates(_ name: String) throws(QMPError) -> [(name: String, isEnabled: Bool)] {
    let states = control.tracer.states(matching: name)
    if states.isEmpty, !Tracer.isPattern(name) { throw .unknownEvent(name) }
    return states
  }
}

/// A command of QMP: its name, and what it does.
struct QMPCommand: Sendable {
  let name: String

  /// Takes all arguments before it does anything, so that a request with a wrong one does nothing.
  let run: @VMMain (MonitorContext, inout QMPArguments) throws(QMPError) -> JSONValue

  /// The only command before the negotiation; of the session, not of the machine.
  static let negotiation = "qmp_capabilities"

  /// The names of all commands.
  static var names: [String] { [negotiation] + all.map(\.name) }

  /// The command with a name.
  static func named(_ name: String) -> QMPCommand? { all.first { $0.name == name } }

  /// All commands about the machine; QEMU's names, arguments and answers.
  static let all: [QMPCommand] = [
    QMPCommand(name: "query-version") { (context, arguments) throws(QMPError) in
      try arguments.finish()
      return context.version.json
    },
    QMPCommand(name: "query-commands") { (_, arguments) throws(QMPError) in
      try arguments.finish()
      return .array(names.map { .object(["name": .string($0)]) })
    },
    QMPCommand(name: "query-name") { (context, arguments) throws(QMPError) in
      try arguments.finish()
      return context.control.name.map { .object(["name": .string($0)]) } ?? .object([:])
    },
    QMPCommand(name: "query-status") { (context, arguments) throws(QMPError) in
      try arguments.finish()
      let state = context.control.runState
      return .object(["status": .string(state.rawValue), "running": .bool(state == .running)])
    },
    QMPCommand(name: "query-chardev") { (context, arguments) throws(QMPError) in
      try arguments.finish()
      return .array(
        context.control.characterDevices.map { device in
          .object([
            "frontend-open": .bool(device.isFrontEndOpen), "filename": .string(device.filename),
            "label": .string(device.label),
          ])
        })
    },
    QMPCommand(name: "query-pci") { (context, arguments) throws(QMPError) in
      try arguments.finish()
      return .array([
        .object([
          "bus": .integer(0), "devices": .array(context.control.pciDevices.map(\.json)),
        ])
      ])
    },
    QMPCommand(name: "query-viommu") { (context, arguments) throws(QMPError) in
      try arguments.finish()
      return try context.report.json
    },
    QMPCommand(name: "stop") { (context, arguments) throws(QMPError) in
      try arguments.finish()
      context.control.stop()
      return .object([:])
    },
    QMPCommand(name: "cont") { (context, arguments) throws(QMPError) in
      try arguments.finish()
      do throws(MachineRefusal) {
        try context.control.resume()
      } catch {
        throw .refused(error)
      }
      return .object([:])
    },
    QMPCommand(name: "system_reset") { (context, arguments) throws(QMPError) in
      try arguments.finish()
      context.control.reset(.hostQMPSystemReset)
      return .object([:])
    },
    QMPCommand(name: "system_powerdown") { (context, arguments) throws(QMPError) in
      try arguments.finish()
      context.control.powerDown()
      return .object([:])
    },
    QMPCommand(name: "device_add") { (context, arguments) throws(QMPError) in
      try addDevice(context, &arguments)
    },
    QMPCommand(name: "device_del") { (context, arguments) throws(QMPError) in
      let id = try arguments.string("id")
      try arguments.finish()
      do throws(MachineRefusal) {
        try context.control.removeDevice(id)
      } catch {
        throw .refused(error)
      }
      return .object([:])
    },
    QMPCommand(name: "quit") { (context, arguments) throws(QMPError) in
      try arguments.finish()
      context.control.shutdown(.hostQMPQuit)
      return .object([:])
    },
    QMPCommand(name: "trace-event-get-state") { (context, arguments) throws(QMPError) in
      try getTraceState(context, &arguments)
    },
    QMPCommand(name: "trace-event-set-state") { (context, arguments) throws(QMPError) in
      try setTraceState(context, &arguments)
    },
  ]

  @VMMain private static func addDevice(
    _ context: MonitorContext, _ arguments: inout QMPArguments
  ) throws(QMPError) -> JSONValue {
    let properties = try arguments.properties()
    guard properties.contains(where: { $0.name == "driver" }) else {
      throw .missingParameter("driver")
    }
    let device: DeviceConfiguration
    do throws(CommandLineError) {
      device = try DeviceConfiguration(
        properties: properties, amid: context.control.knownDevices)
    } catch {
      throw .refusedDevice(error)
    }
    do throws(MachineRefusal) { try context.control.addDevice(device) } catch {
      throw .refused(error)
    }
    return .object([:])
  }

  @VMMain private static func getTraceState(
    _ context: MonitorContext, _ arguments: inout QMPArguments
  ) throws(QMPError) -> JSONValue {
    let name = try arguments.string("name")
    try arguments.finish()
    return .array(
      try context.traceStates(name).map { state in
        .object([
          "name": .string(state.name),
          "state": .string(state.isEnabled ? "enabled" : "disabled"),
        ])
      })
  }

  @VMMain private static func setTraceState(
    _ context: MonitorContext, _ arguments: inout QMPArguments
  ) throws(QMPError) -> JSONValue {
    let name = try arguments.string("name")
    let isEnabled = try arguments.bool("enable")
    // No event of ours is compiled out, so there is none to ignore.
    _ = try arguments.optionalBool("ignore-unavailable")
    try arguments.finish()
    let count = context.control.tracer.set(name, enabled: isEnabled)
    if count == 0, !Tracer.isPattern(name) { throw .unknownEvent(name) }
    return .object([:])
  }
}
