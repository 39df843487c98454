/// A device, or a property, that cannot live with a value.
package struct Refusal: Equatable, Sendable {
  package let property: VIOMMUProperty
  /// The value that was asked for, or that is frozen.
  package let value: Int
  /// Who cannot live with it, and why.
  package let limiter: Limiter
  package let reason: LimitReason
  /// The value that would work; nil when none would.
  package let working: Int?
  /// The value is frozen: the guest runs already.
  package let isFrozen: Bool

  /// What happened, in QEMU 11.1's words where it has any.
  package var message: String {
    guard case .device(let name) = limiter else {
      return "\(property.assignment(value)) is ruled out by \(limiter.name): \(reason.text)"
    }
    return "vfio \(name): Failed to set vIOMMU: \(deviceMessage)"
  }

  private var deviceMessage: String {
    switch (property, reason) {
    case (.cachingMode, _):
      "Device assignment is not allowed without enabling caching-mode=on for Intel IOMMU."
    case (.addressWidth, .addressWidth(let width)):
      "aw-bits \(value) > host aw-bits \(width)"
    case (.firstStage, .legacyBackend): "Need IOMMUFD backend when fsts=on"
    case (.firstStage, .otherIOMMUType(let type)): "Incompatible host platform IOMMU type \(type)"
    case (.firstStage, .conventionalBridge):
      "Host device downstream to a PCI bridge is unsupported when fsts=on"
    case (.firstStage1GiB, _): "First stage 1GB large page is unsupported by host IOMMU"
    case (.pasidWidth, .unitPASIDWidth(let width)):
      "PASID bits size \(value) > host IOMMU PASID bits size \(width)"
    default: "\(property.assignment(value)): \(reason.text)"
    }
  }

  /// What to do.
  package var hint: String {
    guard let working else { return "no value of \(property.rawValue) works with \(limiter.name)" }
    let assignment = property.assignment(working)
    guard isFrozen else { return "\(assignment) would work" }
    if property == .cachingMode { return "start with \(assignment) to plug devices later" }
    return "the guest has seen \(property.assignment(value)); start with \(assignment), or with "
      + "reserve-\(assignment) to keep room for such a device"
  }
}

/// Why a vIOMMU cannot be built, or a device not be added to one.
package enum ResolutionError: Error, Equatable, Sendable {
  /// The properties do not go together.
  case properties(VIOMMUPropertyError)
  /// By property in the order of decision, then by limiter; never empty.
  case refused([Refusal])

  /// What happened, one line each.
  package var messages: [String] {
    switch self {
    case .properties(let error): [error.message]
    case .refused(let refusals): refusals.map(\.message)
    }
  }

  /// What to do, one line each.
  package var hints: [String] {
    switch self {
    case .properties: []
    case .refused(let refusals): refusals.map(\.hint)
    }
  }
}
