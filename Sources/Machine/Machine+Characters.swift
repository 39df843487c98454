package import Board
package import CommandLine
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

  /// Opens the devices of serial ports, monitors and a test. Those of monitors are given to nobody yet;
  /// a terminal that a serial port shares with one is the port's at first, as in QEMU.
  func openStreams(_ configuration: Configuration) throws(MachineError) {
    for (number, port) in configuration.serialPorts.enumerated() {
      guard case .backend(let backend) = port.target else { continue }
      try open(backend, label: SerialPortOption.label(number), option: port.optionText)
    }
    var ownCount = 0
    for monitor in configuration.monitors {
      let label = "compat_monitor\(ownCount)"
      if case .backend = monitor.target { ownCount += 1 }
      if let backend = try take(monitor.target, label: label, option: monitor.optionText) {
        monitorStreams.append(MonitorStream(mode: monitor.mode, backend: backend))
      }
    }
    if let qtest = configuration.qtest {
      testStream = try take(qtest.target, label: "qtest", option: qtest.optionText)
    }
  }

  /// Puts serial ports on the board, COM1 first.
  func addSerialPorts(_ configuration: Configuration) throws(MachineError) {
    for (number, port) in configuration.serialPorts.enumerated() {
      let label: String
      switch port.target {
      case .none: continue
      case .device(let id): label = id
      case .backend: label = SerialPortOption.label(number)
      }
      let backend = try take(label, option: port.optionText)
      board.addSerialPort(number, backend, clock: clock, events: environment.events)
    }
  }

  package var characterDevices: [CharacterDeviceStatus] {
    characters.info.map {
      CharacterDeviceStatus(
        label: $0.label, filename: $0.filename, isFrontEndOpen: $0.isFrontEndOpen)
    }
  }

  private func take(
    _ target: CharacterTarget, label: String, option: String
  ) throws(MachineError) -> (any CharacterBackend)? {
    switch target {
    case .none: return nil
    case .device(let id): return try take(id, option: option)
    case .backend(let backend):
      try open(backend, label: label, option: option)
      return try take(label, option: option)
    }
  }

  private func take(_ label: String, option: String) throws(MachineError) -> any CharacterBackend {
    guard let backend = characters.take(label) else {
      throw MachineError(.characterDeviceInUse(label), option: option)
    }
    return backend
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

/// Where a monitor is to be, for whoever makes it.
package struct MonitorStream {
  package let mode: MonitorConfiguration.Mode
  package let backend: any CharacterBackend
}
