/// Bytes that lie in guest RAM when the guest starts.
package struct BootSegment: Sendable {
  package enum Contents: Sendable {
    /// As many as `count`.
    case bytes([UInt8])
    /// The file's bytes from an offset; all were there when the plan was made.
    case file(any BootSource, offset: UInt64)
    case zeros
  }

  /// The first guest-physical address.
  package let address: UInt64
  /// Length in bytes, more than 0.
  package let count: UInt64
  package let contents: Contents

  package var range: Range<UInt64> { address..<(address + count) }

  /// The most bytes that are handed over at once.
  static var pieceSize: UInt64 { 1 << 20 }

  /// Calls `store` with each piece and its address, in order. Throws when a file cannot be read any
  /// more; what was before is stored then.
  func write(_ store: (_ address: UInt64, _ bytes: [UInt8]) -> Void) throws(BootError) {
    if case .bytes(let bytes) = contents {
      store(address, bytes)
      return
    }
    var done: UInt64 = 0
    while done < count {
      let length = min(count - done, Self.pieceSize)
      let piece =
        if case .file(let source, let offset) = contents {
          try source.bytes(at: offset + done, count: Int(length))
        } else {
          [UInt8](repeating: 0, count: Int(length))
        }
      store(address + done, piece)
      done += length
    }
  }
}
