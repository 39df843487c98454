/// The most of a property that something allows.
package struct Limit: Equatable, Sendable {
  package let property: VIOMMUProperty
  /// In the property's own unit; need not be one of its candidates.
  package let value: Int
  package let limiter: Limiter
  package let reason: LimitReason
  /// A value above it is refused when it was asked for; otherwise the limit holds for `auto` only,
  /// since the device can live with more.
  package let isBinding: Bool
}

/// Who limits a value.
package enum Limiter: Hashable, Sendable {
  /// A device, by its name.
  case device(String)
  /// `reserve-NAME`.
  case reserve(VIOMMUProperty)
  /// Another property.
  case property(VIOMMUProperty)
  /// The value was asked for.
  case request
  /// The value is the property's when nobody asks.
  case defaultValue
  /// The machine around the vIOMMU.
  case machine

  /// The name in a report.
  package var name: String {
    switch self {
    case .device(let name): name
    case .reserve(let property): "reserve-\(property.rawValue)"
    case .property(let property): property.rawValue
    case .request: "request"
    case .defaultValue: "default"
    case .machine: "machine"
    }
  }

  /// What a list of limiters is sorted by.
  var sortKey: (Int, String) {
    switch self {
    case .request, .defaultValue: (0, name)
    case .machine: (1, name)
    case .property: (2, name)
    case .reserve: (3, name)
    case .device: (4, name)
    }
  }
}

/// Why a value is limited.
package enum LimitReason: Equatable, Sendable {
  /// The host maps addresses of so many bits.
  case addressWidth(Int)
  /// The host maps pages of so many bytes only.
  case pageSize(UInt64)
  /// Assigned devices need caching mode.
  case cachingModeNeeded
  /// The unit has PASIDs of so many bits.
  case unitPASIDWidth(Int)
  /// The host lets the function use PASIDs of so many bits, 0 for none.
  case functionPASIDWidth(Int)
  /// The unit does not tell.
  case notTold
  case noSnoopControl
  case noDeviceTLB
  /// The backend has no HW_INFO.
  case legacyBackend
  /// The host's IOMMU is of another type, `IOMMU_HW_INFO_TYPE_*`.
  case otherIOMMUType(UInt32)
  case noScalableMode
  case noFirstStage
  case noNesting
  case noFirstStage1GiB
  case conventionalBridge
  /// Another property has a value that rules it out.
  case dependency(VIOMMUProperty, Int)
  /// Kept free for a device to come.
  case reserved
  /// The machine has no use for it.
  case machine

  /// The reason in a report, to be read after the limiter's name.
  package var text: String {
    switch self {
    case .addressWidth(let width): "maps addresses of \(width) bits"
    case .pageSize(let size): "maps in units of \(size) bytes"
    case .cachingModeNeeded: "needs caching-mode=on"
    case .unitPASIDWidth(0): "its IOMMU has no PASIDs"
    case .unitPASIDWidth(let width): "its IOMMU has PASIDs of \(width) bits"
    case .functionPASIDWidth(0): "the host reports no PASID width for it"
    case .functionPASIDWidth(let width): "the host reports a PASID width of \(width) bits for it"
    case .notTold: "its IOMMU does not tell"
    case .noSnoopControl: "its IOMMU has no snoop control"
    case .noDeviceTLB: "its IOMMU serves no device TLBs"
    case .legacyBackend: "is assigned without iommufd"
    case .otherIOMMUType(let type): "its IOMMU is of type \(type), not Intel VT-d"
    case .noScalableMode: "its IOMMU has no scalable mode"
    case .noFirstStage: "its IOMMU has no first stage"
    case .noNesting: "its IOMMU does not nest"
    case .noFirstStage1GiB: "its IOMMU has no first-stage pages of 1 GiB"
    case .conventionalBridge: "is behind a bridge to conventional PCI"
    case .dependency(let property, let value): property.assignment(value)
    case .reserved: "keeps room for a device to come"
    case .machine: "has no use for it"
    }
  }
}
