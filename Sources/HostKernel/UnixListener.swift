internal import Glibc
internal import SystemPackage

/// A listening UNIX socket; its file goes when it does.
package struct UnixListener: ~Copyable, Sendable {
  package let descriptor: Int32
  private let path: String
  /// The file at `path`, so that one that another program put there since is left alone.
  private let file: FileIdentity?

  /// Binds and listens at `path`. A socket that is there already is taken for one that an earlier
  /// program left, as QEMU does; another kind of file is left alone, which QEMU does not.
  package init(path: String) throws(UnixListenerError) {
    var address = sockaddr_un()
    let limit = MemoryLayout.size(ofValue: address.sun_path)
    guard path.utf8.count < limit else { throw .pathTooLong(path: path, limit: limit) }
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }

    let descriptor = socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else { throw .createSocket(Errno(rawValue: errno)) }
    do throws(UnixListenerError) {
      if FileIdentity(ofSocketAt: path) != nil, unsafe unlink(path) != 0, errno != ENOENT {
        throw .unlink(path: path, Errno(rawValue: errno))
      }
      let status = unsafe withUnsafePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
      }
      guard status == 0 else { throw .bind(path: path, Errno(rawValue: errno)) }
      guard listen(descriptor, 1) == 0 else {
        throw .listen(path: path, Errno(rawValue: errno))
      }
    } catch {
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
    self.path = path
    file = FileIdentity(ofSocketAt: path)
  }

  deinit {
    close(descriptor)
    if let file, FileIdentity(ofSocketAt: path) == file { _ = unsafe unlink(path) }
  }

  /// Takes the next client.
  package borrowing func accept() -> SocketArrival { .next(on: descriptor) }
}

/// Which file a path names.
private struct FileIdentity: Equatable {
  let device: UInt
  let inode: UInt

  /// `nil` when there is no socket at `path`.
  init?(ofSocketAt path: String) {
    var status = stat()
    guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
    device = UInt(status.st_dev)
    inode = UInt(status.st_ino)
  }
}
