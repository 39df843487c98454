internal import Glibc
internal import SystemPackage

/// A file with this process's number, removed when the program ends.
struct PIDFile {
  private let path: String

  /// Creates or empties the file and writes the number with a newline.
  init(_ path: String) throws(RunFailure) {
    let text = "\(getpid())\n"
    do {
      let descriptor = try unsafe FileDescriptor.open(
        path, .writeOnly, options: [.create, .truncate, .closeOnExec],
        permissions: .ownerReadWrite)
      try descriptor.closeAfter { _ = try descriptor.writeAll(text.utf8) }
    } catch let error as Errno {
      throw RunFailure("cannot create PID file: Cannot open pid file \(path): \(error.description)")
    } catch {
      throw RunFailure("cannot create PID file: Cannot open pid file \(path)")
    }
    self.path = path
  }

  func remove() { _ = unsafe unlink(path) }
}
