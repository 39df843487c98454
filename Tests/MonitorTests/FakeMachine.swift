import CommandLine
import EventLoop
import Machine
import Monitor
import Tracing
import VirtualIOMMU

/// A machine that remembers what it was asked, with a few bytes of memory and ports.
@VMMain final class FakeMachine: MachineControl {
  enum Request: Equatable {
    case reset(RunCause)
    case shutdown(RunCause)
    case powerDown
    case addDevice(DeviceConfiguration)
    case removeDevice(String)
    case readPort(UInt16, Int)
    case writePort(UInt16, Int, UInt32)
    case readMemory(UInt64, Int)
    case writeMemory(UInt64, Int, UInt64)
  }

  var name: String?
  var runState = RunState.prelaunch
  let tracer = Tracer(to: NullSink())
  var refusal: MachineRefusal?
  var requests: [Request] = []
  private var memory: [UInt64: UInt8] = [:]
  private var observers: [@VMMain (MachineEvent) -> Void] = []

  func observeEvents(_ observer: @escaping @VMMain (MachineEvent) -> Void) {
    observers.append(observer)
  }

  func emit(_ event: MachineEvent) {
    for observer in observers { observer(event) }
  }

  func stop() {
    guard runState != .paused else { return }
    runState = .paused
    emit(.stopped)
  }

  func resume() throws(MachineRefusal) {
    if let refusal { throw refusal }
    guard runState != .running else { return }
    runState = .running
    emit(.resumed)
  }

  func reset(_ cause: RunCause) { requests.append(.reset(cause)) }

  func shutdown(_ cause: RunCause) { requests.append(.shutdown(cause)) }

  func powerDown() { requests.append(.powerDown) }

  var capabilityReport: CapabilityReport?

  var pciDevices: [PCIDeviceStatus] = []

  var characterDevices: [CharacterDeviceStatus] = []

  var knownDevices = KnownDevices(buses: ["pcie.0", "rp1"], ids: ["taken"])

  func addDevice(_ device: DeviceConfiguration) throws(MachineRefusal) {
    if let refusal { throw refusal }
    requests.append(.addDevice(device))
  }

  func removeDevice(_ id: String) throws(MachineRefusal) {
    guard knownDevices.ids.contains(id) else {
      throw MachineRefusal("Device '\(id)' not found", isUnknownDevice: true)
    }
    requests.append(.removeDevice(id))
  }

  func readPort(_ port: UInt16, size: Int) -> UInt32 {
    requests.append(.readPort(port, size))
    return UInt32(truncatingIfNeeded: 0xffff_ffff >> (32 - size * 8))
  }

  func writePort(_ port: UInt16, size: Int, value: UInt32) {
    requests.append(.writePort(port, size, value))
  }

  func readMemory(_ address: UInt64, size: Int) -> UInt64 {
    requests.append(.readMemory(address, size))
    return (0..<size).reversed().reduce(0) { value, index in
      value << 8 | UInt64(memory[address &+ UInt64(index)] ?? 0)
    }
  }

  func writeMemory(_ address: UInt64, size: Int, value: UInt64) {
    requests.append(.writeMemory(address, size, value))
    for index in 0..<size {
      memory[address &+ UInt64(index)] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
    }
  }
}

private final class NullSink: TraceSink {
  func write(line: Span<UInt8>) {}
}

extension MonitorSession {
  /// Sends `text` as far as the session takes it, and returns what it answers.
  func answers(to text: String) -> String {
    answers(to: Array(text.utf8))
  }

  /// Sends `bytes`, making room whenever the output is full, and returns what the session answers.
  func answers(to bytes: [UInt8]) -> String {
    var rest = bytes[...]
    var answers: [UInt8] = []
    repeat {
      rest = rest.dropFirst(receive(rest))
      answers += output.pending
      output.removeFirst(output.pending.count)
    } while !rest.isEmpty
    return String(decoding: answers, as: UTF8.self)
  }

  /// What the session sent on its own.
  func takeOutput() -> String {
    defer { output.removeFirst(output.pending.count) }
    return String(decoding: output.pending, as: UTF8.self)
  }
}
