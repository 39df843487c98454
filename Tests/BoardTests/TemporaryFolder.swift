import Glibc

/// A folder that is removed with the files in it when it goes out of scope.
final class TemporaryFolder {
  let path: String

  init() throws {
    var template = Array("/tmp/swiftvmm-board-XXXXXX\0".utf8.map(CChar.init(bitPattern:)))
    guard unsafe mkdtemp(&template) != nil else { throw Failure() }
    path = String(
      decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  struct Failure: Error {}

  func file(_ name: String) -> String { "\(path)/\(name)" }

  /// The whole contents of a small file.
  static func contents(_ path: String) -> String? {
    let descriptor = unsafe open(path, O_RDONLY)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return Descriptors.read(descriptor, atMost: 1 << 20)
  }

  deinit {
    for name in ["a", "b", "s"] { _ = unsafe unlink(file(name)) }
    _ = unsafe rmdir(path)
  }
}

/// Plain reads and writes for tests.
enum Descriptors {
  static func read(_ descriptor: Int32, atMost limit: Int) -> String {
    var bytes = [UInt8](repeating: 0, count: limit)
    let count = unsafe Glibc.read(descriptor, &bytes, limit)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }

  static func write(_ descriptor: Int32, _ text: String) {
    let bytes = Array(text.utf8)
    _ = unsafe Glibc.write(descriptor, bytes, bytes.count)
  }
}
