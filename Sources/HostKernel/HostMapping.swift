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
