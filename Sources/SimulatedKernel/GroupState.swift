internal import SystemPackage

/// One IOMMU group: who owns its DMA, who has its node open, and what translates it.
///
/// The three are independent of each other and none is derived from another.
final class GroupState {
  let number: UInt32
  let iommu: HostIOMMU
  var ownership = DMAOwnership()
  /// The open file of the group node, until its last device file is closed.
  var openFile: VFIOGroupFile?
  /// How many device files of members are bound through their own node.
  var boundCount = 0
  /// By PASID, 0 being the requester ID: what translates the group and whose claim that is.
  var attachments: [UInt32: GroupAttachment] = [:]

  /// A member with ATS is being reset, so the translation cannot change.
  var isBlockedByReset = false

  /// Whether VFIO made the group itself, for a function that no IOMMU covers.
  var isArtificial: Bool { iommu.kind == .absent }

  /// The node below `/dev/vfio`.
  var node: String { isArtificial ? "noiommu-\(number)" : "\(number)" }

  init(number: UInt32, iommu: HostIOMMU) {
    self.number = number
    self.iommu = iommu
  }
}

/// Who may use DMA of a group: nobody in particular, the kernel's own drivers, or one user.
struct DMAOwnership {
  private(set) var owner: ObjectIdentifier?
  private var count = 0

  /// Takes ownership, or one more share of it. `EPERM` when another user or a driver has it.
  mutating func claim(for user: AnyObject, whileDriversUseIt: Bool) throws(Errno) {
    if let owner {
      guard owner == ObjectIdentifier(user) else { throw .eperm }
    } else if whileDriversUseIt {
      throw .eperm
    }
    owner = ObjectIdentifier(user)
    count += 1
  }

  /// Gives one share back.
  mutating func release() {
    count -= 1
    if count <= 0 {
      count = 0
      owner = nil
    }
  }

  func isOwned(by user: AnyObject) -> Bool { owner == ObjectIdentifier(user) }
}

/// What translates a group for one PASID, and the devices that asked for it.
struct GroupAttachment {
  var table: PageTable
  var devices: [BoundDevice]
}
