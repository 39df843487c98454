internal import CLinux
internal import PCI
internal import SystemPackage

/// A device bound to an iommufd context: the context's object of kind DEVICE.
final class BoundDevice {
  enum Device {
    case function(VFIODevice)
    case mock(MockDevice)
  }

  let identifier: UInt32
  let device: Device
  let context: IOMMUFDContext
  /// What a virtual IOMMU calls it.
  var virtualDevice: VirtualDevice?
  /// Attached as PASID 0, which is the requester ID under another name: only a detach of that PASID
  /// ends it.
  var isAttachedAsPASIDZero = false

  init(identifier: UInt32, device: Device, context: IOMMUFDContext) {
    self.identifier = identifier
    self.device = device
    self.context = context
  }

  var group: GroupState {
    switch device {
    case .function(let device): device.function.group
    case .mock(let device): device.group
    }
  }

  /// How many PASIDs the device can use behind its IOMMU; 0 when either side has none.
  var pasidLimit: UInt32 {
    switch device {
    case .function(let device): device.function.pasidLimit
    case .mock(let device): device.pasidLimit
    }
  }

  /// Whether the device's own requester ID has a claim on what translates its group.
  var hasAttachment: Bool {
    group.attachments[0]?.devices.contains { $0 === self } ?? false
  }

  /// What the IOMMU driver and the core say to a translation by a page table: `EBUSY` while a function
  /// reset of a member has the group blocked, `ENODEV` for faults of a function that cannot report
  /// them, `ENOENT` for a page table of a virtual IOMMU that does not know the device, `EINVAL` for
  /// dirty tracking of a mock device without.
  func check(_ table: PageTable) throws(Errno) {
    guard !group.isBlockedByReset else { throw .ebusy }
    if let virtual = table.nesting?.virtualIOMMU {
      guard virtualDevice?.virtualIOMMU === virtual else { throw .enoent }
    }
    switch device {
    case .function(let device):
      if table.faults != nil, case .intel = table.iommu.kind,
        device.function.config.extendedCapability(.pri) == nil
      {
        throw .enodev
      }
    case .mock(let device):
      let tracksDirty = table.flags & UInt32(IOMMU_HWPT_ALLOC_DIRTY_TRACKING) != 0
      guard device.supportsDirtyTracking || !tracksDirty else { throw .einval }
    }
  }
}

extension FunctionState {
  /// How many PASIDs the function can use behind its IOMMU; 0 when either side has none.
  var pasidLimit: UInt32 {
    guard let offset = config.extendedCapability(.pasid) else { return 0 }
    let width = UInt32(config.word(at: offset + 4) >> 8 & 0x1F)
    return min(1 << min(width, 20), group.iommu.pasidLimit)
  }
}
