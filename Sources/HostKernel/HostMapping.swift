package import SystemPackage

/// An owned memory mapping, unmapped when it goes out of scope.
package struct HostMapping: ~Copyable, Sendable {
  private let kernel: any HostKernel
  /// The first address of the mapping in this process.
  package let address: UInt
  /// Length in bytes.
  package let length: Int

  /// Maps what is asked for on `kernel`.
  package init(_ request: MappingRequest, on kernel: any HostKernel) throws(Errno) {
    self.kernel = kernel
    self.address = try kernel.map(request)
    self.length = request.length
  }

  deinit { kernel.unmap(address: address, length: length) }
}

extension HostMapping {
  /// Reads the start of a file into writable memory until either ends. Throws as `pread(2)`.
  package borrowing func fill(from file: borrowing HostDescriptor) throws(Errno) {
    var done = 0
    while done < length {
      // Inside the mapping, which lives for as long as this call.
      let rest = unsafe UnsafeMutableRawBufferPointer(
        start: UnsafeMutableRawPointer(bitPattern: address &+ UInt(done)), count: length - done)
      var span = unsafe rest.mutableBytes
      let arrived = try file.kernel.read(file.rawValue, into: &span, at: UInt64(done))
      guard arrived > 0 else { break }
      done += arrived
    }
  }
}
