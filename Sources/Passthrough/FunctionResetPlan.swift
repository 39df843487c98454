/// What is known of a function's ways to be reset.
package struct ResetAbility: Equatable, Sendable {
  /// `VFIO_DEVICE_RESET` is offered.
  package var hasReset: Bool
  /// The function has FLR, by its PCIe or its AF capability.
  package var hasFLR: Bool
  /// The function loses its state on the way from D3hot to D0.
  package var hasPMReset: Bool

  package init(hasReset: Bool, hasFLR: Bool, hasPMReset: Bool) {
    self.hasReset = hasReset
    self.hasFLR = hasFLR
    self.hasPMReset = hasPMReset
  }

  /// Whether the function depends on a hot reset at a machine reset: it has no reset of its own, or
  /// only the weak one.
  package var needsHotReset: Bool { !hasReset || (!hasFLR && hasPMReset) }
}

/// The methods to try on one function, in order, and why each is there.
///
/// Pure. The first that succeeds ends the attempt.
package struct FunctionResetPlan: Equatable, Sendable {
  package enum Method: String, Sendable {
    /// `VFIO_DEVICE_RESET`, taken for FLR.
    case functionReset = "function-reset"
    /// Hot reset of this function alone.
    case hotReset = "hot-reset"
    /// `VFIO_DEVICE_RESET`, known to be a PM reset.
    case powerManagementReset = "pm-reset"
  }

  package struct Attempt: Equatable, Sendable {
    package let method: Method
    package let reason: String
  }

  package let attempts: [Attempt]

  /// FLR first; then hot reset, which is stronger than a PM reset; the PM reset last.
  package static func make(_ ability: ResetAbility) -> FunctionResetPlan {
    var attempts: [Attempt] = []
    if ability.hasReset && (ability.hasFLR || !ability.hasPMReset) {
      attempts.append(
        Attempt(
          method: .functionReset,
          reason: ability.hasFLR
            ? "the function has FLR" : "the kernel offers a reset that is not a PM reset"))
    }
    let hotReason =
      if !ability.hasReset {
        "the kernel offers no function reset"
      } else if ability.hasPMReset && !ability.hasFLR {
        "a hot reset is stronger than the PM reset"
      } else {
        "the function reset may fail"
      }
    attempts.append(Attempt(method: .hotReset, reason: hotReason))
    if ability.hasReset && ability.hasPMReset {
      attempts.append(
        Attempt(method: .powerManagementReset, reason: "the function has a PM reset"))
    }
    return FunctionResetPlan(attempts: attempts)
  }
}
