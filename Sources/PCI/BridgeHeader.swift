/// The type 1 header of a bridge (PCI-to-PCI Bridge 1.2, 3.2; PCIe 6.0, 7.5.1.3): which buses, memory
/// and ports lie behind it.
///
/// Pure: decodes the registers in a copy of config space.
package struct BridgeHeader: Equatable, Sendable {
  /// What a pair of registers says is passed on, whether or not the bridge passes anything; a base
  /// above its limit is an empty range.
  package struct Window: Equatable, Sendable {
    package let base: UInt64
    /// The last address.
    package let limit: UInt64

    package init(base: UInt64, limit: UInt64) {
      self.base = base
      self.limit = limit
    }

    /// The addresses in it; nil when it is empty.
    var range: ClosedRange<UInt64>? { base <= limit ? base...limit : nil }
  }

  /// The number of the bus in front, which the bridge itself does not look at.
  package let primaryBus: UInt8
  /// The number of the bus behind the bridge, 0 until a guest numbers it.
  package let secondaryBus: UInt8
  /// The highest bus number behind the bridge.
  package let subordinateBus: UInt8
  /// Bridge control bit 6: the bus behind is held in reset.
  package let isSecondaryInReset: Bool
  /// Base and limit of ports, in 4 KiB.
  package let portWindow: Window
  /// Base and limit in 1 MiB, below 4 GiB.
  package let memoryWindow: Window
  /// Base and limit in 1 MiB, with upper halves.
  package let prefetchableWindow: Window
  private let passesPorts: Bool
  private let passesMemory: Bool

  package init(in image: ConfigImage) {
    primaryBus = image.byte(at: 0x18)
    secondaryBus = image.byte(at: 0x19)
    subordinateBus = image.byte(at: 0x1a)
    isSecondaryInReset = image.byte(at: 0x3e) & 0x40 != 0
    let command = image.byte(at: 0x04)
    passesPorts = command & 1 != 0
    passesMemory = command & 2 != 0
    portWindow = Window(
      base: UInt64(image.byte(at: 0x1c) & 0xf0) << 8,
      limit: UInt64(image.byte(at: 0x1d) & 0xf0) << 8 | 0xfff)
    memoryWindow = Self.memoryWindow(UInt64(image.dword(at: 0x20)))
    prefetchableWindow = Self.memoryWindow(
      UInt64(image.dword(at: 0x24)), upperBase: UInt64(image.dword(at: 0x28)),
      upperLimit: UInt64(image.dword(at: 0x2c)))
  }

  /// Guest addresses that go to the bus behind: the memory window and the prefetchable one.
  package var memory: [ClosedRange<UInt64>] {
    passesMemory ? [memoryWindow, prefetchableWindow].compactMap(\.range) : []
  }

  /// Ports that go to the bus behind.
  package var ports: ClosedRange<UInt64>? { passesPorts ? portWindow.range : nil }

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

  /// Bits 31 to 20 of base and limit from their common register, and the bits above.
  private static func memoryWindow(
    _ register: UInt64, upperBase: UInt64 = 0, upperLimit: UInt64 = 0
  ) -> Window {
    Window(
      base: register << 16 & 0xfff0_0000 | upperBase << 32,
      limit: register & 0xfff0_0000 | 0xf_ffff | upperLimit << 32)
  }
}
