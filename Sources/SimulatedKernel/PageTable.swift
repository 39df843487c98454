/// A hardware page table object (HWPT) of an iommufd context: the translation of one IOAS for
/// devices behind one IOMMU.
final class PageTable {
  let identifier: UInt32
  /// Owns the page table together with the context, and cannot be destroyed before it.
  unowned let ioas: IOAS
  let iommu: HostIOMMU
  /// Made by an attach to an IOAS; it goes with its last attachment and is found through its IOAS.
  let isAutomatic: Bool
  /// `IOMMU_HWPT_ALLOC` flags it was made with.
  let flags: UInt32
  /// Where page requests of its devices go; nil when it takes none.
  var faults: FaultQueue?
  /// How many (device, PASID) pairs are attached.
  var attachmentCount = 0

  init(identifier: UInt32, ioas: IOAS, iommu: HostIOMMU, isAutomatic: Bool, flags: UInt32) {
    self.identifier = identifier
    self.ioas = ioas
    self.iommu = iommu
    self.isAutomatic = isAutomatic
    self.flags = flags
  }

  /// The smallest page.
  var pageSize: UInt64 { 1 << UInt64(iommu.pageSizes.trailingZeroBitCount) }

  /// Addresses that the page table cannot hold; nil when it holds all.
  var outsideAperture: ClosedRange<UInt64>? {
    iommu.lastAddress == .max ? nil : (iommu.lastAddress + 1)...(.max)
  }
}

/// A device bound to an iommufd context: the context's object of kind DEVICE.
final class BoundDevice {
  let identifier: UInt32
  let device: VFIODevice
  let context: IOMMUFDContext
  /// Attached as PASID 0, which is the requester ID under another name: only a detach of that PASID
  /// ends it.
  var isAttachedAsPASIDZero = false

  init(identifier: UInt32, device: VFIODevice, context: IOMMUFDContext) {
    self.identifier = identifier
    self.device = device
    self.context = context
  }

  var group: GroupState { device.function.group }

  /// Whether the device's own requester ID has a claim on what translates its group.
  var hasAttachment: Bool {
    group.attachments[0]?.devices.contains { $0 === self } ?? false
  }
}
