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
    /// The timer that goes with the interrupt controllers in the kernel.
    case createTimer
    /// Only the controllers of the CPUs in the kernel.
    case splitInterruptController
    /// What the kernel keeps of interrupt controllers and timer.
    case saveInterruptController
    case restoreInterruptController
    case readCPUID
    /// The list of model-specific registers, or the length of a CPU's mapping.
    case readCPUProperties
    /// More CPUs than KVM can run.
    case limitCPUs(count: Int, maximum: Int)
    /// `-cpu` with `enforce` on a host that lacks these features.
    case enforceCPUModel([String])
    /// A step in the making of a CPU.
    case makeCPU(Int, CPUStep)
    /// A part of a CPU's state that could not be set, by the kernel command.
    case setCPUState(Int, String)
    case setInterruptRoutes
    case createVFIODevice
    case addVFIOFile(Int32)
    case removeVFIOFile(Int32)
    /// A memory slot at these guest-physical addresses, in bytes.
    case setMemorySlot(start: UInt64, size: UInt64, isAddition: Bool)
    /// All of the host's memory slots are in use.
    case findMemorySlot(start: UInt64, size: UInt64)
  }

  /// What is done for each CPU.
  package enum CPUStep: Equatable, Sendable {
    case create
    case map
    case setCPUID
    /// A part of its state, by the kernel command.
    case readState(String)
    case startThread
  }

  package var operation: Operation
  /// What the host answered, or nil when it answered but not with what is needed.
  package var errno: Errno?

  package init(_ operation: Operation, _ errno: Errno? = nil) {
    self.operation = operation
    self.errno = errno
  }
}
