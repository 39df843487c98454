internal import PCI
internal import SystemPackage

/// The config region (5.3 and 5.4 of the contract).
extension VFIODevice {
  /// Reads bytes; all of them must be in the region.
  func readConfig(at position: UInt64, count: Int) throws(Errno) -> [UInt8] {
    guard let config else { throw .einval }
    guard position <= UInt64(config.size), count <= config.size - Int(position) else {
      throw .efault
    }
    if function.isGone { return Array(repeating: 0xFF, count: count) }
    return config.read(Int(position)..<Int(position) + count, hardware: function.config.bytes)
  }

  /// Writes bytes in aligned pieces, none of which crosses a capability.
  func writeConfig(_ bytes: [UInt8], at position: UInt64, on host: SimulatedHost) throws(Errno) {
    guard let size = config?.size else { throw .einval }
    guard position <= UInt64(size), bytes.count <= size - Int(position) else { throw .efault }
    var rest = bytes[...]
    var offset = Int(position)
    while !rest.isEmpty, let width = config?.pieceWidth(at: offset, remaining: rest.count) {
      writePiece(Array(rest.prefix(width)), at: offset, on: host)
      rest = rest.dropFirst(width)
      offset += width
    }
  }

  private func writePiece(_ bytes: [UInt8], at offset: Int, on host: SimulatedHost) {
    guard var config, !function.isGone else { return }
    let disabledInterrupt = config.disablesInterrupt
    for (index, byte) in bytes.enumerated() {
      guard let (value, mask) = config.write(byte, at: offset + index) else { continue }
      let kept = function.config.byte(at: offset + index) & ~mask
      function.config.write(kept | value, at: offset + index)
    }
    let range = offset..<offset + bytes.count
    if range.overlaps(PCIRegister.command..<PCIRegister.command + 2) {
      noteCommand(bytes, at: offset, in: &config)
    }
    if range.overlaps(PCIRegister.bar0..<0x28) || range.overlaps(PCIRegister.rom..<0x34) {
      config.fixBARs()
    }
    self.config = config
    if config.disablesInterrupt != disabledInterrupt { interruptDisableChanged() }
    performOrders(bytes, at: offset, on: host)
    updateMappings()
    interruptsChanged(on: host)
  }

  /// Memory and I/O decoding are hardware's bits that the kernel also remembers.
  private func noteCommand(_ bytes: [UInt8], at offset: Int, in config: inout VirtualConfig) {
    guard offset == PCIRegister.command, let written = bytes.first else { return }
    let decoding = UInt8(PCIRegister.commandIO | PCIRegister.commandMemory)
    let kept = config.byte(at: PCIRegister.command) & ~decoding
    config.set(kept | written & decoding, at: PCIRegister.command)
  }

  private func interruptDisableChanged() {
    if config?.disablesInterrupt ?? true {
      interrupts.maskINTx()
    } else {
      unmaskINTx()
    }
  }

  /// Registers whose write is an order: power state, MSI control, function reset, VPD.
  private func performOrders(_ bytes: [UInt8], at offset: Int, on host: SimulatedHost) {
    guard let config else { return }
    let range = offset..<offset + bytes.count
    if let pm = config.powerManagement, offset == pm + 4, let written = bytes.first,
      !host.hasVirtualFunctions(function)
    {
      function.setPowerState(UInt16(written & 3))
    }
    if let msi = config.messageInterrupts, range.contains(msi + 2) { limitMessages(at: msi) }
    if let express = config.express, range.contains(express + 9) {
      orderReset(express + 9, bit: 0x80, isCapable: FunctionReset.hasFLR(function.config), host)
      setReadRequestSize(at: express + 8)
    }
    if let advanced = config.advancedFeatures, range.contains(advanced + 4) {
      orderReset(
        advanced + 4, bit: 0x01, isCapable: FunctionReset.hasAdvancedFLR(function.config), host)
    }
    if let vpd = config.vitalProductData, range.contains(vpd + 3) { transferProductData(at: vpd) }
  }

  /// Keeps what MSI control may say: enabled only while `SET_IRQS` enabled it, no more messages than
  /// were granted.
  private func limitMessages(at offset: Int) {
    guard var config else { return }
    var control = config.byte(at: offset + 2)
    let isOn = interrupts.mode == .msi
    if !isOn { control &= ~0x01 }
    let highest = isOn ? UInt8(Int.bitWidth - (interrupts.allocated - 1).leadingZeroBitCount) : 0
    if control >> 4 & 7 > highest { control = control & ~0x70 | highest << 4 }
    config.set(control, at: offset + 2)
    self.config = config
    function.config.write(control, at: offset + 2)
  }

  private func orderReset(_ offset: Int, bit: UInt8, isCapable: Bool, _ host: SimulatedHost) {
    guard var config, config.byte(at: offset) & bit != 0 else { return }
    config.set(config.byte(at: offset) & ~bit, at: offset)
    self.config = config
    // A lock that is busy is not an error for the guest: the order is lost.
    guard isCapable, !function.isLocked else { return }
    function.reset()
    buffers.interrupt(isReachable: isMemoryReachable)
  }

  /// The hardware never asks for less than the host decided.
  private func setReadRequestSize(at offset: Int) {
    guard let config else { return }
    let host = function.description.config.word(at: offset) & 0x7000
    let wanted = config.word(at: offset) & 0x7000
    let control = function.config.word(at: offset) & ~0x7000 | max(host, wanted)
    function.config.write(word: control, at: offset)
  }

  /// A write to the upper address byte moves four bytes and toggles the flag.
  private func transferProductData(at offset: Int) {
    guard var config else { return }
    let address = config.word(at: offset + 2)
    guard address & 0x8000 == 0 else { return }
    let data = function.description.vitalProductData
    let start = Int(address & 0x7FFC)
    guard start < data.count else { return }
    for index in 0..<4 {
      config.set(start + index < data.count ? data[start + index] : 0, at: offset + 4 + index)
    }
    config.set(UInt8(address >> 8) | 0x80, at: offset + 3)
    self.config = config
  }
}
