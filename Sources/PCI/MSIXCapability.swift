/// The MSI-X capability of a function (PCI 3.0, 6.8.2).
package struct MSIXCapability: Equatable, Sendable {
  package let offset: Int

  package init(at offset: Int) { self.offset = offset }

  /// Length in bytes.
  package static let length = 12

  /// The three registers of the capability, decoded.
  package struct Registers: Equatable, Sendable {
    /// Entries in the table, 1 to 2048.
    package let vectorCount: Int
    /// The BAR that holds the table. Only 0 to 5 exist; 6 and 7 are reserved.
    package let tableBAR: Int
    /// Bytes into that BAR, a multiple of 8.
    package let tableOffset: UInt64
    /// The BAR that holds the pending bits. Only 0 to 5 exist; 6 and 7 are reserved.
    package let pendingBAR: Int
    /// Bytes into that BAR, a multiple of 8.
    package let pendingOffset: UInt64

    package init(
      vectorCount: Int, tableBAR: Int, tableOffset: UInt64, pendingBAR: Int, pendingOffset: UInt64
    ) {
      self.vectorCount = vectorCount
      self.tableBAR = tableBAR
      self.tableOffset = tableOffset
      self.pendingBAR = pendingBAR
      self.pendingOffset = pendingOffset
    }

    /// Decodes what is read at +2 (16 bits), +4 and +8 (32 bits each).
    package init(control: UInt16, table: UInt32, pending: UInt32) {
      vectorCount = Int(control & 0x7ff) + 1
      tableBAR = Int(table & 7)
      tableOffset = UInt64(table & ~7)
      pendingBAR = Int(pending & 7)
      pendingOffset = UInt64(pending & ~7)
    }

    /// Length of the table in bytes, 16 for each entry.
    package var tableLength: UInt64 { UInt64(vectorCount) * 16 }

    /// Length of the pending bits in bytes, 8 for each 64 entries.
    package var pendingLength: UInt64 { UInt64((vectorCount + 63) / 64 * 8) }
  }

  /// Makes the capability ours, disabled; a guest writes enable and function mask. Bytes of the next
  /// capability are left alone. `registers` say where table and pending bits are when not where the
  /// device has them.
  package func emulate(in image: inout ConfigImage, relocated registers: Registers? = nil) {
    let span = min(Self.length, image.capabilitySpan(at: offset))
    image.emulate(offset, count: span)
    let entries = image.read(offset: offset + 2, length: 2) & 0x7ff
    var edits = [ConfigEdit(offset: offset + 2, value: entries, mask: 0xffff, writable: 0xc000)]
    if let registers {
      let places = [
        (4, registers.tableOffset, registers.tableBAR),
        (8, registers.pendingOffset, registers.pendingBAR),
      ]
      edits += places.map { register, place, bar in
        ConfigEdit(
          offset: offset + register,
          value: UInt32(truncatingIfNeeded: place) & ~7 | UInt32(truncatingIfNeeded: bar) & 7,
          mask: .max)
      }
    }
    image.apply(edits.map { $0.clipped(to: offset + span) })
  }

  /// Whether the guest has turned MSI-X on.
  package func isEnabled(in image: ConfigImage) -> Bool { image.byte(at: offset + 3) & 0x80 != 0 }

  /// Whether the guest has masked the whole function.
  package func isFunctionMasked(in image: ConfigImage) -> Bool {
    image.byte(at: offset + 3) & 0x40 != 0
  }
}
