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
  package let isPrefetchable: Bool
  /// Bytes, a power of two.
  package let size: UInt64

  /// Decodes the register's value on the host; nil for an index or a size that no BAR can have.
  package init?(index: Int, dword: UInt32, size: UInt64) {
    guard (0..<6).contains(index), size >= 4, size & (size - 1) == 0 else { return nil }
    self.index = index
    self.size = size
    if dword & 1 != 0 {
      kind = .io
      isPrefetchable = false
    } else {
      kind = dword >> 1 & 3 == 2 && index < 5 ? .memory64 : .memory32
      isPrefetchable = dword & 1 << 3 != 0
    }
  }

  /// Offset of the register in config space.
  package var offset: Int { 0x10 + 4 * index }

  /// The low bits that say what kind of BAR it is.
  private var typeBits: UInt32 {
    switch kind {
    case .io: 1
    case .memory32: isPrefetchable ? 8 : 0
    case .memory64: isPrefetchable ? 0xc : 4
    }
  }

  /// Puts the BAR, without an address, into the copy of config space.
  package func install(in image: inout ConfigImage) {
    let mask = ~(size - 1)
    image.set(offset, typeBits)
    image.makeWritable(
      offset, mask: UInt32(truncatingIfNeeded: mask) & (kind == .io ? ~3 : ~0xf))
    if kind == .memory64 {
      image.set(offset + 4, UInt32(0))
      image.makeWritable(offset + 4, mask: UInt32(truncatingIfNeeded: mask >> 32))
    }
  }

  /// Where the guest has put the BAR; nil when decoding is off, when there is no address yet, or when
  /// the value is what sizing leaves behind.
  package func mappedAddress(in image: ConfigImage) -> UInt64? {
    let command = image.read(offset: 0x04, length: 2)
    let low = image.read(offset: offset, length: 4)
    switch kind {
    case .io:
      guard command & 1 != 0 else { return nil }
      let address = UInt64(low & ~3) & ~(size - 1)
      let (last, overflow) = address.addingReportingOverflow(size - 1)
      return address == 0 || overflow || last > 0xffff ? nil : address
    case .memory32:
      guard command & 2 != 0 else { return nil }
      let address = UInt64(low & ~0xf) & ~(size - 1)
      let (last, overflow) = address.addingReportingOverflow(size - 1)
      return address == 0 || overflow || last >= 0xffff_ffff ? nil : address
    case .memory64:
      guard command & 2 != 0 else { return nil }
      let high = UInt64(image.read(offset: offset + 4, length: 4)) << 32
      let address = (high | UInt64(low & ~0xf)) & ~(size - 1)
      let (last, overflow) = address.addingReportingOverflow(size - 1)
      return address == 0 || overflow || last == .max ? nil : address
    }
  }
}
