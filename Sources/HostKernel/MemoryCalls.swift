internal import CLinux
internal import Glibc
package import SystemPackage

/// The calls on this process's own memory, shared by both hosts since simulated BARs are real memory.
package enum MemoryCalls {
  /// Performs the mapping and gives its address. Throws as `mmap(2)`.
  package static func map(_ request: MappingRequest) throws(Errno) -> UInt {
    var protection: Int32 = 0
    if request.isReadable { protection |= PROT_READ }
    if request.isWritable { protection |= PROT_WRITE }
    let kind = request.descriptor == nil ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED
    var address: UnsafeMutableRawPointer?
    _ = try checked(
      unsafe clinux_mmap(
        request.descriptor ?? -1, request.length, protection, kind,
        Int64(bitPattern: request.offset), request.alignment, &address))
    return UInt(bitPattern: address)
  }

  /// Removes a mapping.
  package static func unmap(address: UInt, length: Int) {
    guard let pointer = unsafe UnsafeMutableRawPointer(bitPattern: address) else { return }
    _ = unsafe clinux_munmap(pointer, length)
  }

  /// Makes a memory file of `size` bytes, zero filled, and gives its descriptor (`memfd_create(2)`).
  package static func makeMemoryDescriptor(
    name: String, size: UInt64
  ) throws(Errno) -> Int32 {
    try checked(unsafe clinux_memfd_create(name, size))
  }
}
