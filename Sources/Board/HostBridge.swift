internal import Hypervisor
internal import PCI

/// The host bridge at 00.0, Intel 82G33 (8086:29c0) as far as it exists without a CPU: `PCIEXBAR`,
/// which puts the enhanced configuration window into memory.
///
/// Memory attributes (PAM) and SMRAM are not modelled: what lies from 0xc0000 up is always RAM.
final class HostBridge: PCIFunction {
  private var registers = HostBridge.initialRegisters
  private let memory: AddressSpace
  private let window: RegionID

  /// Adds the window to `memory`, disabled until a guest programs it.
  init(memory: AddressSpace, bus: PCIBus) {
    self.memory = memory
    window = memory.add(
      MemoryRegion(
        name: "pcie-mmcfg-mmio", base: 0, size: 1 << 28, kind: .io(EnhancedConfigWindow(bus)),
        isEnabled: false))
  }

  func readConfig(offset: Int, length: Int) -> UInt32 {
    registers.read(offset, length: length)
  }

  func writeConfig(offset: Int, length: Int, value: UInt32) {
    registers.write(offset, length: length, value: value)
    if offset < Self.windowRegister + 8, offset + length > Self.windowRegister { placeWindow() }
  }

  func reset() {
    registers = Self.initialRegisters
    placeWindow()
  }

  /// `PCIEXBAR`: enable in bit 0, length in bits 2 and 1, base in bits 35 to 26.
  private static var windowRegister: Int { 0x60 }

  private static var initialRegisters: ConfigRegisters {
    var registers = ConfigRegisters(
      vendor: 0x8086, device: 0x29c0, revision: 0, classCode: 0x0600, headerType: 0)
    registers.set(windowRegister, length: 4, to: 0xb000_0000)
    registers.allow(0xfc00_0007, at: windowRegister, length: 4)
    registers.allow(0xf, at: windowRegister + 4, length: 4)
    return registers
  }

  /// Follows the register. Length 3 is reserved and decodes nothing.
  private func placeWindow() {
    let low = registers.read(Self.windowRegister, length: 4)
    let high = registers.read(Self.windowRegister + 4, length: 4)
    let sizes: [UInt32: UInt64] = [0: 1 << 28, 1: 1 << 27, 2: 1 << 26]
    let size = low & 1 == 1 ? sizes[low >> 1 & 3] : nil
    memory.update {
      if let size {
        let base = UInt64(high) << 32 | UInt64(low & 0xfc00_0000)
        memory.move(window, to: base & ~(size - 1))
        memory.resize(window, to: size)
      }
      memory.setEnabled(window, size != nil)
    }
  }
}
