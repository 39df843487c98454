import Boot
import SystemPackage

/// A file that is only bytes, which can fail or end early.
final class MemorySource: BootSource {
  let path: String
  let size: UInt64
  private let bytes: [UInt8]
  private let failure: Errno?

  /// A file of `bytes`, or of more than that when it has lost its end since it was opened.
  init(_ path: String, _ bytes: [UInt8], size: UInt64? = nil, failure: Errno? = nil) {
    self.path = path
    self.bytes = bytes
    self.size = size ?? UInt64(bytes.count)
    self.failure = failure
  }

  func read(at offset: UInt64, count: Int) throws(Errno) -> [UInt8] {
    if let failure { throw failure }
    guard let start = Int(exactly: offset), start < bytes.count else {
      // A sparse file: what was not given is zeros, up to its size.
      return failure == nil && offset < size && bytes.isEmpty
        ? [UInt8](repeating: 0, count: Int(min(UInt64(count), size - offset))) : []
    }
    return Array(bytes[start..<min(bytes.count, start + count)])
  }
}
