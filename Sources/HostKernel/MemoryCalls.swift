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

  /// Opens a file to hold memory, or makes a nameless one in a directory, at least `size` bytes long,
  /// and gives its descriptor and the size of its pages. Throws as `open(2)`; `EINVAL` when the size is
  /// no multiple of the pages, `EFBIG` for a file that is too short and not empty.
  package static func openMemoryFile(
    _ path: String, size: UInt64
  ) throws(Errno) -> (descriptor: Int32, pageSize: Int) {
    var pageSize: UInt64 = 0
    let descriptor = try checked(unsafe clinux_open_backing(path, &pageSize))
    do throws(Errno) {
      guard pageSize > 0, size % pageSize == 0, let page = Int(exactly: pageSize) else {
        throw Errno.invalidArgument
      }
      _ = try checked(clinux_grow_file(descriptor, size))
      return (descriptor, page)
    } catch {
      _ = clinux_close(descriptor)
      throw error
    }
  }

  /// Gives a writable mapping all its pages now (`MADV_POPULATE_WRITE`). Throws `ENOMEM` when the host
  /// has not enough of them.
  package static func populate(address: UInt, length: Int) throws(Errno) {
    guard let pointer = unsafe UnsafeMutableRawPointer(bitPattern: address) else { return }
    _ = try checked(unsafe clinux_populate(pointer, length))
  }

  /// Asks the host to back a mapping with huge pages where it can.
  package static func preferHugePages(address: UInt, length: Int) {
    guard let pointer = unsafe UnsafeMutableRawPointer(bitPattern: address) else { return }
    unsafe clinux_prefer_huge_pages(pointer, length)
  }
}
