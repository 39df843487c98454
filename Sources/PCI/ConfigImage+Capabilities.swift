extension ConfigImage {
  /// Bytes from an offset in the first 256 to the next higher capability of the copy's chain, or to
  /// their end.
  func capabilitySpan(at offset: Int) -> Int {
    let starts = CapabilityWalk.standard(in: values).capabilities.map(\.offset)
    return max(0, (starts.filter { $0 > offset }.min() ?? 0x100) - offset)
  }

  /// A 32-bit register of the copy.
  func dword(at offset: Int) -> UInt32 { read(offset: offset, length: 4) }
}
