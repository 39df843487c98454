package import EventLoop
package import Machine
internal import Tracing

/// The version that a monitor tells: that of the QEMU whose dialect it speaks, and our own.
package struct QMPVersion: Sendable, Equatable {
  package let major: Int
  package let minor: Int
  package let micro: Int

  /// What stands for a distribution's package version in QEMU, such as "swiftvmm 0.1".
  package let package: String

  package init(major: Int, minor: Int, micro: Int, package: String) {
    self.major = major
    self.minor = minor
    self.micro = micro
    self.package = package
  }
}

/// A QMP conversation as QEMU's "QEMU Machine Protocol Specification" has it, without the optional
/// capabilities: a greeting, the negotiation, then commands and events.
///
/// Each answer is a line that ends in CR LF. Events are told only after the negotiation.
@VMMain package final class QMPSession: MonitorSession {
  package var output = OutputQueue()
  private let context: MonitorContext
  private var isNegotiated = false
  private var splitter = JSONSplitter()
  private let now: @VMMain () -> WallClockTime

  /// A conversation about `control`; `now` tells the time of events.
  package init(
    control: any MachineControl, version: QMPVersion,
    now: @escaping @VMMain () -> WallClockTime = { WallClockTime.now() }
  ) {
    context = MonitorContext(control: control, version: version)
    self.now = now
  }

  package func open() {
    send(.object(["QMP": .object(["version": context.version.json, "capabilities": .array([])])]))
  }

  package func receive(_ bytes: ArraySlice<UInt8>) -> Int {
    var rest = bytes
    while !output.isFull, let piece = splitter.next(&rest) {
      switch piece {
      case .text(let text): handle(text)
      case .failure(let failure): send(Self.errorReply(.invalidJSON(failure), id: nil))
      }
    }
    return bytes.count - rest.count
  }

  package func announce(_ event: MachineEvent) {
    guard isNegotiated else { return }
    let time = now()
    var members: [JSONValue.Member] = [
      .init(
        name: "timestamp",
        value: .object([
          "seconds": .integer(time.seconds), "microseconds": .integer(time.microseconds),
        ])),
      .init(name: "event", value: .string(event.qmpName)),
    ]
    if let data = event.data { members.append(.init(name: "data", value: data)) }
    output.appendEvent(Self.line(.object(members)))
  }

  private func handle(_ text: [UInt8]) {
    let request: JSONValue
    do throws(JSONFailure) {
      request = try JSONParser.parse(text)
    } catch {
      send(Self.errorReply(.invalidJSON(error), id: nil))
      return
    }
    guard case .object(let members) = request else {
      send(Self.errorReply(.requestIsNotAnObject, id: nil))
      return
    }
    let id = members.first { $0.name == "id" }
    do throws(QMPError) {
      let value = try execute(members.filter { $0.name != "id" })
      send(.object([.init(name: "return", value: value)] + (id.map { [$0] } ?? [])))
    } catch {
      send(Self.errorReply(error, id: id))
    }
  }

  private func execute(_ members: [JSONValue.Member]) throws(QMPError) -> JSONValue {
    var name: String?
    var arguments: [JSONValue.Member] = []
    for member in members {
      switch (member.name, member.value) {
      case ("execute", .string(let text)): name = text
      case ("execute", _): throw .memberIsNotAString("execute")
      case ("arguments", .object(let members)): arguments = members
      case ("arguments", _): throw .argumentsAreNotAnObject
      default: throw .unexpectedMember(member.name)
      }
    }
    guard let name else { throw .noCommand }
    guard isNegotiated || name == QMPCommand.negotiation else { throw .notNegotiated }
    var reader = QMPArguments(arguments)
    if name == QMPCommand.negotiation { return try negotiate(&reader) }
    guard let command = QMPCommand.named(name) else {
      throw .unknownCommand(name, nearest: NearestName.find(name, in: QMPCommand.names))
    }
    return try command.run(context, &reader)
  }

  private func negotiate(_ arguments: inout QMPArguments) throws(QMPError) -> JSONValue {
    let enabled = try arguments.optionalStrings("enable") ?? []
    // QEMU's one capability; it is known, so that asking for it is not a mistake, but not offered.
    for (index, name) in enabled.enumerated() where name != "oob" {
      throw .parameterValue("enable[\(index)]", value: name)
    }
    try arguments.finish()
    if isNegotiated { throw .alreadyNegotiated }
    if !enabled.isEmpty { throw .unavailableCapabilities(enabled) }
    isNegotiated = true
    return .object([:])
  }

  private func send(_ reply: JSONValue) {
    output.append(Self.line(reply))
  }

  private static func line(_ value: JSONValue) -> [UInt8] {
    var text: [UInt8] = []
    value.write(to: &text)
    text += [0x0d, 0x0a]
    return text
  }

  private static func errorReply(_ error: QMPError, id: JSONValue.Member?) -> JSONValue {
    let member = JSONValue.Member(
      name: "error",
      value: .object(["class": .string(error.className), "desc": .string(error.text)]))
    return .object((id.map { [$0] } ?? []) + [member])
  }
}

extension QMPVersion {
  /// QMP's `VersionInfo`.
  var json: JSONValue {
    .object([
      "qemu": .object([
        "micro": .integer(Int64(micro)), "minor": .integer(Int64(minor)),
        "major": .integer(Int64(major)),
      ]),
      "package": .string(package),
    ])
  }
}

extension MachineEvent {
  /// QMP's name of the event.
  fileprivate var qmpName: String {
    switch self {
    case .reset: "RESET"
    case .shutdown: "SHUTDOWN"
    case .stopped: "STOP"
    case .resumed: "RESUME"
    case .powerDown: "POWERDOWN"
    case .guestPanicked: "GUEST_PANICKED"
    case .guestCrashLoaded: "GUEST_CRASHLOADED"
    case .guestPanicPortShutdown: "GUEST_PVSHUTDOWN"
    case .suspendedToDisk: "SUSPEND_DISK"
    case .deviceDeleted: "DEVICE_DELETED"
    // QEMU has none.
    case .deviceError: "SWIFTVMM_DEVICE_ERROR"
    }
  }

  /// QMP's data of the event; nil when it has none.
  fileprivate var data: JSONValue? {
    switch self {
    case .reset(let cause), .shutdown(let cause):
      .object(["guest": .bool(cause.isGuest), "reason": .string(cause.rawValue)])
    case .guestPanicked(let action): .object(["action": .string(action)])
    case .guestCrashLoaded: .object(["action": .string("run")])
    case .deviceDeleted(let id): .object(Self.device(id))
    case .deviceError(let id, let host, let stopsMachine):
      .object(
        Self.device(id) + [
          .init(name: "host", value: .string(host)),
          .init(name: "action", value: .string(stopsMachine ? "stop" : "report")),
        ])
    case .stopped, .resumed, .powerDown, .guestPanicPortShutdown, .suspendedToDisk: nil
    }
  }

  /// A device by its id, if it has one, and its place in QEMU's object tree.
  private static func device(_ id: String?) -> [JSONValue.Member] {
    guard let id else {
      return [.init(name: "path", value: .string("/machine/peripheral-anon"))]
    }
    return [
      .init(name: "device", value: .string(id)),
      .init(name: "path", value: .string("/machine/peripheral/\(id)")),
    ]
  }
}
