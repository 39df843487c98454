/// The base address register of an expansion ROM, at 0x30.
package struct ExpansionROMBAR: Equatable, Sendable {
  /// Bytes, a power of two from 2 KiB up.
  package let size: UInt64

  /// Address bits of the register; bit 0 is the ROM's own enable.
  private static let addressMask: UInt32 = 0xffff_f800

  /// Nil for a size that no ROM BAR can have.
  package init?(size: UInt64) {
    guard size >= 2048, size <= 1 << 31, size & (size - 1) == 0 else { return nil }
    self.size = size
  }

  /// Decodes what the device's register reads after 0xfffff800 was written; nil when there is no ROM.
  package init?(sizing value: UInt32) {
    self.init(size: UInt64(~(value & Self.addressMask) &+ 1))
  }

  /// Puts the BAR, without an address, into the copy of config space and makes it ours.
  package func install(in image: inout ConfigImage) {
    let address = UInt32(truncatingIfNeeded: ~(size - 1))
    image.apply(
      ConfigEdit(offset: PCIRegister.rom, value: 0, mask: .max, writable: address | 1))
  }

  /// Where the guest has put the ROM; nil under the same rules as for a 32-bit BAR, and while the ROM
  /// is not enabled.
  package func mappedAddress(in image: ConfigImage) -> UInt64? {
    let register = image.dword(at: PCIRegister.rom)
    guard image.read(offset: PCIRegister.command, length: 2) & 2 != 0, register & 1 != 0 else {
      return nil
    }
    let address = UInt64(register & Self.addressMask) & ~(size - 1)
    return address != 0 && address + (size - 1) < 0xffff_ffff ? address : nil
  }
}
