/// What a number in a trace line names.
package enum IdentifierKind: UInt8, Sendable, CaseIterable {
  /// A pointer into the process; any two are equal unless one is null.
  case pointer
  /// A file descriptor; any two are equal unless one is negative.
  case descriptor
  /// A device bound to an iommufd (`devid`, `dev_id`).
  case device
  /// An I/O address space (`ioas`, `ioasid`).
  case ioas
  /// A hardware page table (`out_hwpt`, `hwpt`).
  case pageTable
  /// A vIOMMU object.
  case viommu
  /// A virtual device of a vIOMMU.
  case virtualDevice
  /// An event queue of a vIOMMU.
  case eventQueue
  /// A hardware queue of a vIOMMU.
  case hardwareQueue
  /// An iommufd object of a kind that the line does not tell (`pt_id`, `to id`, `id`).
  case object

  /// The name in templates and reports.
  package var name: String {
    switch self {
    case .pointer: "pointer"
    case .descriptor: "fd"
    case .device: "devid"
    case .ioas: "ioas"
    case .pageTable: "hwpt"
    case .viommu: "viommu"
    case .virtualDevice: "vdev"
    case .eventQueue: "veventq"
    case .hardwareQueue: "queue"
    case .object: "object"
    }
  }

  /// Whether numbers of this kind must be renamed consistently; the others may differ freely.
  package var isRenamed: Bool { self != .pointer && self != .descriptor }

  /// The kinds that a number of kind `object` may really have. Devices are not among them: an iommufd
  /// device goes away with its cdev, and no event names one by a bare id.
  static let objectKinds: [IdentifierKind] = [
    .pageTable, .ioas, .viommu, .virtualDevice, .eventQueue, .hardwareQueue,
  ]
}
