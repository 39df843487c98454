internal import PCI

/// The ISA bridge at 1f.0, Intel ICH9 LPC (8086:2918) as far as it exists without a CPU: the eight
/// registers that route the PCI interrupt lines PIRQA to PIRQH, and the place of power management.
final class ISABridge: PCIFunction {
  private var registers = ISABridge.makeRegisters()
  /// Called after a guest wrote to a routing register, whether its value changed or not.
  var onRoutingWrite: () -> Void = {}
  /// Called after a change of the place of power management.
  var onPowerManagementWrite: (PowerManagementPlace) -> Void = { _ in }

  /// What `PMBASE` and `ACPI_CNTL` say of the power management ports.
  struct PowerManagementPlace: Equatable {
    var base: UInt16
    var isEnabled: Bool
    /// The global interrupt that their events are routed to.
    var interrupt: UInt32
  }

  func readConfig(offset: Int, length: Int) -> UInt32 {
    registers.read(offset, length: length)
  }

  func writeConfig(offset: Int, length: Int, value: UInt32) {
    registers.write(offset, length: length, value: value)
    let touched = offset..<(offset + length)
    if (0..<8).contains(where: { touched.contains(Self.routeRegister($0)) }) { onRoutingWrite() }
    if touched.overlaps(Self.baseRegister..<Self.controlRegister + 1) {
      onPowerManagementWrite(powerManagementPlace)
    }
  }

  /// Places the power management ports and turns them on, as firmware does.
  func placePowerManagement(at base: UInt16) {
    writeConfig(offset: Self.baseRegister, length: 4, value: UInt32(base))
    writeConfig(offset: Self.controlRegister, length: 1, value: 0x80)
  }

  private var powerManagementPlace: PowerManagementPlace {
    let base = registers.read(Self.baseRegister, length: 4) & 0xff80
    let control = registers.read(Self.controlRegister, length: 1)
    let interrupts: [UInt32: UInt32] = [0: 9, 1: 10, 2: 11, 4: 20, 5: 21]
    return PowerManagementPlace(
      base: UInt16(truncatingIfNeeded: base), isEnabled: control & 0x80 != 0,
      interrupt: interrupts[control & 7] ?? 9)
  }

  /// `PMBASE`: bits 15 to 7 of the first port; bit 0 says that it is of ports.
  private static var baseRegister: Int { 0x40 }

  /// `ACPI_CNTL`: enable in bit 7, the interrupt in bits 2 to 0.
  private static var controlRegister: Int { 0x44 }

  /// Turns the routing registers to their reset value, 0x80 (ICH9 datasheet, 13.1.16): not to the
  /// 8259. Nobody is told, as in QEMU; functions find the new route when they are reset.
  func reset() {
    registers = Self.makeRegisters()
    for line in 0..<8 { registers.set(Self.routeRegister(line), length: 1, to: 0x80) }
    onPowerManagementWrite(powerManagementPlace)
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
    registers.set(baseRegister, length: 4, to: 1)
    registers.allow(0xff80, at: baseRegister, length: 4)
    registers.allow(0x87, at: controlRegister, length: 1)
    return registers
  }
}
