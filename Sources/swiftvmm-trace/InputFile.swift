import Glibc
import TraceComparison

/// Reads whole files.
enum InputFile {
  private static let firstRead = 1 << 16

  /// The bytes of the file at `path`, which may be a pipe; throws `unreadable`.
  static func read(_ path: String) throws(ComparisonError) -> LogFile {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path) }
    defer { close(descriptor) }
    var status = stat()
    let size = unsafe fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    var bytes: [UInt8] = []
    var request = max(size + 1, firstRead)
    while true {
      var outcome = 0
      let more = unsafe [UInt8](unsafeUninitializedCapacity: request) { buffer, count in
        repeat {
          outcome = unsafe Glibc.read(descriptor, buffer.baseAddress, request)
        } while outcome < 0 && errno == EINTR
        count = max(0, outcome)
      }
      guard outcome >= 0 else { throw failure(path) }
      if outcome == 0 { return LogFile(path: path, bytes: bytes) }
      if bytes.isEmpty { bytes = more } else { bytes += more }
      request = max(firstRead, min(size + 1 - bytes.count, 1 << 30))
    }
  }

  /// The error of the call that just failed.
  private static func failure(_ path: String) -> ComparisonError {
    .unreadable(path: path, reason: unsafe String(cString: strerror(errno)))
  }
}
