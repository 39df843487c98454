internal import HostKernel
internal import PCI
internal import SystemPackage

/// What the model of a function on vfio-pci reaches: the process's memory through the group's
/// translation, and the eventfds that `VFIO_DEVICE_SET_IRQS` gave.
struct FunctionBus: DeviceBus {
  let device: VFIODevice
  let host: SimulatedHost

  private var function: FunctionState { device.function }

  var isMaster: Bool {
    function.config.word(at: PCIRegister.command) & PCIRegister.commandMaster != 0
      && function.powerState == 0
  }

  var messages: MessageKind? {
    switch device.interrupts.mode {
    case .none, .intx: nil
    case .msi: .msi
    case .msix: .msix
    }
  }

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
    guard let memory = plainMemory(bar, at: offset, count: count) else { return nil }
    return memory.read(at: Int(offset), count: count)
  }

  func writeBAR(_ bar: Int, at offset: UInt64, _ bytes: [UInt8]) -> Bool {
    guard let memory = plainMemory(bar, at: offset, count: bytes.count) else { return false }
    memory.write(bytes[...], at: Int(offset))
    return true
  }

  private func plainMemory(_ index: Int, at offset: UInt64, count: Int) -> BARMemory? {
    guard let bar = function.description.bar(index), bar.kind != .io, offset <= bar.size,
      UInt64(count) <= bar.size - offset,
      function.model?.registers.allSatisfy({ area in
        area.bar != index || !area.bytes.overlaps(offset..<offset + UInt64(count))
      }) ?? true
    else { return nil }
    do throws(Errno) {
      return try function.memory(bar)
    } catch {
      return nil
    }
  }

  // MARK: Interrupts

  func setInterruptLine(_ isAsserted: Bool) {
    function.isInterruptAsserted = isAsserted
    device.interruptLineChanged()
  }

  func send(_ vector: Int) -> MessageOutcome {
    guard let messages, vector >= 0 else { return .absent }
    switch messages {
    case .msi:
      guard vector < device.interrupts.allocated, device.interrupts.hasTrigger(vector) else {
        return .absent
      }
      guard isMaster, messageMasks & 1 << UInt32(vector % 32) == 0 else { return .masked }
    case .msix:
      guard vector < Int(device.interruptCount(Int32(2))) else { return .absent }
      // The kernel masks the table entry of a vector that has no trigger.
      guard isMaster, device.interrupts.hasTrigger(vector) else { return .masked }
    }
    device.interrupts.signal(vector)
    return .sent
  }

  func showPending(_ vectors: UInt32) {
    guard let register = messageMaskRegister else { return }
    function.config.set(UInt64(vectors), at: register + 4, width: 4)
  }

  private var messageMasks: UInt32 {
    messageMaskRegister.map { function.config.long(at: $0) } ?? 0
  }

  /// The mask bits of MSI, with the pending bits behind them; nil without masking.
  private var messageMaskRegister: Int? {
    guard let offset = function.config.capability(StandardCapability.msi) else { return nil }
    let control = function.config.word(at: offset + 2)
    guard control & 0x100 != 0 else { return nil }
    return offset + (control & 0x80 != 0 ? 16 : 12)
  }
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
