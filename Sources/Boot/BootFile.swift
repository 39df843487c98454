package import HostKernel
package import SystemPackage

/// A regular file of the user.
package final class BootFile: BootSource {
  package let path: String
  package let size: UInt64
  private let file: HostDescriptor

  /// Opens a file. Throws `cannotOpen` or `notAFile`, with what the file is for.
  package init(
    opening path: String, as role: BootError.Role, on kernel: any HostKernel
  ) throws(BootError) {
    let status: FileStatus
    do throws(Errno) {
      status = try kernel.status(of: path)
      file = try HostDescriptor(opening: path, .readOnly, on: kernel)
    } catch {
      throw BootError(path, .cannotOpen(role, error))
    }
    guard let size = status.size else { throw BootError(path, .notAFile(role)) }
    self.path = path
    self.size = size
  }

  package func read(at offset: UInt64, count: Int) throws(Errno) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var elements = bytes.mutableSpan
    var span = unsafe elements.mutableBytes
    let arrived = try file.kernel.read(file.rawValue, into: &span, at: offset)
    bytes.removeLast(count - max(0, min(arrived, count)))
    return bytes
  }
}
