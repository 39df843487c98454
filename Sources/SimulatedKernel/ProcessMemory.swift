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
    var areas = AreaReader(text: text(of: maps))
    var covered = range.lowerBound
    while let area = areas.next() {
      guard area.end > covered else { continue }
      guard area.start <= covered, area.isReadable, !isWritten || area.isWritable else { break }
      covered = area.end
      if covered >= range.upperBound { return }
    }
    throw .efault
  }

  /// The text of `/proc/self/maps`.
  private static func text(of maps: Int32) -> [UInt8] {
    var text: [UInt8] = []
    while true {
      var result: Int64 = 0
      let piece = unsafe [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, count in
        guard let base = buffer.baseAddress else { return }
        result = unsafe clinux_read(maps, base, 1 << 16)
        count = max(0, Int(result))
      }
      if result <= 0 { return text }
      text += piece
    }
  }
}

/// Reads the lines of `/proc/self/maps`, which come in ascending order: `1000-3000 rw-p ...`.
private struct AreaReader {
  struct Area {
    var start: UInt64
    var end: UInt64
    var isReadable: Bool
    var isWritable: Bool
  }

  private let text: [UInt8]
  private var position = 0

  init(text: [UInt8]) { self.text = text }

  /// The next area, nil at the end.
  mutating func next() -> Area? {
    guard position < text.count else { return nil }
    let start = number()
    let end = number()
    let area = Area(
      start: start, end: end, isReadable: letter(0) == UInt8(ascii: "r"),
      isWritable: letter(1) == UInt8(ascii: "w"))
    skipLine()
    return area
  }

  /// Takes hexadecimal digits and the one character behind them.
  private mutating func number() -> UInt64 {
    var value: UInt64 = 0
    while let digit = Self.digit(letter(0)) {
      value = value << 4 | UInt64(digit)
      position += 1
    }
    position += 1
    return value
  }

  private func letter(_ distance: Int) -> UInt8 {
    position + distance < text.count ? text[position + distance] : 0
  }

  private static func digit(_ letter: UInt8) -> UInt8? {
    switch letter {
    case 0x30...0x39: letter - 0x30
    case 0x61...0x66: letter - 0x61 + 10
    default: nil
    }
  }

  private mutating func skipLine() {
    guard position < text.count else { return }
    position = unsafe text.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress,
        let newline = unsafe memchr(base + position, 0x0A, bytes.count - position)
      else { return bytes.count }
      return unsafe UnsafeRawPointer(newline) - base + 1
    }
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
