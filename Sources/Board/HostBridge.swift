internal import Hypervisor
internal import PCI

/// The host bridge at 00.0, Intel 82G33 (8086:29c0): `PCIEXBAR`, which puts the enhanced configuration
/// window into memory, and the attributes (PAM) of memory from 0xc0000 to 1 MiB.
///
/// There are no ROMs and no VGA, so RAM shows wherever QEMU's board without them shows RAM: all but
/// segments that a guest makes read-only can be written. SMRAM is closed, as without SMM.
final class HostBridge: PCIFunction {
  private var registers = HostBridge.initialRegisters
  private let memory: AddressSpace
  private let window: RegionID
  /// One read-only piece for each segment, in the order of `segments`.
  private let readOnly: [RegionID]

  /// Adds the window to `memory`, disabled until a guest programs it, and read-only pieces of the RAM
  /// whose first `ramSize` bytes are at `ram` in this process.
  init(memory: AddressSpace, bus: PCIBus, ram: UInt, ramSize: UInt64) {
    self.memory = memory
    window = memory.add(
      MemoryRegion(
        name: "pcie-mmcfg-mmio", base: 0, size: 1 << 28, kind: .io(EnhancedConfigWindow(bus)),
        isEnabled: false))
    readOnly =
      ramSize < 1 << 20
      ? []
      : Self.segments.map { segment in
        memory.add(
          MemoryRegion(
            name: "pam-rom", base: segment.base, size: segment.size, priority: 1,
            kind: .ram(hostAddress: ram + UInt(segment.base), isReadOnly: true),
            isEnabled: false))
      }
  }

  /// Memory whose attributes are in two bits of a register: bit 0 lets reads through to RAM, bit 1
  /// writes.
  private struct Segment {
    let base: UInt64
    let size: UInt64
    let register: Int
    let shift: UInt32
  }

  /// PAM0 has 0xf0000 to 0xfffff in its upper half, PAM1 to PAM6 16 KiB each in their two halves.
  private static let segments: [Segment] =
    [Segment(base: 0xf_0000, size: 0x1_0000, register: 0x90, shift: 4)]
    + (0..<12).map { index in
      Segment(
        base: 0xc_0000 + 0x4000 * UInt64(index), size: 0x4000, register: 0x91 + index / 2,
        shift: index & 1 == 0 ? 0 : 4)
    }

  func readConfig(offset: Int, length: Int) -> UInt32 {
    registers.read(offset, length: length)
  }

  func writeConfig(offset: Int, length: Int, value: UInt32) {
    registers.write(offset, length: length, value: value)
    if offset < Self.windowRegister + 8, offset + length > Self.windowRegister { placeWindow() }
    if offset < 0x97, offset + length > 0x90 { protectSegments() }
  }

  /// Programs what firmware programs before a guest starts: the configuration window for 256 buses.
  func applyFirmwareSettings() {
    let base = FirmwareSettings.configWindowBase
    writeConfig(
      offset: Self.windowRegister + 4, length: 4, value: UInt32(truncatingIfNeeded: base >> 32))
    writeConfig(
      offset: Self.windowRegister, length: 4, value: UInt32(truncatingIfNeeded: base) | 1)
  }

  private func protectSegments() {
    memory.update {
      for (segment, region) in zip(Self.segments, readOnly) {
        let attributes = registers.read(segment.register, length: 1) >> segment.shift & 3
        memory.setEnabled(region, attributes == 1)
      }
    }
  }

  func reset() {
    registers = Self.initialRegisters
    placeWindow()
    protectSegments()
  }

  /// `PCIEXBAR`: enable in bit 0, length in bits 2 and 1, base in bits 35 to 26.
  private static var windowRegister: Int { 0x60 }

  private static var initialRegisters: ConfigRegisters {
    var registers = ConfigRegisters(
      vendor: 0x8086, device: 0x29c0, revision: 0, classCode: 0x0600, headerType: 0)
    registers.set(windowRegister, length: 4, to: 0xb000_0000)
    registers.allow(0xfc00_0007, at: windowRegister, length: 4)
    registers.allow(0xf, at: windowRegister + 4, length: 4)
    registers.allow(0x30, at: 0x90, length: 1)
    for register in 0x91...0x96 { registers.allow(0x33, at: register, length: 1) }
    // SMRAM and ESMRAMC.
    registers.set(0x9d, length: 2, to: 0x3802)
    registers.allowCommand()
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
