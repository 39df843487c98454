/// The type 1 header of a bridge (PCI-to-PCI Bridge 1.2, 3.2; PCIe 6.0, 7.5.1.3): which buses, memory
/// and ports lie behind it.
///
/// Pure: decodes the registers in a copy of config space.
package struct BridgeHeader: Equatable, Sendable {
  /// The number of the bus behind the bridge, 0 until a guest numbers it.
  package let secondaryBus: UInt8
  /// The highest bus number behind the bridge.
  package let subordinateBus: UInt8
  /// Bridge control bit 6: the bus behind is held in reset.
  package let isSecondaryInReset: Bool
  /// Guest addresses that go to the bus behind: the memory window and the prefetchable one.
  package let memory: [ClosedRange<UInt64>]
  /// Ports that go to the bus behind.
  package let ports: ClosedRange<UInt64>?

  package init(in image: ConfigImage) {
    secondaryBus = image.byte(at: 0x19)
    subordinateBus = image.byte(at: 0x1a)
    isSecondaryInReset = image.byte(at: 0x3e) & 0x40 != 0
    let command = image.byte(at: 0x04)
    ports = command & 1 == 0 ? nil : Self.portWindow(image)
    memory =
      command & 2 == 0
      ? [] : [Self.memoryWindow(image), Self.prefetchableWindow(image)].compactMap(\.self)
  }

  /// Whether configuration accesses to a bus by this number go to the bus behind, or past it.
  package func forwards(bus: UInt8) -> Bool {
    !isSecondaryInReset && secondaryBus != 0 && secondaryBus <= bus && bus <= subordinateBus
  }

  /// Makes the header's registers a guest's to change as far as a bridge with 16-bit port addresses
  /// and 64-bit prefetchable ones has them; the windows start out closed, as QEMU's do.
  package static func install(in image: inout ConfigImage) {
    image.set(0x0e, UInt8(1))
    image.makeCommandWritable()
    image.makeWritable(0x18, mask: UInt32(0x00ff_ffff))
    image.makeWritable(0x1c, mask: UInt16(0xf0f0))
    image.makeClearOnWrite(0x1e, mask: UInt16(0xf900))
    image.makeWritable(0x20, mask: UInt32(0xfff0_fff0))
    image.makeWritable(0x24, mask: UInt32(0xfff0_fff0))
    image.makeWritable(0x28, mask: UInt32.max)
    image.makeWritable(0x2c, mask: UInt32.max)
    image.makeWritable(0x3e, mask: UInt16(0x5f))
    reset(in: &image)
  }

  /// Puts the header's registers into their state after power-on.
  package static func reset(in image: inout ConfigImage) {
    image.set(0x04, UInt16(0))
    image.set(0x0c, UInt8(0))
    image.set(0x18, UInt32(0))
    image.set(0x1c, UInt16(0x00f0))
    image.set(0x20, UInt32(0x0000_fff0))
    image.set(0x24, UInt32(0x0001_fff1))
    image.set(0x28, UInt64(0))
    image.set(0x3c, UInt8(0))
    image.set(0x3e, UInt16(0))
  }

  /// Base and limit in 4 KiB.
  private static func portWindow(_ image: ConfigImage) -> ClosedRange<UInt64>? {
    let base = UInt64(image.byte(at: 0x1c) & 0xf0) << 8
    return range(base, UInt64(image.byte(at: 0x1d) & 0xf0) << 8 | 0xfff)
  }

  /// Base and limit in 1 MiB, below 4 GiB.
  private static func memoryWindow(_ image: ConfigImage) -> ClosedRange<UInt64>? {
    let register = UInt64(image.dword(at: 0x20))
    return range(register << 16 & 0xfff0_0000, register & 0xfff0_0000 | 0xf_ffff)
  }

  /// Base and limit in 1 MiB, with upper halves.
  private static func prefetchableWindow(_ image: ConfigImage) -> ClosedRange<UInt64>? {
    let register = UInt64(image.dword(at: 0x24))
    let base = register << 16 & 0xfff0_0000 | UInt64(image.dword(at: 0x28)) << 32
    let limit = register & 0xfff0_0000 | 0xf_ffff | UInt64(image.dword(at: 0x2c)) << 32
    return range(base, limit)
  }

  private static func range(_ first: UInt64, _ last: UInt64) -> ClosedRange<UInt64>? {
    first <= last ? first...last : nil
  }
}
