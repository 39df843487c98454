internal import CLinux
internal import Glibc
internal import HostKernel
internal import SystemPackage

/// The registers behind one memory or I/O BAR: real memory that a client can also map.
///
/// The memory file and the model's own view of it live as long as the object.
package final class BARMemory {
  /// The memory file, for a client's mapping.
  package let descriptor: Int32
  private let address: UInt
  private let size: Int
  private let mappedSize: Int

  /// Makes `size` bytes, all zero.
  init(name: String, size: UInt64) throws(Errno) {
    self.size = Int(size)
    mappedSize = max(4096, Int(size))
    descriptor = try MemoryCalls.makeMemoryDescriptor(name: name, size: UInt64(mappedSize))
    do throws(Errno) {
      address = try MemoryCalls.map(MappingRequest(descriptor: descriptor, length: mappedSize))
    } catch {
      _ = clinux_close(descriptor)
      throw error
    }
  }

  deinit {
    MemoryCalls.unmap(address: address, length: mappedSize)
    _ = clinux_close(descriptor)
  }

  /// Reads naturally aligned pieces of at most 8 bytes, as the kernel splits an access.
  package func read(at offset: Int, count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    unsafe forEachPiece(at: offset, count: count) { pointer, width in
      let value = unsafe clinux_volatile_read(pointer, UInt32(width))
      for index in 0..<width { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
    }
    return bytes
  }

  /// Writes naturally aligned pieces of at most 8 bytes.
  package func write(_ bytes: ArraySlice<UInt8>, at offset: Int) {
    var rest = bytes
    unsafe forEachPiece(at: offset, count: bytes.count) { pointer, width in
      var value: UInt64 = 0
      for (index, byte) in rest.prefix(width).enumerated() { value |= UInt64(byte) << (8 * index) }
      rest = rest.dropFirst(width)
      unsafe clinux_volatile_write(pointer, UInt32(width), value)
    }
  }

  /// The registers that were ever written, in whole pages with their offsets.
  var writtenPages: [(offset: Int, bytes: [UInt8])] {
    var pages: [(offset: Int, bytes: [UInt8])] = []
    var end = 0
    // Linux: SEEK_DATA (3) finds the next page that the file has, SEEK_HOLE (4) the next it lacks.
    while case let start = lseek(descriptor, end, 3), start >= 0, start < size {
      end = min(size, lseek(descriptor, start, 4))
      guard end > start else { break }
      pages.append((start, read(at: start, count: end - start)))
    }
    return pages
  }

  /// Puts all registers back to zero; existing mappings see it.
  func clear() {
    guard let base = unsafe UnsafeMutableRawPointer(bitPattern: address) else { return }
    // Linux: MADV_REMOVE (9) punches the pages out of the file itself.
    if unsafe madvise(base, mappedSize, 9) != 0 {
      unsafe memset(base, 0, mappedSize)
    }
  }

  private func forEachPiece(
    at offset: Int, count: Int, _ body: (UnsafeMutableRawPointer, Int) -> Void
  ) {
    guard let base = unsafe UnsafeMutableRawPointer(bitPattern: address), offset >= 0, count >= 0,
      offset <= size, count <= size - offset
    else { return }
    var position = offset
    let end = offset + count
    while position < end {
      var width = 8
      while !position.isMultiple(of: width) || width > end - position { width /= 2 }
      unsafe body(base + position, width)
      position += width
    }
  }
}
