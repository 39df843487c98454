internal import PCI

/// The ISA bridge at 1f.0, Intel ICH9 LPC (8086:2918) as far as it exists without a CPU: the eight
/// registers that route the PCI interrupt lines PIRQA to PIRQH.
final class ISABridge: PCIFunction {
  private var registers = ISABridge.makeRegisters()
  /// Called after a guest wrote to a routing register, whether its value changed or not.
  var onRoutingWrite: () -> Void = {}

  func readConfig(offset: Int, length: Int) -> UInt32 {
    registers.read(offset, length: length)
  }

  func writeConfig(offset: Int, length: Int, value: UInt32) {
    registers.write(offset, length: length, value: value)
    let touched = offset..<(offset + length)
    if (0..<8).contains(where: { touched.contains(Self.routeRegister($0)) }) { onRoutingWrite() }
  }

  /// Turns the routing registers to their reset value, 0x80 (ICH9 datasheet, 13.1.16): not to the
  /// 8259. Nobody is told, as in QEMU; functions find the new route when they are reset.
  func reset() {
    registers = Self.makeRegisters()
    for line in 0..<8 { registers.set(Self.routeRegister(line), length: 1, to: 0x80) }
  }

  /// The interrupt input that line 0 (PIRQA) to 7 (PIRQH) leads to: one of the 8259's sixteen, or the
  /// I/O APIC's input 16 to 23 while the register's bit 7 keeps it from the 8259.
  func globalInterrupt(of line: Int) -> UInt32 {
    let route = registers.read(Self.routeRegister(line & 7), length: 1)
    return route & 0x80 == 0 ? route & 0xf : 16 + UInt32(line & 7)
  }

  private static func routeRegister(_ line: Int) -> Int { line < 4 ? 0x60 + line : 0x64 + line }

  private static func makeRegisters() -> ConfigRegisters {
    var registers = ConfigRegisters(
      vendor: 0x8086, device: 0x2918, revision: 2, classCode: 0x0601, headerType: 0x80)
    for line in 0..<8 { registers.allow(0x8f, at: routeRegister(line), length: 1) }
    return registers
  }
}
