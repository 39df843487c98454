/// Four-level page tables that map the first 4 GiB to itself in pages of 2 MiB (SDM volume 3, 4.5).
struct IdentityPageTables {
  /// Bytes of all tables: one of the top level, one of the next, one for each GiB.
  static let size = 4096 * 6

  /// The top level first.
  let bytes: [UInt8]

  /// Tables that lie at a guest-physical address, a multiple of 4096.
  init(at address: UInt64) {
    /// Present, writable.
    let table: UInt64 = 0x3
    /// And a page of this level's size.
    let page: UInt64 = 0x83
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.size)
    bytes.append(little: address + 4096 | table)
    bytes.pad(to: 4096)
    for gigabyte in 0..<4 as Range<UInt64> {
      bytes.append(little: address + 4096 * (2 + gigabyte) | table)
    }
    bytes.pad(to: 4096)
    for number in 0..<2048 as Range<UInt64> { bytes.append(little: number << 21 | page) }
    self.bytes = bytes
  }
}
