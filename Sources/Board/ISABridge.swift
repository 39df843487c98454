internal import Hypervisor
internal import PCI

/// The ISA bridge at 1f.0, Intel ICH9 LPC (8086:2918): where the power management ports and the root
/// complex registers are, and how the PCI interrupt lines PIRQA to PIRQH are routed.
///
/// ICH9 datasheet, 10.1 and 13.1. Left out: what sits behind it on real boards.
final class ISABridge: PCIFunction {
  private var registers = ISABridge.makeRegisters()
  private var pinRoutes = PinRoutes()
  private let memory: AddressSpace
  private let window: RegionID
  /// Called after a guest wrote to a routing register, whether its value changed or not.
  var onRoutingWrite: () -> Void = {}
  /// Called when the power management ports or their interrupt may have changed.
  var onPowerManagement: (PowerManagementPorts) -> Void = { _ in }

  /// Adds the root complex registers to `memory`, disabled until a guest programs `RCBA`.
  init(memory: AddressSpace) {
    self.memory = memory
    let handler = RootComplexRegisters()
    window = memory.add(
      MemoryRegion(
        name: "lpc-rcrb-mem", base: 0, size: 0x4000, priority: 1, kind: .io(handler),
        isEnabled: false))
    handler.bridge = self
  }

  func readConfig(offset: Int, length: Int) -> UInt32 {
    registers.read(offset, length: length)
  }

  func writeConfig(offset: Int, length: Int, value: UInt32) {
    registers.write(offset, length: length, value: value)
    let touched = offset..<(offset + length)
    if (0..<8).contains(where: { touched.contains(Self.routeRegister($0)) }) { onRoutingWrite() }
    if touched.overlaps(0x40..<0x45) { onPowerManagement(powerManagement) }
    if touched.overlaps(0xf0..<0xf4) { placeRootComplexRegisters() }
  }

  /// Turns the registers to their reset values, those for routing to 0x80 (ICH9 datasheet, 13.1.16):
  /// not to the 8259. Nobody is told of routes, as in QEMU; functions find the new route when they are
  /// reset.
  func reset() {
    registers = Self.makeRegisters()
    pinRoutes = PinRoutes()
    for line in 0..<8 { registers.set(Self.routeRegister(line), length: 1, to: 0x80) }
    onPowerManagement(powerManagement)
    placeRootComplexRegisters()
  }

  /// Programs what firmware programs before a guest starts: the power management ports at 0x600, the
  /// root complex registers at 0xfed1c000, and the lines PIRQA to PIRQH, which go to the I/O APIC alone
  /// since there is nobody to use the 8259. Those who follow routes hear of theirs.
  func applyFirmwareSettings() {
    for line in 0..<8 { writeConfig(offset: Self.routeRegister(line), length: 1, value: 0x80) }
    writeConfig(offset: 0x40, length: 4, value: UInt32(FirmwareSettings.powerManagementBase) | 1)
    writeConfig(offset: 0x44, length: 1, value: 0x80)
    writeConfig(offset: 0xf0, length: 4, value: FirmwareSettings.rootComplexBase | 1)
  }

  /// Where the power management ports are now (`PMBASE`, `ACPI_CNTL`).
  var powerManagement: PowerManagementPorts {
    let base = UInt16(truncatingIfNeeded: registers.read(0x40, length: 2) & 0xff80)
    let control = registers.read(0x44, length: 1)
    let interrupt: UInt32 =
      switch control & 7 {
      case 1: 10
      case 2: 11
      case 4: 20
      case 5: 21
      default: 9
      }
    return PowerManagementPorts(
      base: control & 0x80 != 0 ? base : nil, systemControlInterrupt: interrupt)
  }

  /// The interrupt input that line 0 (PIRQA) to 7 (PIRQH) leads to: one of the 8259's sixteen, or the
  /// I/O APIC's input 16 to 23 while the register's bit 7 keeps it from the 8259.
  func globalInterrupt(of line: Int) -> UInt32 {
    let route = registers.read(Self.routeRegister(line & 7), length: 1)
    return route & 0x80 == 0 ? route & 0xf : 16 + UInt32(line & 7)
  }

  /// The line that pin 0 to 3 of a slot of the root bus is wired to.
  func line(of slot: Int, pin: Int) -> Int { pinRoutes.line(of: slot, pin: pin) }

  private func placeRootComplexRegisters() {
    let base = registers.read(0xf0, length: 4)
    memory.update {
      if base & 1 != 0 { memory.move(window, to: UInt64(base & 0xffff_c000)) }
      memory.setEnabled(window, base & 1 != 0)
    }
  }

  fileprivate func readRootComplex(_ offset: UInt64, _ size: Int) -> UInt64 {
    pinRoutes.read(offset: offset, size: size)
  }

  fileprivate func writeRootComplex(_ offset: UInt64, _ size: Int, _ value: UInt64) {
    if pinRoutes.write(offset: offset, size: size, value: value) { onRoutingWrite() }
  }

  private static func routeRegister(_ line: Int) -> Int { line < 4 ? 0x60 + line : 0x64 + line }

  private static func makeRegisters() -> ConfigRegisters {
    var registers = ConfigRegisters(
      vendor: 0x8086, device: 0x2918, revision: 2, classCode: 0x0601, headerType: 0x80)
    for line in 0..<8 { registers.allow(0x8f, at: routeRegister(line), length: 1) }
    registers.set(0x40, length: 4, to: 1)
    registers.allow(0xff80, at: 0x40, length: 4)
    registers.allow(0x87, at: 0x44, length: 1)
    registers.allow(0xffff_c001, at: 0xf0, length: 4)
    registers.allowCommand()
    return registers
  }
}

/// The memory behind `RCBA`, which must not keep the bridge alive.
private final class RootComplexRegisters: MemoryHandler {
  weak var bridge: ISABridge?

  func read(offset: UInt64, size: Int) -> UInt64 { bridge?.readRootComplex(offset, size) ?? 0 }

  func write(offset: UInt64, size: Int, value: UInt64) {
    bridge?.writeRootComplex(offset, size, value)
  }
}
