internal import CommandLine
internal import Machine

/// Why a QMP request was refused.
enum QMPError: Error, Equatable {
  case invalidJSON(JSONFailure)
  case requestIsNotAnObject
  case memberIsNotAString(String)
  case argumentsAreNotAnObject
  case unexpectedMember(String)
  case noCommand
  case notNegotiated
  case alreadyNegotiated
  case unknownCommand(String, nearest: String?)
  case missingParameter(String)
  case unexpectedParameter(String)
  case parameterType(String, expected: String)
  case parameterValue(String, value: String)
  case unavailableCapabilities([String])
  case unknownEvent(String)
  case noVirtualIOMMU
  case refused(MachineRefusal)
  case refusedDevice(CommandLineError)

  /// QMP's `class`.
  var className: String {
    switch self {
    case .notNegotiated, .alreadyNegotiated, .unknownCommand: "CommandNotFound"
    case .refused(let refusal) where refusal.isUnknownDevice: "DeviceNotFound"
    default: "GenericError"
    }
  }

  /// QEMU's `desc`; a guess at what was meant follows where there is one.
  var text: String {
    switch self {
    case .invalidJSON(let failure): failure.text
    case .requestIsNotAnObject: "QMP input must be a JSON object"
    case .memberIsNotAString(let name): "QMP input member '\(name)' must be a string"
    case .argumentsAreNotAnObject: "QMP input member 'arguments' must be an object"
    case .unexpectedMember(let name): "QMP input member '\(name)' is unexpected"
    case .noCommand: "QMP input lacks member 'execute'"
    case .notNegotiated: "Expecting capabilities negotiation with 'qmp_capabilities'"
    case .alreadyNegotiated:
      "Capabilities negotiation is already complete, command ignored"
    case .unknownCommand(let name, nearest: nil): "The command \(name) has not been found"
    case .unknownCommand(let name, nearest: let nearest?):
      "The command \(name) has not been found; did you mean '\(nearest)'?"
    case .missingParameter(let name): "Parameter '\(name)' is missing"
    case .unexpectedParameter(let name): "Parameter '\(name)' is unexpected"
    case .parameterType(let name, let expected):
      "Invalid parameter type for '\(name)', expected: \(expected)"
    case .parameterValue(let name, let value):
      "Parameter '\(name)' does not accept value '\(value)'"
    case .unavailableCapabilities(let names):
      "Capability \(names.joined(separator: ", ")) not available"
    case .unknownEvent(let name): "unknown event \"\(name)\""
    case .noVirtualIOMMU: "No vIOMMU: add -device intel-iommu"
    case .refused(let refusal): refusal.message
    case .refusedDevice(let error): error.sentence
    }
  }
}
