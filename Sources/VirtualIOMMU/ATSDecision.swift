/// Whether a guest finds a function's ATS capability (`ats` of `-device vfio-pci`, as QEMU 11.1).
///
/// Pure. ATS stays the device's own where it is shown. The page request capability (PRI) is not touched
/// by this: it is shown wherever the host has it, and does nothing while the vIOMMU offers no page
/// requests.
package struct ATSDecision: Equatable, Sendable {
  /// The property.
  package enum Request: String, CaseIterable, Sendable {
    case on
    case off
    case auto
  }

  /// What the host says of ATS with the function.
  package enum HostAnswer: Equatable, Sendable {
    /// Without iommufd nobody can be asked.
    case none
    case usable
    /// `IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED`.
    case notSupported

    /// The answer among a function's facts.
    package init(_ device: DeviceFacts) {
      switch device.information {
      case nil: self = .none
      case let information?:
        self = information.capabilities.contains(.atsNotSupported) ? .notSupported : .usable
      }
    }
  }

  /// Something that the user should know.
  package enum Warning: Equatable, Sendable {
    /// `auto`, and the host says no to a function that has the capability.
    case masked
    /// `on`, and the function has no such capability.
    case noCapability

    /// QEMU 11.1's words, without the device's prefix.
    package var message: String {
      switch self {
      case .masked:
        "vfio-pci: host kernel reports ATS unsupported; ATS capability will be masked"
      case .noCapability:
        "vfio-pci: ats=on requested, but host device has no ATS extended capability"
      }
    }
  }

  /// `on`, and the host says no.
  package struct NotSupported: Error, Equatable, Sendable {
    /// QEMU 11.1's words, without the device's prefix.
    package var message: String { "vfio-pci: ATS requested but not supported by kernel" }
    /// What to do.
    package var hint: String { "ats=auto or ats=off would work" }
  }

  /// The guest finds the capability, if the host's function has it.
  package let isShown: Bool
  package let warning: Warning?

  /// - Parameter hasCapability: Whether the host's function has the ATS capability.
  /// - Throws: `NotSupported`.
  package init(
    _ request: Request, host: HostAnswer, hasCapability: Bool
  ) throws(NotSupported) {
    switch (request, host) {
    case (.off, _):
      isShown = false
      warning = nil
    case (.auto, .notSupported):
      isShown = false
      warning = hasCapability ? .masked : nil
    case (.auto, _):
      isShown = hasCapability
      warning = nil
    case (.on, .notSupported): throw NotSupported()
    case (.on, _):
      isShown = hasCapability
      warning = hasCapability ? nil : .noCapability
    }
  }
}
