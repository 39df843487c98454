/// Configuration mechanism 1 (PCI Local Bus 3.0, 3.2.2.3.2): an address register at port 0xcf8 and a
/// window to four bytes of configuration space at 0xcfc.
package struct ConfigMechanism1: Equatable, Sendable {
  /// Enable in bit 31, bus, devfn and dword in bits 23 to 2; the other bits are always zero.
  package private(set) var address: UInt32 = 0

  /// What an access to the window means.
  package struct Target: Equatable, Sendable {
    package let bus: UInt8
    /// Device in bits 7:3 and function in bits 2:0.
    package let devfn: UInt8
    /// Byte offset in configuration space, 0 to 255.
    package let offset: Int

    package init(bus: UInt8, devfn: UInt8, offset: Int) {
      self.bus = bus
      self.devfn = devfn
      self.offset = offset
    }
  }

  package init() {}

  /// Latches an address: only a write of 4 bytes at offset 0 from 0xcf8 counts. Says whether it did.
  @discardableResult
  package mutating func writeAddress(offset: UInt64, length: Int, value: UInt32) -> Bool {
    guard offset == 0, length == 4 else { return false }
    address = value & 0x80ff_fffc
    return true
  }

  /// The latched address, as a read of 4 bytes at offset 0 from 0xcf8 gives it; nil for any other.
  package func readAddress(offset: UInt64, length: Int) -> UInt32? {
    offset == 0 && length == 4 ? address : nil
  }

  /// The target of 1, 2 or 4 bytes at an offset from 0xcfc; nil when the window is disabled or the
  /// access leaves it.
  package func target(offset: UInt64, length: Int) -> Target? {
    guard address >> 31 == 1, offset < 4,
      length == 1 || length == 2 || length == 4, Int(offset) + length <= 4
    else { return nil }
    return Target(
      bus: UInt8(truncatingIfNeeded: address >> 16), devfn: UInt8(truncatingIfNeeded: address >> 8),
      offset: Int(address & 0xfc) + Int(offset))
  }
}
