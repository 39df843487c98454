internal import CLinux
internal import Glibc
internal import SystemPackage

/// What this process has mapped, as pinning pages would find it; nothing is touched or faulted in.
enum ProcessMemory {
  /// Throws `EFAULT` unless all of a range is mapped readable, and writable if asked.
  static func check(_ range: Range<UInt64>, isWritten: Bool) throws(Errno) {
    let maps = unsafe clinux_open("/proc/self/maps", O_RDONLY)
    guard maps >= 0 else { throw .enomem }
    defer { _ = clinux_close(maps) }
    var covered = range.lowerBound
    while covered < range.upperBound {
      var area = clinux_area()
      // Before Linux 6.11 the areas have to be found in the text of the file.
      switch unsafe clinux_find_area(maps, covered, &area) {
      case 0: break
      case -ENOTTY: return try checkText(maps, from: covered..<range.upperBound, isWritten)
      default: throw .efault
      }
      guard area.start <= covered, area.is_readable != 0, !isWritten || area.is_writable != 0
      else { throw .efault }
      covered = area.end
    }
  }

  /// The same by the lines of the file, which are in ascending order.
  private static func checkText(
    _ maps: Int32, from range: Range<UInt64>, _ isWritten: Bool
  ) throws(Errno) {
    var covered = range.lowerBound
    for area in areas(maps) where area.range.upperBound > covered {
      guard area.range.lowerBound <= covered else { break }
      guard area.isReadable, !isWritten || area.isWritable else { break }
      covered = area.range.upperBound
      if covered >= range.upperBound { return }
    }
    throw .efault
  }

  private struct Area {
    var range: Range<UInt64>
    var isReadable: Bool
    var isWritable: Bool
  }

  private static func areas(_ maps: Int32) -> [Area] {
    var text: [UInt8] = []
    while true {
      var result: Int64 = 0
      let piece = unsafe [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
        guard let base = buffer.baseAddress else { return }
        result = unsafe clinux_read(maps, base, 1 << 16)
        count = max(0, Int(result))
      }
      if result <= 0 { break }
      text += piece
    }
    return text.split(separator: 0x0A).compactMap(area)
  }

  private static func area(_ line: ArraySlice<UInt8>) -> Area? {
    let words = line.split(separator: 0x20, maxSplits: 2)
    guard words.count >= 2, words[1].count >= 2 else { return nil }
    let ends = words[0].split(separator: 0x2D)
    guard ends.count == 2,
      let low = UInt64(String(decoding: ends[0], as: UTF8.self), radix: 16),
      let high = UInt64(String(decoding: ends[1], as: UTF8.self), radix: 16), low < high
    else { return nil }
    let permissions = Array(words[1])
    return Area(
      range: low..<high, isReadable: permissions[0] == 0x72, isWritable: permissions[1] == 0x77)
  }
}

/// Real descriptors of this process, as the kernel looks at them when the caller passes one.
enum ProcessDescriptor {
  /// What a descriptor refers to.
  enum Kind: Equatable {
    case event
    /// Memory that can be pinned, with its size in bytes.
    case memoryFile(size: UInt64)
    case other
  }

  /// What a number refers to. Throws `EBADF` when it is not open.
  static func kind(of descriptor: Int32) throws(Errno) -> Kind {
    guard descriptor >= 0, fcntl(descriptor, F_GETFD) >= 0 else { throw .ebadf }
    let link = link(of: descriptor)
    if link == "anon_inode:[eventfd]" { return .event }
    if link.hasPrefix("/memfd:") || link.hasPrefix("/dev/shm/")
      || link.hasPrefix("/dev/hugepages/")
    {
      var status = stat()
      guard unsafe fstat(descriptor, &status) == 0 else { throw .ebadf }
      return .memoryFile(size: UInt64(max(0, status.st_size)))
    }
    return .other
  }

  /// A second reference to an eventfd. Throws `EBADF`, or `EINVAL` for anything else.
  static func duplicate(event descriptor: Int32) throws(Errno) -> Int32 {
    guard try kind(of: descriptor) == .event else { throw .einval }
    let copy = clinux_dup(descriptor)
    guard copy >= 0 else { throw Errno(rawValue: -copy) }
    return copy
  }

  /// What tells an eventfd from all others, whatever descriptors it has. Throws `EBADF`, or `EINVAL`
  /// for anything else.
  static func identity(ofEvent descriptor: Int32) throws(Errno) -> String {
    guard try kind(of: descriptor) == .event else { throw .einval }
    let file = unsafe clinux_open("/proc/self/fdinfo/\(descriptor)", O_RDONLY)
    guard file >= 0 else { throw .ebadf }
    defer { _ = clinux_close(file) }
    var text = [UInt8](repeating: 0, count: 1024)
    let count = unsafe clinux_read(file, &text, text.count)
    let lines = text.prefix(max(0, Int(count))).split(separator: 0x0A)
    let line = lines.map { String(decoding: $0, as: UTF8.self) }.first {
      $0.hasPrefix("eventfd-id:")
    }
    guard let line else { throw .enomem }
    return line
  }

  private static func link(of descriptor: Int32) -> String {
    unsafe String(unsafeUninitializedCapacity: 4096) { buffer in
      let length = unsafe buffer.withMemoryRebound(to: CChar.self) { characters in
        guard let base = characters.baseAddress else { return Int32(0) }
        return unsafe clinux_readlink("/proc/self/fd/\(descriptor)", base, 4096)
      }
      return max(0, Int(length))
    }
  }
}
