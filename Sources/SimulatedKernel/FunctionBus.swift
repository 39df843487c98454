internal import HostKernel
internal import PCI
internal import SystemPackage

/// What the model of a function on vfio-pci reaches: the process's memory through the group's
/// translation, and the eventfds that `VFIO_DEVICE_SET_IRQS` gave.
struct FunctionBus: DeviceBus {
  let device: VFIODevice
  let host: SimulatedHost

  private var function: FunctionState { device.function }

  var isMaster: Bool { function.isMaster }
  var messages: MessageKind? { device.messages }

  // MARK: Memory

  func readMemory(at address: UInt64, count: Int) throws(DMAFault) -> [UInt8] {
    try checked { () throws(DMAFault) in
      guard isMaster else { throw DMAFault(address: address, isWrite: false, reason: .notMaster) }
      return try function.group.readMemory(at: address, count: count)
    }
  }

  func writeMemory(_ bytes: [UInt8], at address: UInt64) throws(DMAFault) {
    try checked { () throws(DMAFault) in
      guard isMaster else { throw DMAFault(address: address, isWrite: true, reason: .notMaster) }
      try function.group.writeMemory(bytes, at: address)
    }
  }

  private func checked<Value>(
    _ body: () throws(DMAFault) -> Value
  ) throws(DMAFault) -> Value {
    do throws(DMAFault) {
      return try body()
    } catch {
      host.note(error, of: function)
      throw error
    }
  }

  func readBAR(_ bar: Int, at offset: UInt64, count: Int) -> [UInt8]? {
    guard let memory = function.plainMemory(bar, at: offset, count: count) else { return nil }
    return memory.read(at: Int(offset), count: count)
  }

  func writeBAR(_ bar: Int, at offset: UInt64, _ bytes: [UInt8]) -> Bool {
    guard let memory = function.plainMemory(bar, at: offset, count: bytes.count) else {
      return false
    }
    memory.write(bytes[...], at: Int(offset))
    return true
  }

  // MARK: Interrupts

  func setInterruptLine(_ isAsserted: Bool) {
    function.isInterruptAsserted = isAsserted
    device.interruptLineChanged()
  }

  func send(_ vector: Int) -> MessageOutcome { device.send(vector) }

  func showPending(_ vectors: UInt32) { function.showPending(vectors) }
}

extension SimulatedHost {
  /// How many faults are kept of one function.
  static let faultLimit = 64

  /// Keeps a fault of a function, and reports the function's first one as the IOMMU driver would.
  func note(_ fault: DMAFault, of function: FunctionState) {
    if function.faults.count < Self.faultLimit { function.faults.append(fault) }
    // Without bus mastering nothing leaves the function, so the IOMMU sees nothing.
    guard fault.reason != .notMaster else { return }
    reportOnce(
      of: "DMA fault of \(function.address)",
      "\(fault.line(for: function)); further ones of this function are only counted")
  }
}

extension DMAFault {
  /// The line that the IOMMU's driver writes to the kernel log.
  func line(for function: FunctionState) -> String {
    let address = "0x" + String(address, radix: 16)
    switch function.group.iommu.kind {
    case .amd:
      return "AMD-Vi: Event logged [IO_PAGE_FAULT device=\(function.address) domain=0x0001 "
        + "address=\(address) flags=0x\(isWrite ? "0020" : "0000")]"
    case .intel, .silent, .absent, .mock:
      let cause =
        switch reason {
        case .blocked, .notMaster: "0x02] Present bit in context entry is clear"
        case .notAllowed, .memoryGone:
          isWrite
            ? "0x05] PTE Write access is not set" : "0x06] PTE Read access is not set"
        }
      return "DMAR: [DMA \(isWrite ? "Write" : "Read") NO_PASID] Request device "
        + "[\(function.address.description.dropFirst(5))] fault addr \(address) "
        + "[fault reason \(cause)"
    }
  }
}
