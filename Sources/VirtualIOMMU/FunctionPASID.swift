/// The PASID capability that one function shows its guest, or why it shows none.
package enum FunctionPASID: Equatable, Sendable {
  /// Width in bits, 1 to 20, and what the function may ask for with a PASID.
  case capability(width: Int, exec: Bool, privileged: Bool)
  case none(Reason)

  package enum Reason: Equatable, Sendable {
    /// HW_INFO needs iommufd.
    case legacyBackend
    /// The kernel did not answer IOMMU_GET_HW_INFO.
    case noInformation
    /// The function or its IOMMU has none that is switched on.
    case deviceHasNone
    /// The vIOMMU offers none; who limited it.
    case notOffered([Limiter])
    /// There is no place for it in the function's config space, and why.
    case noPlace(String)

    package var text: String {
      switch self {
      case .legacyBackend: "it is assigned without iommufd"
      case .noInformation: "the host tells nothing about it"
      case .deviceHasNone: "the host reports no PASID width for it"
      case .notOffered(let limiters):
        "the vIOMMU offers no PASIDs (\(limiters.map(\.name).joined(separator: ", ")))"
      case .noPlace(let reason): reason
      }
    }

    /// The reason with whose it is, for the user; without a full stop.
    package func sentence(about device: String) -> String {
      "\(device) shows its guest no PASID capability: \(text)"
    }
  }

  /// Width from the function's own HW_INFO, never above the vIOMMU's; exec and privileged its own.
  init(_ device: DeviceFacts, offered width: Int, limitedBy limiters: [Limiter]) {
    guard device.backend == .iommufd else {
      self = .none(.legacyBackend)
      return
    }
    guard let information = device.information else {
      self = .none(.noInformation)
      return
    }
    guard information.pasidWidth > 0 else {
      self = .none(.deviceHasNone)
      return
    }
    guard width > 0 else {
      self = .none(.notOffered(limiters))
      return
    }
    self = .capability(
      width: min(information.pasidWidth, width),
      exec: information.capabilities.contains(.pasidExec),
      privileged: information.capabilities.contains(.pasidPrivileged))
  }

  /// The capability in words.
  package var text: String {
    switch self {
    case .none(let reason): "none: \(reason.text)"
    case .capability(let width, let exec, let privileged):
      "\(width) bits" + (exec ? ", exec" : "") + (privileged ? ", privileged" : "")
    }
  }
}
