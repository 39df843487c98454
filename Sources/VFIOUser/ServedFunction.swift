internal import CLinux
internal import PCI
package import SimulatedKernel
internal import SystemPackage

/// One function of a description as its hardware is: what the client of a connection reaches.
///
/// Unlike the simulated kernel nothing stands between: config space is the function's own, with every
/// capability, and its registers are as after power-on, not as the firmware of the described host left
/// them. Used by one thread.
package final class ServedFunction: InterruptSource {
  package let function: FunctionState
  package var interrupts = InterruptState()
  var memory = DMAMap()
  private let report: (String) -> Void
  private var hasReportedFault = false

  /// Puts a function into the state after power-on. What has to be said once goes to `report`.
  package init(
    _ description: HostFunction, report: @escaping (String) -> Void
  ) throws(ServingError) {
    let type = description.config.byte(at: PCIRegister.headerType) & 0x7F
    guard type == 0 else { throw .notAnEndpoint(description.address) }
    guard let physical = description.physicalFunction else {
      var powered = description
      powered.config = description.config.afterPowerOn(
        bars: description.bars, romSize: description.rom?.size)
      function = FunctionState(serving: powered)
      self.report = report
      return
    }
    throw .virtualFunction(description.address, of: physical)
  }

  deinit { interrupts.disableAll() }

  package var interruptPin: UInt8 { function.config.byte(at: PCIRegister.interruptPin) }

  package var disablesInterrupt: Bool {
    function.config.word(at: PCIRegister.command) & PCIRegister.commandInterruptDisable != 0
  }

  /// Eventfds come in as many messages as it takes, whatever the first one enabled.
  package func takesMoreVectors(_ mode: InterruptState.Mode) -> Bool { true }

  /// Everything that a client left behind goes.
  func release() {
    interrupts.disableAll()
    _ = memory.unmapAll()
    reset()
  }

  /// Resets the function, its config space included; where interrupts go to stays.
  func reset() {
    function.reset()
    function.config = function.description.config
    function.model?.interruptsChanged(on: bus)
  }

  var bus: ServedBus { ServedBus(served: self) }

  /// The first DMA fault of a connection is worth a line.
  func note(_ fault: DMAFault) {
    guard !hasReportedFault, fault.reason != .notMaster else { return }
    hasReportedFault = true
    let address = "0x" + String(fault.address, radix: 16)
    let cause =
      switch fault.reason {
      case .memoryGone:
        "the client gave no descriptor for it; a QEMU needs a memory backend with share=on"
      case .notAllowed, .blocked, .notMaster:
        "the client did not map it for \(fault.isWrite ? "writes" : "reads")"
      }
    report("DMA of \(function.address) did not reach \(address): \(cause)")
  }
}

/// What the function's model reaches: the client's memory and its eventfds.
struct ServedBus: DeviceBus {
  let served: ServedFunction

  var isMaster: Bool { served.function.isMaster }
  var messages: MessageKind? { served.messages }

  func readMemory(at address: UInt64, count: Int) throws(DMAFault) -> [UInt8] {
    do throws(DMAFault) {
      guard isMaster else { throw DMAFault(address: address, isWrite: false, reason: .notMaster) }
      return try served.memory.read(at: address, count: count)
    } catch {
      served.note(error)
      throw error
    }
  }

  func writeMemory(_ bytes: [UInt8], at address: UInt64) throws(DMAFault) {
    do throws(DMAFault) {
      guard isMaster else { throw DMAFault(address: address, isWrite: true, reason: .notMaster) }
      try served.memory.write(bytes, at: address)
    } catch {
      served.note(error)
      throw error
    }
  }

  func readBAR(_ bar: Int, at offset: UInt64, count: Int) -> [UInt8]? {
    served.function.plainMemory(bar, at: offset, count: count)?.read(at: Int(offset), count: count)
  }

  func writeBAR(_ bar: Int, at offset: UInt64, _ bytes: [UInt8]) -> Bool {
    guard let memory = served.function.plainMemory(bar, at: offset, count: bytes.count) else {
      return false
    }
    memory.write(bytes[...], at: Int(offset))
    return true
  }

  func setInterruptLine(_ isAsserted: Bool) {
    served.function.isInterruptAsserted = isAsserted
    served.interruptLineChanged()
  }

  func send(_ vector: Int) -> MessageOutcome { served.send(vector) }

  func showPending(_ vectors: UInt32) { served.function.showPending(vectors) }
}
