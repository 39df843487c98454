internal import CLinux
internal import Glibc
package import SystemPackage

/// An owned eventfd. The object is real on either host, so KVM and the main loop can use it.
package struct EventDescriptor: ~Copyable, Sendable {
  private let descriptor: HostDescriptor

  /// Makes a nonblocking eventfd through the seam, so that its creation can be made to fail.
  package init(on kernel: any HostKernel) throws(Errno) {
    descriptor = HostDescriptor(taking: try kernel.makeEventDescriptor(), of: kernel)
  }

  /// The descriptor's number, for `VFIO_DEVICE_SET_IRQS`, `KVM_IRQFD` or the main loop.
  package var rawValue: Int32 { descriptor.rawValue }

  /// Adds one to the count; a full count is left as it is.
  package borrowing func signal() { Self.signal(descriptor.rawValue) }

  /// Takes the count and says whether there was one.
  @discardableResult
  package borrowing func drain() -> Bool { Self.drain(descriptor.rawValue) }

  /// Makes a nonblocking, close-on-exec eventfd with count 0.
  package static func make() throws(Errno) -> Int32 {
    try checked(clinux_eventfd(0, O_NONBLOCK))
  }

  /// Adds one to the count of an eventfd known by number.
  package static func signal(_ descriptor: Int32) {
    var one: UInt64 = 1
    _ = unsafe clinux_write(descriptor, &one, 8)
  }

  /// Takes the count of an eventfd known by number and says whether there was one.
  @discardableResult
  package static func drain(_ descriptor: Int32) -> Bool {
    var count: UInt64 = 0
    return unsafe clinux_read(descriptor, &count, 8) == 8
  }
}
