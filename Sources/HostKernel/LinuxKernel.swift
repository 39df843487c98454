internal import CLinux
internal import Glibc
package import SystemPackage

/// The real host: each call is made as it is, once.
package final class LinuxKernel: HostKernel {
  package init() {}

  package func open(_ path: String, _ access: FileAccess) throws(Errno) -> Int32 {
    let flags = access == .readOnly ? O_RDONLY : O_RDWR
    return try checked(unsafe clinux_open(path, flags))
  }

  package func close(_ descriptor: Int32) {
    _ = clinux_close(descriptor)
  }

  package func control(
    _ descriptor: Int32, _ request: UInt, _ argument: inout MutableRawSpan
  ) throws(Errno) -> Int32 {
    let result = unsafe argument.withUnsafeMutableBytes { bytes in
      unsafe clinux_ioctl_pointer(descriptor, request, bytes.baseAddress)
    }
    return try checked(result)
  }

  package func control(
    _ descriptor: Int32, _ request: UInt, value: UInt
  ) throws(Errno) -> Int32 {
    try checked(clinux_ioctl_value(descriptor, request, value))
  }

  package func read(
    _ descriptor: Int32, into buffer: inout MutableRawSpan, at offset: UInt64
  ) throws(Errno) -> Int {
    let result = unsafe buffer.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return Int64(0) }
      return unsafe clinux_pread(descriptor, base, bytes.count, Int64(bitPattern: offset))
    }
    return try checked(result)
  }

  package func write(
    _ descriptor: Int32, from buffer: RawSpan, at offset: UInt64
  ) throws(Errno) -> Int {
    let result = unsafe buffer.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return Int64(0) }
      return unsafe clinux_pwrite(descriptor, base, bytes.count, Int64(bitPattern: offset))
    }
    return try checked(result)
  }

  package func read(
    _ descriptor: Int32, into buffer: inout MutableRawSpan
  ) throws(Errno) -> Int {
    let result = unsafe buffer.withUnsafeMutableBytes { bytes in
      // An empty buffer has no address, but a count of zero is a call like any other.
      var nothing: UInt8 = 0
      guard let base = bytes.baseAddress else { return unsafe clinux_read(descriptor, &nothing, 0) }
      return unsafe clinux_read(descriptor, base, bytes.count)
    }
    return try checked(result)
  }

  package func write(_ descriptor: Int32, from buffer: RawSpan) throws(Errno) -> Int {
    let result = unsafe buffer.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return Int64(0) }
      return unsafe clinux_write(descriptor, base, bytes.count)
    }
    return try checked(result)
  }

  package func map(_ request: MappingRequest) throws(Errno) -> UInt {
    try MemoryCalls.map(request)
  }

  package func unmap(address: UInt, length: Int) {
    MemoryCalls.unmap(address: address, length: length)
  }

  package func makeEventDescriptor() throws(Errno) -> Int32 {
    try EventDescriptor.make()
  }

  package func status(of path: String) throws(Errno) -> FileStatus {
    var device: UInt64 = 0
    var size: Int64 = -1
    _ = try checked(unsafe clinux_stat(path, &device, &size))
    guard device != 0 else { return FileStatus(size: UInt64(exactly: size)) }
    return FileStatus(
      device: DeviceNumber(major: clinux_major(device), minor: clinux_minor(device)))
  }

  package func entries(of directory: String) throws(Errno) -> [String] {
    guard let stream = unsafe opendir(directory) else { throw Errno(rawValue: errno) }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { characters in
          unsafe String(cString: characters)
        }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  package func link(at path: String) throws(Errno) -> String {
    let capacity = 4096
    var length: Int32 = 0
    let text = unsafe String(unsafeUninitializedCapacity: capacity) { buffer in
      length = unsafe buffer.withMemoryRebound(to: CChar.self) { characters in
        guard let base = characters.baseAddress else { return 0 }
        return unsafe clinux_readlink(path, base, capacity)
      }
      return max(0, Int(length))
    }
    _ = try checked(length)
    return text
  }

  /// Most bytes of a file that `contents(of:)` gives; of a longer one, it gives the beginning.
  package static let contentsLimit = 65536

  package func contents(of path: String) throws(Errno) -> [UInt8] {
    let descriptor = try open(path, .readOnly)
    defer { close(descriptor) }
    let limit = Self.contentsLimit
    var bytes: [UInt8] = []
    while bytes.count < limit {
      var result: Int64 = 0
      let room = min(4096, limit - bytes.count)
      let piece = unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
        guard let base = buffer.baseAddress else { return }
        result = unsafe clinux_read(descriptor, base, room)
        count = max(0, Int(result))
      }
      if try checked(result) == 0 { break }
      bytes.append(contentsOf: piece)
    }
    return bytes
  }
}

/// Turns a shim's `-errno` into an error.
func checked(_ result: Int32) throws(Errno) -> Int32 {
  guard result >= 0 else { throw Errno(rawValue: -result) }
  return result
}

/// Turns a shim's `-errno` into an error.
func checked(_ result: Int64) throws(Errno) -> Int {
  guard result >= 0 else { throw Errno(rawValue: Int32(truncatingIfNeeded: -result)) }
  return Int(result)
}
