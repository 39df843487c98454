internal import CLinux
package import PCI

/// The functions that a hot reset would reset, in bus order, the asking one included.
///
/// Which kind of identifier the kernel gives depends on how the asking function was opened; the two
/// are different types here, so that a group number is never taken for a device id.
package enum HotResetInfo: Sendable, Equatable {
  /// Opened through a group: each function with its IOMMU group.
  case groups([Dependent<GroupID>])
  /// Opened through a cdev: each function with its device id, and whether all are owned by the
  /// asking iommufd context.
  case devices([Dependent<DeviceID>], areAllOwned: Bool)

  /// One function of the set.
  package struct Dependent<Identifier: Sendable & Equatable>: Sendable, Equatable {
    /// Where the host has it.
    package let address: PCIAddress
    package let identifier: Identifier

    package init(address: PCIAddress, identifier: Identifier) {
      self.address = address
      self.identifier = identifier
    }
  }

  /// The number of an IOMMU group.
  package struct GroupID: Sendable, Equatable, Hashable {
    package let number: UInt32

    package init(number: UInt32) { self.number = number }
  }

  /// What iommufd says of a function in the set.
  package enum DeviceID: Sendable, Equatable {
    /// Opened in the asking context under this id.
    case opened(UInt32)
    /// Not opened, but its group belongs to the asking context (0).
    case ownedByGroup
    /// Not owned by the asking context (-1).
    case notOwned

    /// The number as the kernel gives it and traces print it.
    package var rawValue: Int32 {
      switch self {
      case .opened(let id): Int32(bitPattern: id)
      case .ownedByGroup: VFIO_PCI_DEVID_OWNED
      case .notOwned: VFIO_PCI_DEVID_NOT_OWNED
      }
    }

    package init(rawValue: UInt32) {
      switch Int32(bitPattern: rawValue) {
      case VFIO_PCI_DEVID_OWNED: self = .ownedByGroup
      case VFIO_PCI_DEVID_NOT_OWNED: self = .notOwned
      default: self = .opened(rawValue)
      }
    }
  }

  /// A set cannot be larger than what one bus number space can hold several times over.
  static let largestCount = 65536

  /// Decodes the kernel's answer; entries that do not fit in the bytes are left out.
  init(_ argument: ArgumentBytes) {
    let header =
      argument.load(vfio_pci_hot_reset_info.self, at: 0)
      ?? vfio_pci_hot_reset_info(argsz: 0, flags: 0, count: 0)
    var entries: [vfio_pci_dependent_device] = []
    var offset = MemoryLayout<vfio_pci_hot_reset_info>.size
    for _ in 0..<header.count {
      guard let entry = argument.load(vfio_pci_dependent_device.self, at: offset) else { break }
      entries.append(entry)
      offset += MemoryLayout<vfio_pci_dependent_device>.size
    }
    if header.flags & UInt32(VFIO_PCI_HOT_RESET_FLAG_DEV_ID) != 0 {
      self = .devices(
        entries.map { entry in
          Dependent(
            address: PCIAddress(domain: entry.segment, bus: entry.bus, devfn: entry.devfn),
            identifier: DeviceID(rawValue: entry.devid))
        },
        areAllOwned: header.flags & UInt32(VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED) != 0)
    } else {
      self = .groups(
        entries.map { entry in
          Dependent(
            address: PCIAddress(domain: entry.segment, bus: entry.bus, devfn: entry.devfn),
            identifier: GroupID(number: entry.devid))
        })
    }
  }
}
