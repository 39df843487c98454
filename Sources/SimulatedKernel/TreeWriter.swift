internal import CLinux
internal import Glibc
internal import SystemPackage

/// Makes directories, files and links on the real host.
enum TreeWriter {
  /// Makes a directory; one that exists is fine.
  static func makeDirectory(_ path: String) throws(Errno) {
    guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else {
      throw Errno(rawValue: errno)
    }
  }

  static func write(_ bytes: [UInt8], to path: String) throws(Errno) {
    let descriptor = unsafe clinux_open(path, O_WRONLY | O_CREAT | O_TRUNC)
    guard descriptor >= 0 else { throw Errno(rawValue: -descriptor) }
    defer { _ = clinux_close(descriptor) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = unsafe rest.withUnsafeBytes { buffer in
        guard let base = buffer.baseAddress else { return Int64(0) }
        return unsafe clinux_write(descriptor, base, buffer.count)
      }
      guard written > 0 else { throw Errno(rawValue: Int32(truncatingIfNeeded: -written)) }
      rest = rest.dropFirst(Int(written))
    }
  }

  /// Makes a symbolic link, replacing one of the same name.
  static func link(_ text: String, at path: String) throws(Errno) {
    _ = unsafe unlink(path)
    guard unsafe symlink(text, path) == 0 else { throw Errno(rawValue: errno) }
  }
}
