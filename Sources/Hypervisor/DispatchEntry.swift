internal import CLinux
internal import Glibc

/// A section as an access needs it, without name and bookkeeping.
@safe struct DispatchEntry {
  /// What answers: memory by the address of the section's first byte, a handler with its offset.
  private enum Target {
    case ram(UInt, isReadOnly: Bool)
    case io(any MemoryHandler, offset: UInt64)
  }

  let start: UInt64
  /// Last address, inclusive.
  let last: UInt64
  private let target: Target

  init(_ section: MemorySection) {
    start = section.start
    last = section.last
    switch section.kind {
    case .io(let handler): target = .io(handler, offset: section.offsetInRegion)
    case .ram, .deviceRAM, .bus:
      target = .ram(section.hostAddress ?? 0, isReadOnly: section.isReadOnly)
    }
  }

  /// Whether a handler answers.
  var isDevice: Bool {
    if case .io = target { true } else { false }
  }

  /// Reads 1, 2, 4 or 8 bytes that lie wholly inside the section.
  func read(at address: UInt64, size: Int) -> UInt64 {
    switch target {
    case .io(let handler, let offset):
      return handler.read(offset: offset &+ (address &- start), size: size)
    case .ram(let base, _):
      guard let pointer = unsafe pointer(base, address) else { return .max }
      return unsafe clinux_volatile_read(pointer, UInt32(truncatingIfNeeded: size))
    }
  }

  /// Writes 1, 2, 4 or 8 bytes that lie wholly inside the section.
  func write(at address: UInt64, size: Int, value: UInt64) {
    switch target {
    case .io(let handler, let offset):
      handler.write(offset: offset &+ (address &- start), size: size, value: value)
    case .ram(let base, isReadOnly: false):
      guard let pointer = unsafe pointer(base, address) else { return }
      unsafe clinux_volatile_write(pointer, UInt32(truncatingIfNeeded: size), value)
    case .ram(_, isReadOnly: true): break
    }
  }

  /// The address range's bytes when memory answers, for a copy of `count` bytes inside the section.
  func copy(from address: UInt64, into bytes: inout [UInt8], at index: Int, count: Int) -> Bool {
    guard case .ram(let base, _) = target, let source = unsafe pointer(base, address) else {
      return false
    }
    unsafe bytes.withUnsafeMutableBytes { buffer in
      guard let destination = buffer.baseAddress else { return }
      unsafe memcpy(destination + index, source, count)
    }
    return true
  }

  /// Fills `count` bytes inside the section from `bytes` when memory answers.
  func copy(_ bytes: [UInt8], from index: Int, count: Int, to address: UInt64) -> Bool {
    guard case .ram(let base, let isReadOnly) = target else { return false }
    guard !isReadOnly, let destination = unsafe pointer(base, address) else { return true }
    unsafe bytes.withUnsafeBytes { buffer in
      guard let source = buffer.baseAddress else { return }
      unsafe memcpy(destination, source + index, count)
    }
    return true
  }

  /// Valid for as long as the region stays in the address space, which owns no memory itself.
  private func pointer(_ base: UInt, _ address: UInt64) -> UnsafeMutableRawPointer? {
    unsafe UnsafeMutableRawPointer(bitPattern: base &+ UInt(address &- start))
  }
}
