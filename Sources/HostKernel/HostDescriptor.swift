package import SystemPackage

/// An owned descriptor of a host kernel, closed when it goes out of scope.
package struct HostDescriptor: ~Copyable, Sendable {
  package let kernel: any HostKernel
  package let rawValue: Int32

  /// Takes over a descriptor that `kernel` gave.
  package init(taking rawValue: Int32, of kernel: any HostKernel) {
    self.kernel = kernel
    self.rawValue = rawValue
  }

  /// Opens a path on the host.
  package init(
    opening path: String, _ access: FileAccess, on kernel: any HostKernel
  ) throws(Errno) {
    self.init(taking: try kernel.open(path, access), of: kernel)
  }

  deinit { kernel.close(rawValue) }

  /// Issues an ioctl on one fixed-size structure.
  @discardableResult
  package borrowing func control<Argument: BitwiseCopyable>(
    _ request: some BinaryInteger, on argument: inout Argument
  ) throws(Errno) -> Int32 {
    try kernel.control(rawValue, UInt(UInt32(truncatingIfNeeded: request)), on: &argument)
  }

  /// Issues an ioctl on a structure with a trailing array, laid out in `bytes`.
  @discardableResult
  package borrowing func control(
    _ request: some BinaryInteger, on bytes: inout [UInt8]
  ) throws(Errno) -> Int32 {
    try kernel.control(rawValue, UInt(UInt32(truncatingIfNeeded: request)), on: &bytes)
  }

  /// Issues an ioctl that takes a value or nothing.
  @discardableResult
  package borrowing func control(
    _ request: some BinaryInteger, value: UInt = 0
  ) throws(Errno) -> Int32 {
    try kernel.control(rawValue, UInt(UInt32(truncatingIfNeeded: request)), value: value)
  }
}
