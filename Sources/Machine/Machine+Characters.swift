internal import Board
internal import CommandLine
internal import EventLoop
internal import Hypervisor
internal import Passthrough

extension Machine {
  /// Opens the character devices of the command line.
  func openCharacterDevices(_ configuration: Configuration) throws(MachineError) {
    for definition in configuration.characterDevices {
      try open(definition.backend, label: definition.id, option: definition.optionText)
    }
  }

  /// Puts serial ports on the board, COM1 first.
  func addSerialPorts(_ configuration: Configuration) throws(MachineError) {
    for (number, option) in configuration.serialPorts.enumerated() {
      let label: String
      switch option.target {
      case .none: continue
      case .device(let id): label = id
      case .backend(let backend):
        label = "serial\(number)"
        try open(backend, label: label, option: option.optionText)
      }
      guard let backend = characters.take(label) else {
        throw MachineError(.characterDeviceInUse(label), option: option.optionText)
      }
      board.addSerialPort(number, backend, clock: clock, events: environment.events)
    }
  }

  package var characterDevices: [CharacterDeviceStatus] {
    characters.info.map {
      CharacterDeviceStatus(
        label: $0.label, filename: $0.filename, isFrontEndOpen: $0.isFrontEndOpen)
    }
  }

  private func open(
    _ backend: CharacterBackendConfiguration, label: String, option: String
  ) throws(MachineError) {
    do throws(CharacterBackendError) {
      try characters.open(
        CharacterBackendKind(backend.kind), label: label, isShared: backend.isShared)
    } catch {
      throw MachineError(.character(error), option: option)
    }
  }
}

extension CharacterBackendKind {
  fileprivate init(_ kind: CharacterBackendConfiguration.Kind) {
    switch kind {
    case .null: self = .null
    case .standardIO(let allowsSignals): self = .standardIO(allowsSignals: allowsSignals)
    case .file(let path, let appends): self = .file(path: path, appends: appends)
    case .pseudoterminal: self = .pseudoterminal
    case .socket(let endpoint, let role, let isPrompt):
      let place: SocketEndpoint =
        switch endpoint {
        case .unix(let path): .unix(path: path)
        case .tcp(let host, let port): .tcp(host: host, port: port)
        }
      let mode: SocketMode =
        switch role {
        case .client: .client
        case .server(let waits): .server(waits: waits)
        }
      self = .socket(place, mode, isPrompt: isPrompt)
    }
  }
}
