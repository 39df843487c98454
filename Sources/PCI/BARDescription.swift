/// A base address register as the host device has it.
package struct BARDescription: Equatable, Sendable {
  package enum Kind: Equatable, Sendable {
    case io
    case memory32
    /// Takes this register and the next.
    case memory64
  }

  /// 0 to 5.
  package let index: Int
  package let kind: Kind
  /// Bytes, a power of two.
  package let size: UInt64
  /// The low bits of the register, which say what kind of BAR it is.
  package let typeBits: UInt32

  /// Decodes the register's value on the host; nil for an index or a size that no BAR can have.
  package init?(index: Int, dword: UInt32, size: UInt64) {
    guard (0..<6).contains(index), size >= 4, size & (size - 1) == 0 else { return nil }
    let isIO = dword & 1 != 0
    let is64Bit = !isIO && dword >> 1 & 3 == 2 && index < 5
    guard is64Bit || size <= 1 << 31, isIO || size >= 16 else { return nil }
    self.index = index
    self.size = size
    kind = isIO ? .io : is64Bit ? .memory64 : .memory32
    typeBits = dword & (isIO ? 0x3 : is64Bit ? 0xf : 0xb)
  }

  /// Offset of the register in config space.
  package var offset: Int { PCIRegister.bar(index) }

  /// How many registers the BAR takes: 1 or 2.
  package var registerCount: Int { kind == .memory64 ? 2 : 1 }

  /// The address bits that a guest can write, over one or two registers. Reading them back after a
  /// write of all ones gives the size.
  package var writableMask: UInt64 {
    // A size is at least 4 for I/O and 16 for memory, so type bits are never among them.
    ~(size - 1) & (kind == .memory64 ? .max : 0xffff_ffff)
  }

  /// Puts the BAR, without an address, into the copy of config space and makes it ours.
  package func install(in image: inout ConfigImage) {
    image.apply(
      ConfigEdit(
        offset: offset, value: typeBits, mask: .max,
        writable: UInt32(truncatingIfNeeded: writableMask)))
    guard kind == .memory64 else { return }
    image.apply(
      ConfigEdit(
        offset: offset + 4, value: 0, mask: .max,
        writable: UInt32(truncatingIfNeeded: writableMask >> 32)))
  }

  /// Where the guest has put the BAR; nil when decoding is off, when there is no address yet, or when
  /// the value is what sizing leaves behind.
  ///
  /// As in QEMU 11.1 a BAR never lies at address 0, nor ends at the last address of its space. I/O
  /// beyond the 64 KiB of ports is nowhere.
  package func mappedAddress(in image: ConfigImage) -> UInt64? {
    let command = image.read(offset: PCIRegister.command, length: 2)
    guard command & (kind == .io ? 1 : 2) != 0 else { return nil }
    var register = UInt64(image.dword(at: offset))
    if kind == .memory64 { register |= UInt64(image.dword(at: offset + 4)) << 32 }
    let address = register & writableMask
    let (last, overflow) = address.addingReportingOverflow(size - 1)
    guard address != 0, !overflow else { return nil }
    switch kind {
    case .io: return last <= 0xffff ? address : nil
    case .memory32: return last < 0xffff_ffff ? address : nil
    case .memory64: return last < .max ? address : nil
    }
  }
}
