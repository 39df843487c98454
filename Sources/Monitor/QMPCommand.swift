internal import CommandLine
internal import EventLoop
internal import Machine
internal import Tracing
internal import VirtualIOMMU

/// A command of QMP: its name, and what it does.
struct QMPCommand: Sendable {
  let name: String

  /// Takes all arguments before it does anything, so that a request with a wrong one does nothing.
  let run: @VMMain (QMPSession, inout QMPArguments) throws(QMPError) -> JSONValue

  /// The only command before the negotiation.
  static let negotiation = "qmp_capabilities"

  /// All commands; QEMU's names, arguments and answers.
  static let all: [QMPCommand] = [
    QMPCommand(name: negotiation) { (session, arguments) throws(QMPError) in
      try negotiate(session, &arguments)
    },
    QMPCommand(name: "query-version") { (session, arguments) throws(QMPError) in
      try arguments.finish()
      return session.versionInfo
    },
    QMPCommand(name: "query-commands") { (_, arguments) throws(QMPError) in
      try arguments.finish()
      return .array(all.map { .object(["name": .string($0.name)]) })
    },
    QMPCommand(name: "query-name") { (session, arguments) throws(QMPError) in
      try arguments.finish()
      return session.control.name.map { .object(["name": .string($0)]) } ?? .object([:])
    },
    QMPCommand(name: "query-status") { (session, arguments) throws(QMPError) in
      try arguments.finish()
      let state = session.control.runState
      return .object(["status": .string(state.rawValue), "running": .bool(state == .running)])
    },
    QMPCommand(name: "query-chardev") { (session, arguments) throws(QMPError) in
      try arguments.finish()
      return .array(
        session.control.characterDevices.map { device in
          .object([
            "frontend-open": .bool(device.isFrontEndOpen), "filename": .string(device.filename),
            "label": .string(device.label),
          ])
        })
    },
    QMPCommand(name: "query-viommu") { (session, arguments) throws(QMPError) in
      try arguments.finish()
      guard let report = session.control.capabilityReport else { throw .noVirtualIOMMU }
      return report.json
    },
    QMPCommand(name: "stop") { (session, arguments) throws(QMPError) in
      try arguments.finish()
      session.control.stop()
      return .object([:])
    },
    QMPCommand(name: "cont") { (session, arguments) throws(QMPError) in
      try arguments.finish()
      do throws(MachineRefusal) {
        try session.control.resume()
      } catch {
        throw .refused(error)
      }
      return .object([:])
    },
    QMPCommand(name: "system_reset") { (session, arguments) throws(QMPError) in
      try arguments.finish()
      session.control.reset(.hostQMPSystemReset)
      return .object([:])
    },
    QMPCommand(name: "system_powerdown") { (session, arguments) throws(QMPError) in
      try arguments.finish()
      session.control.powerDown()
      return .object([:])
    },
    QMPCommand(name: "device_add") { (session, arguments) throws(QMPError) in
      try addDevice(session, &arguments)
    },
    QMPCommand(name: "device_del") { (session, arguments) throws(QMPError) in
      let id = try arguments.string("id")
      try arguments.finish()
      do throws(MachineRefusal) {
        try session.control.removeDevice(id)
      } catch {
        throw .refused(error)
      }
      return .object([:])
    },
    QMPCommand(name: "quit") { (session, arguments) throws(QMPError) in
      try arguments.finish()
      session.control.shutdown(.hostQMPQuit)
      return .object([:])
    },
    QMPCommand(name: "trace-event-get-state") { (session, arguments) throws(QMPError) in
      try getTraceState(session, &arguments)
    },
    QMPCommand(name: "trace-event-set-state") { (session, arguments) throws(QMPError) in
      try setTraceState(session, &arguments)
    },
  ]

  @VMMain private static func negotiate(
    _ session: QMPSession, _ arguments: inout QMPArguments
  ) throws(QMPError) -> JSONValue {
    let enabled = try arguments.optionalStrings("enable") ?? []
    // QEMU's one capability; it is known, so that asking for it is not a mistake, but not offered.
    for (index, name) in enabled.enumerated() where name != "oob" {
      throw .parameterValue("enable[\(index)]", value: name)
    }
    try arguments.finish()
    if session.isNegotiated { throw .alreadyNegotiated }
    if !enabled.isEmpty { throw .unavailableCapabilities(enabled) }
    session.isNegotiated = true
    return .object([:])
  }

  @VMMain private static func addDevice(
    _ session: QMPSession, _ arguments: inout QMPArguments
  ) throws(QMPError) -> JSONValue {
    let properties = try arguments.properties()
    guard properties.contains(where: { $0.name == "driver" }) else {
      throw .missingParameter("driver")
    }
    let device: DeviceConfiguration
    do throws(CommandLineError) {
      device = try DeviceConfiguration(
        properties: properties, amid: session.control.knownDevices)
    } catch {
      throw .refusedDevice(error)
    }
    do throws(MachineRefusal) { try session.control.addDevice(device) } catch {
      throw .refused(error)
    }
    return .object([:])
  }

  @VMMain private static func getTraceState(
    _ session: QMPSession, _ arguments: inout QMPArguments
  ) throws(QMPError) -> JSONValue {
    let name = try arguments.string("name")
    try arguments.finish()
    let states = session.control.tracer.states(matching: name)
    if states.isEmpty, !Tracer.isPattern(name) { throw .unknownEvent(name) }
    return .array(
      states.map { state in
        .object([
          "name": .string(state.name),
          "state": .string(state.isEnabled ? "enabled" : "disabled"),
        ])
      })
  }

  @VMMain private static func setTraceState(
    _ session: QMPSession, _ arguments: inout QMPArguments
  ) throws(QMPError) -> JSONValue {
    let name = try arguments.string("name")
    let isEnabled = try arguments.bool("enable")
    // No event of ours is compiled out, so there is none to ignore.
    _ = try arguments.optionalBool("ignore-unavailable")
    try arguments.finish()
    let count = session.control.tracer.set(name, enabled: isEnabled)
    if count == 0, !Tracer.isPattern(name) { throw .unknownEvent(name) }
    return .object([:])
  }
}
