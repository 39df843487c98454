package import SystemPackage

/// Hears what happens to CPUs that no device handles.
///
/// Called on the CPU's thread with the machine lock held. The CPU of which it hears does not go on
/// before the next reset, except after a system event.
package protocol CPUObserver: AnyObject {
  /// The guest faulted three times in a row (`KVM_EXIT_SHUTDOWN`).
  func guestTripleFault(cpu: Int)

  /// The guest asked the hypervisor itself for something (`KVM_EXIT_SYSTEM_EVENT`).
  func guestSystemEvent(cpu: Int, _ event: GuestSystemEvent)

  /// The CPU cannot go on.
  func cpuFailed(cpu: Int, _ failure: CPUFailure)
}

/// What a guest asks the hypervisor for.
package enum GuestSystemEvent: Equatable, Sendable {
  case shutdown
  case reset
  case crash
  /// Another one, by its number in `<linux/kvm.h>`.
  case other(UInt32)
}

/// Why a CPU cannot go on.
package enum CPUFailure: Equatable, Sendable {
  /// KVM could not emulate an instruction or deliver an event: the number and its data
  /// (`KVM_EXIT_INTERNAL_ERROR`).
  case internalError(suberror: UInt32, data: [UInt64])
  /// The processor refused the guest's state (`KVM_EXIT_FAIL_ENTRY`).
  case entryFailed(hardwareReason: UInt64)
  /// KVM does not know why the processor left the guest (`KVM_EXIT_UNKNOWN`).
  case unknownExit(hardwareReason: UInt64)
  /// An exit that nobody handles, by its number in `<linux/kvm.h>`.
  case unhandledExit(reason: UInt32)
  /// `KVM_RUN` failed.
  case runFailed(Errno)
}

extension CPUFailure {
  /// A line for the user, in QEMU's words where it has some.
  package var message: String {
    switch self {
    case .internalError(let suberror, let data):
      (["KVM internal error. Suberror: \(suberror)"]
        + data.enumerated().map { "extra data[\($0)]: 0x" + String($1, radix: 16) })
        .joined(separator: "\n")
    case .entryFailed(let reason):
      "KVM: entry failed, hardware error 0x" + String(reason, radix: 16)
    case .unknownExit(let reason):
      "KVM: unknown exit, hardware reason " + String(reason, radix: 16)
    case .unhandledExit(let reason): "kvm_cpu_exec: unhandled exit \(reason)"
    case .runFailed(let errno): "error: kvm run failed \(errno)"
    }
  }
}
