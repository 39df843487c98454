import Glibc
import SystemPackage

/// A folder of its own for one test, removed with all that is in it.
final class TemporaryFolder {
  let path: String
  private var files: [String] = []
  private var folders: [String] = []

  init() throws {
    var name = Array("/tmp/host-kernel-XXXXXX".utf8CString)
    guard unsafe mkdtemp(&name) != nil else { throw Errno(rawValue: errno) }
    path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for file in files { _ = unsafe unlink(file) }
    for folder in folders.reversed() { _ = unsafe rmdir(folder) }
    _ = unsafe rmdir(path)
  }

  /// Makes a file and gives its path.
  func makeFile(_ name: String, _ contents: [UInt8] = []) throws -> String {
    let file = "\(path)/\(name)"
    let descriptor = try FileDescriptor.open(
      FilePath(file), .writeOnly, options: [.create, .exclusiveCreate],
      permissions: [.ownerReadWrite])
    files.append(file)
    try descriptor.closeAfter { _ = try descriptor.writeAll(contents) }
    return file
  }

  /// Makes a folder inside and gives its path.
  func makeFolder(_ name: String) throws -> String {
    let folder = "\(path)/\(name)"
    guard unsafe mkdir(folder, 0o700) == 0 else { throw Errno(rawValue: errno) }
    folders.append(folder)
    return folder
  }

  /// Makes a symbolic link with this text and gives its path.
  func makeLink(_ name: String, to text: String) throws -> String {
    let link = "\(path)/\(name)"
    guard unsafe symlink(text, link) == 0 else { throw Errno(rawValue: errno) }
    files.append(link)
    return link
  }
}
