extension UInt64 {
  /// The next multiple of a power of two; nil when it has more than 64 bits.
  func aligned(up alignment: UInt64) -> UInt64? {
    let (sum, isBeyond) = addingReportingOverflow(alignment - 1)
    return isBeyond ? nil : sum & ~(alignment - 1)
  }

  /// The last multiple of a power of two.
  func aligned(down alignment: UInt64) -> UInt64 { self & ~(alignment - 1) }

  /// The 64 bits in hexadecimal, with prefix.
  var hex: String { "0x" + String(self, radix: 16) }
}
