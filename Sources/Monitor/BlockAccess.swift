/// Splits a block of guest-physical memory into the accesses that a device may see.
enum BlockAccess {
  /// Calls `body` with address, offset into the block and size of each access: naturally aligned and
  /// at most 4 bytes, which every device takes. Addresses wrap at 64 bits.
  static func forEach(
    _ address: UInt64, count: Int, _ body: (_ address: UInt64, _ offset: Int, _ size: Int) -> Void
  ) {
    var offset = 0
    while offset < count {
      let address = address &+ UInt64(offset)
      var size = 4
      while size > count - offset || address & UInt64(size - 1) != 0 { size /= 2 }
      body(address, offset, size)
      offset += size
    }
  }
}
