/// Structures of the kernel's ABI in a byte buffer.
enum StructureBytes {
  /// The structure at a byte offset, or nil when it does not fit there.
  static func load<Structure: BitwiseCopyable>(
    _ type: Structure.Type, from bytes: [UInt8], at offset: Int
  ) -> Structure? {
    guard offset >= 0, offset <= bytes.count - MemoryLayout<Structure>.size else { return nil }
    return unsafe bytes.withUnsafeBytes { buffer in
      unsafe buffer.loadUnaligned(fromByteOffset: offset, as: type)
    }
  }

  /// Puts a structure at a byte offset; one that does not fit is left out.
  static func store<Structure: BitwiseCopyable>(
    _ value: Structure, in bytes: inout [UInt8], at offset: Int
  ) {
    guard offset >= 0, offset <= bytes.count - MemoryLayout<Structure>.size else { return }
    unsafe bytes.withUnsafeMutableBytes { buffer in
      unsafe buffer.storeBytes(of: value, toByteOffset: offset, as: Structure.self)
    }
  }
}
