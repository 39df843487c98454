/// A segment register with its hidden part.
package struct CPUSegment: Equatable, Sendable {
  package var selector: UInt16
  package var base: UInt64
  /// Offset of the last byte, in bytes whatever the granularity.
  package var limit: UInt32
  /// Bytes 5 and 6 of a descriptor without its limit: type in bits 0 to 3, S 4, DPL 5 to 6, present 7,
  /// available 12, long 13, default size 14, granularity 15. Not present means unusable.
  package var attributes: UInt16

  package init(selector: UInt16, base: UInt64, limit: UInt32, attributes: UInt16) {
    self.selector = selector
    self.base = base
    self.limit = limit
    self.attributes = attributes
  }

  /// The register after a load of `selector`, whose 8-byte descriptor is `descriptor` (SDM volume 3,
  /// 3.4.5).
  package init(selector: UInt16, descriptor: UInt64) {
    let attributes = UInt16(truncatingIfNeeded: descriptor >> 40) & 0xf0ff
    let units = UInt32(truncatingIfNeeded: descriptor & 0xffff | descriptor >> 32 & 0xf_0000)
    let isInPages = attributes & 0x8000 != 0
    self.init(
      selector: selector, base: descriptor >> 16 & 0xff_ffff | descriptor >> 32 & 0xff00_0000,
      limit: isInPages ? units << 12 | 0xfff : units, attributes: attributes)
  }
}
