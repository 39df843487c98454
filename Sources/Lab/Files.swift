import Glibc

/// The few file operations of the lab, each with an error that names the path.
enum Files {
  /// The whole content of a file.
  static func read(_ path: String) throws(LabError) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system(operation: "open", object: path, errno: errno) }
    defer { close(descriptor) }
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes { bytes in
        unsafe Glibc.read(descriptor, bytes.baseAddress, bytes.count)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw .system(operation: "read", object: path, errno: errno)
      }
      if count == 0 { return content }
      content += chunk[..<count]
    }
  }

  /// The content of a text file; bytes that are not UTF-8 come out as replacement characters.
  static func readText(_ path: String) throws(LabError) -> String {
    String(decoding: try read(path), as: UTF8.self)
  }

  /// Makes or replaces a file.
  static func write(_ text: String, to path: String) throws(LabError) {
    let file = try OpenFile(creating: path)
    try file.write(Array(text.utf8)[...])
  }

  /// Makes a folder and those above it that are missing.
  static func makeFolder(_ path: String) throws(LabError) {
    if exists(path) { return }
    if let parent = parent(of: path) { try makeFolder(parent) }
    guard unsafe mkdir(path, 0o755) == 0 || errno == EEXIST else {
      throw .system(operation: "make the folder", object: path, errno: errno)
    }
  }

  /// Removes a file, if it is there.
  static func remove(_ path: String) throws(LabError) {
    guard unsafe unlink(path) == 0 || errno == ENOENT else {
      throw .system(operation: "remove", object: path, errno: errno)
    }
  }

  /// The names in a folder in their order, hidden ones left out.
  static func list(_ path: String) throws(LabError) -> [String] {
    guard let folder = unsafe opendir(path) else {
      throw .system(operation: "look into", object: path, errno: errno)
    }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    while let entry = unsafe readdir(folder) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe String(cString: UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self))
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  static func isExecutableFile(_ path: String) -> Bool {
    var status = stat()
    guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
    return unsafe access(path, X_OK) == 0
  }

  /// The path without symbolic links, `.` and `..`; nil when it names nothing.
  static func resolve(_ path: String) -> String? {
    guard let resolved = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }

  /// What follows the last slash.
  static func name(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[$0...].dropFirst()) } ?? path
  }

  /// The folder above; nil for `/` and for a name without a folder.
  static func parent(of path: String) -> String? {
    guard let slash = path.lastIndex(of: "/"), path != "/" else { return nil }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}

/// A file that is open for writing, closed when it goes out of scope.
struct OpenFile: ~Copyable {
  private let descriptor: Int32
  private let path: String

  /// Makes a file, or empties the one that is there.
  init(creating path: String) throws(LabError) {
    self.path = path
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .system(operation: "write", object: path, errno: errno) }
  }

  /// Makes a file and takes its lock; nil when another process has it.
  init?(locking path: String) throws(LabError) {
    try self.init(creating: path)
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else { return nil }
  }

  deinit { close(descriptor) }

  /// Writes all of `bytes`.
  borrowing func write(_ bytes: ArraySlice<UInt8>) throws(LabError) {
    try Self.write(bytes, to: descriptor, called: path)
  }

  /// Keeps the file, and its lock, until here.
  borrowing func hold() {}

  /// Writes all of `bytes` to a descriptor that somebody else owns.
  static func write(
    _ bytes: ArraySlice<UInt8>, to descriptor: Int32, called path: String
  ) throws(LabError) {
    var rest = bytes
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw .system(operation: "write", object: path, errno: errno)
      }
      rest = rest.dropFirst(count)
    }
  }
}
