/// The bytes of an ioctl argument: a fixed structure and what trails it.
///
/// The only place where this target looks at structures as bytes; every access is bounds checked.
struct ArgumentBytes {
  var bytes: [UInt8]

  /// A structure followed by `trailing` zero bytes.
  init<Header: BitwiseCopyable>(_ header: Header, trailing: Int = 0) {
    bytes = [UInt8](repeating: 0, count: MemoryLayout<Header>.size + max(0, trailing))
    store(header, at: 0)
  }

  /// Puts a value at a byte offset; nothing happens when it does not fit.
  mutating func store<Value: BitwiseCopyable>(_ value: Value, at offset: Int) {
    guard offset >= 0, offset <= bytes.count - MemoryLayout<Value>.size else { return }
    unsafe bytes.withUnsafeMutableBytes { buffer in
      unsafe buffer.storeBytes(of: value, toByteOffset: offset, as: Value.self)
    }
  }

  /// The value at a byte offset, or nil when the bytes end before it does.
  func load<Value: BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value? {
    guard offset >= 0, offset <= bytes.count - MemoryLayout<Value>.size else { return nil }
    return unsafe bytes.withUnsafeBytes { buffer in
      unsafe buffer.loadUnaligned(fromByteOffset: offset, as: Value.self)
    }
  }
}
