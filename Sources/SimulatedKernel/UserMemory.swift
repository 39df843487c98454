internal import CLinux
internal import Glibc
package import SystemPackage

/// The caller's memory: the one place where the model follows an address that the caller gave.
///
/// Each copy checks the address as the kernel does and throws `EFAULT` for a bad one.
package enum UserMemory {
  /// Copies bytes in from a user address.
  package static func bytes(at address: UInt64, count: Int) throws(Errno) -> [UInt8] {
    guard count > 0 else { return [] }
    var result: Int32 = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      guard let base = buffer.baseAddress else { return }
      result = unsafe clinux_copy_from_user(base, address, count)
      filled = result == 0 ? count : 0
    }
    guard result == 0 else { throw .efault }
    return bytes
  }

  /// Copies bytes out to a user address.
  package static func write(_ bytes: [UInt8], to address: UInt64) throws(Errno) {
    guard !bytes.isEmpty else { return }
    let result = unsafe bytes.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress else { return Int32(0) }
      return unsafe clinux_copy_to_user(address, base, buffer.count)
    }
    guard result == 0 else { throw .efault }
  }

  /// The value of a structure whose first bytes are given; missing ones are zero.
  static func value<Value: BitwiseCopyable>(
    _ type: Value.Type, from bytes: some Collection<UInt8>
  ) -> Value {
    var padded = Array(bytes.prefix(MemoryLayout<Value>.size))
    padded += Array(repeating: 0, count: MemoryLayout<Value>.size - padded.count)
    return unsafe padded.withUnsafeBytes { unsafe $0.loadUnaligned(as: type) }
  }

  /// The bytes of a structure.
  static func bytes<Value: BitwiseCopyable>(of value: Value) -> [UInt8] {
    unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
  }

  /// A copy of the argument bytes of a call.
  static func bytes(of span: borrowing MutableRawSpan) -> [UInt8] {
    unsafe span.withUnsafeBytes { unsafe Array($0) }
  }

  /// A copy of the bytes of a write.
  static func bytes(of span: RawSpan) -> [UInt8] {
    unsafe span.withUnsafeBytes { unsafe Array($0) }
  }

  /// Puts the answer of a call back into its argument.
  static func copy(_ bytes: [UInt8], into span: inout MutableRawSpan) {
    unsafe span.withUnsafeMutableBytes { buffer in
      unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, bytes.count)])
        .copyBytes(from: bytes.prefix(buffer.count))
    }
  }
}

/// The argument of one ioctl: the bytes that crossed the seam, or an address given as a value.
///
/// Bytes past the end of what crossed count as unmapped memory.
struct UserArgument {
  private enum Place {
    case bytes([UInt8])
    case address(UInt64)
  }

  private var place: Place

  init(bytes: [UInt8]) { place = .bytes(bytes) }
  init(address: UInt64) { place = .address(address) }

  /// The bytes with all answers in them; nil for an address.
  var crossedBytes: [UInt8]? {
    if case .bytes(let bytes) = place { bytes } else { nil }
  }

  /// The plain value of a command that takes no structure.
  var value: UInt64 {
    switch place {
    case .address(let address): address
    case .bytes(let bytes): UserMemory.value(UInt64.self, from: bytes)
    }
  }

  /// Copies `count` bytes in, from `offset` on. Throws `EFAULT`.
  func bytes(at offset: Int = 0, count: Int) throws(Errno) -> [UInt8] {
    switch place {
    case .bytes(let bytes):
      guard offset <= bytes.count, count <= bytes.count - offset else { throw .efault }
      return Array(bytes[offset..<offset + count])
    case .address(let address):
      return try UserMemory.bytes(at: address &+ UInt64(offset), count: count)
    }
  }

  /// Copies a structure's first `count` bytes in; the others are zero. Throws `EFAULT`.
  func load<Value: BitwiseCopyable>(
    _ type: Value.Type, count: Int = MemoryLayout<Value>.size, at offset: Int = 0
  ) throws(Errno) -> Value {
    UserMemory.value(type, from: try bytes(at: offset, count: count))
  }

  /// Copies bytes out, from `offset` on. Throws `EFAULT`.
  mutating func store(_ answer: [UInt8], at offset: Int = 0) throws(Errno) {
    switch place {
    case .bytes(var bytes):
      guard offset <= bytes.count, answer.count <= bytes.count - offset else { throw .efault }
      bytes.replaceSubrange(offset..<offset + answer.count, with: answer)
      place = .bytes(bytes)
    case .address(let address):
      try UserMemory.write(answer, to: address &+ UInt64(offset))
    }
  }

  /// Copies a structure's first `count` bytes out. Throws `EFAULT`.
  mutating func store<Value: BitwiseCopyable>(
    _ value: Value, count: Int = MemoryLayout<Value>.size, at offset: Int = 0
  ) throws(Errno) {
    try store(Array(UserMemory.bytes(of: value).prefix(count)), at: offset)
  }

  /// The text up to its zero byte, which must come within a page.
  func string() throws(Errno) -> String {
    var text: [UInt8] = []
    while text.count < 4096 {
      let byte = try bytes(at: text.count, count: 1)[0]
      if byte == 0 { return String(decoding: text, as: UTF8.self) }
      text.append(byte)
    }
    throw .einval
  }

  /// `argsz` of a VFIO structure whose first `minimum` bytes must be there (2.1 of the contract).
  func argumentSize(minimum: Int) throws(Errno) -> Int {
    let prefix = try bytes(count: minimum)
    let size = Int(UserMemory.value(UInt32.self, from: prefix))
    guard size >= minimum else { throw .einval }
    return size
  }
}
