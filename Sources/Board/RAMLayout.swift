/// Where guest RAM lies: one piece from address 0 and, for larger guests, one from 4 GiB.
package struct RAMLayout: Equatable, Sendable {
  /// Bytes from guest-physical address 0.
  package let below4G: UInt64
  /// Bytes from guest-physical address 2^32.
  package let above4G: UInt64

  /// Splits `size` bytes as QEMU's q35 does: all below when that is less than 0xb0000000, where the
  /// enhanced configuration window goes; else 2 GiB below, so that the rest is in large pages.
  package init(size: UInt64) {
    below4G = size < 0xb000_0000 ? size : 0x8000_0000
    above4G = size - below4G
  }

  package static var above4GStart: UInt64 { 1 << 32 }
}
