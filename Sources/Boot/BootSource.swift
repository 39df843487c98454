package import SystemPackage

/// Something that a guest starts from, read piece by piece: the kernel, an initial RAM disk, a module.
///
/// It stays open as long as the plan that uses it, since its bytes are read again at each reset.
package protocol BootSource: AnyObject, Sendable {
  /// The path by which messages name it.
  var path: String { get }
  /// Length in bytes.
  var size: UInt64 { get }

  /// Reads up to `count` bytes (more than 0) at a byte offset (`pread(2)`); none at the end.
  func read(at offset: UInt64, count: Int) throws(Errno) -> [UInt8]
}

extension BootSource {
  /// Exactly `count` bytes from a byte offset. Throws when the file is shorter or cannot be read.
  func bytes(at offset: UInt64, count: Int) throws(BootError) -> [UInt8] {
    let (end, isBeyond) = offset.addingReportingOverflow(UInt64(max(0, count)))
    guard count >= 0, !isBeyond, end <= size else {
      throw BootError(path, .endsEarly(needed: isBeyond ? .max : end, size: size))
    }
    var bytes: [UInt8] = []
    while bytes.count < count {
      let position = offset + UInt64(bytes.count)
      let piece: [UInt8]
      do throws(Errno) {
        piece = try read(at: position, count: count - bytes.count)
      } catch {
        throw BootError(path, .unreadable(error))
      }
      guard !piece.isEmpty else {
        throw BootError(path, .endsEarly(needed: end, size: position))
      }
      if bytes.isEmpty { bytes = piece } else { bytes += piece }
    }
    return bytes
  }

  /// The first bytes, at most `count`.
  func head(_ count: Int) throws(BootError) -> [UInt8] {
    try bytes(at: 0, count: Int(min(UInt64(count), size)))
  }
}
