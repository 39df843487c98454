/// A device that answers trapped memory accesses.
///
/// Called with the machine lock held. Whatever a guest asks must be answered: there is no error.
package protocol MemoryHandler: AnyObject {
  /// Reads 1, 2, 4 or 8 bytes at a byte offset from the start of the region, low bits used.
  func read(offset: UInt64, size: Int) -> UInt64

  /// Writes 1, 2, 4 or 8 bytes at a byte offset from the start of the region, low bits used.
  func write(offset: UInt64, size: Int, value: UInt64)
}
