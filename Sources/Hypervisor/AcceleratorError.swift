package import SystemPackage

/// Why an accelerator could not be set up, or could not do what was asked.
package struct AcceleratorError: Error, Equatable, Sendable {
  /// What did not happen.
  package enum Operation: Equatable, Sendable {
    case openKVM
    case readVersion
    /// `/dev/kvm` speaks this version instead of 12.
    case matchVersion(found: Int32)
    /// The host's KVM lacks a capability, by its name in `<linux/kvm.h>`.
    case requireCapability(String)
    case createVM
    case setIdentityMap
    case setTaskStateSegment
    case createInterruptController
    case setInterruptRoutes
    case createVFIODevice
    case addVFIOFile(Int32)
    case removeVFIOFile(Int32)
    /// A memory slot at these guest-physical addresses, in bytes.
    case setMemorySlot(start: UInt64, size: UInt64, isAddition: Bool)
    /// All of the host's memory slots are in use.
    case findMemorySlot(start: UInt64, size: UInt64)
  }

  package var operation: Operation
  /// What the host answered, or nil when it answered but not with what is needed.
  package var errno: Errno?

  package init(_ operation: Operation, _ errno: Errno? = nil) {
    self.operation = operation
    self.errno = errno
  }
}
