internal import CLinux
internal import Glibc
package import SystemPackage

/// The calls on this process's own memory, shared by both hosts since simulated BARs are real memory.
package enum MemoryCalls {
  /// Performs the mapping and gives its address. Throws as `mmap(2)`.
  package static func map(_ request: MappingRequest) throws(Errno) -> UInt {
    var address: UnsafeMutableRawPointer?
    _ = try checked(
      unsafe clinux_mmap(
        request.descriptor ?? -1, request.length, protection(of: request), kind(of: request),
        Int64(bitPattern: request.offset), request.alignment, &address))
    return UInt(bitPattern: address)
  }

  /// Puts a mapping in the place of one that exists at `address`; nobody sees a hole between them.
  /// Throws as `mmap(2)`.
  package static func replace(_ address: UInt, with request: MappingRequest) throws(Errno) {
    guard let pointer = unsafe UnsafeMutableRawPointer(bitPattern: address) else {
      throw .badAddress
    }
    _ = try checked(
      unsafe clinux_map_over(
        pointer, request.length, protection(of: request), kind(of: request),
        request.descriptor ?? -1, Int64(bitPattern: request.offset)))
  }

  private static func protection(of request: MappingRequest) -> Int32 {
    (request.isReadable ? PROT_READ : 0) | (request.isWritable ? PROT_WRITE : 0)
  }

  private static func kind(of request: MappingRequest) -> Int32 {
    if request.descriptor == nil { return MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE }
    return request.isPrivate ? MAP_PRIVATE : MAP_SHARED
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
