internal import CLinux

/// A hardware page table object (HWPT) of an iommufd context: the translation of one IOAS for
/// devices behind one IOMMU, or one of the guest's on top of such a translation.
final class PageTable {
  /// What a nested page table lies on.
  struct Nesting {
    let parent: PageTable
    /// Made through it, and so only for devices that it knows; nil when made on the parent.
    let virtualIOMMU: VirtualIOMMU?
  }

  let identifier: UInt32
  /// Owns the page table, or its parent, together with the context, and cannot be destroyed before
  /// it.
  unowned let ioas: IOAS
  let iommu: HostIOMMU
  /// Made by an attach to an IOAS; it goes with its last attachment and is found through its IOAS.
  let isAutomatic: Bool
  /// `IOMMU_HWPT_ALLOC` flags it was made with.
  let flags: UInt32
  /// Nil for one that translates to memory of the host.
  let nesting: Nesting?
  /// What the mock IOMMU remembers of a nested one until an invalidation clears it.
  var mockEntries: [UInt32] = []
  /// Where page requests of its devices go; nil when it takes none.
  var faults: FaultQueue?
  /// How many (device, PASID) pairs are attached.
  var attachmentCount = 0
  /// How many nested page tables and virtual IOMMUs lie on it.
  var dependentCount = 0

  init(
    identifier: UInt32, ioas: IOAS, iommu: HostIOMMU, isAutomatic: Bool, flags: UInt32,
    nesting: Nesting? = nil
  ) {
    self.identifier = identifier
    self.ioas = ioas
    self.iommu = iommu
    self.isAutomatic = isAutomatic
    self.flags = flags
    self.nesting = nesting
  }

  /// Nested page tables and virtual IOMMUs may lie on it.
  var isNestParent: Bool { flags & UInt32(IOMMU_HWPT_ALLOC_NEST_PARENT) != 0 }

  /// The smallest page.
  var pageSize: UInt64 { 1 << UInt64(iommu.pageSizes.trailingZeroBitCount) }

  /// Addresses that the page table cannot hold, in ascending order.
  var outsideAperture: [ClosedRange<UInt64>] {
    let below = iommu.firstAddress == 0 ? [] : [0...(iommu.firstAddress - 1)]
    let above = iommu.lastAddress == .max ? [] : [(iommu.lastAddress + 1)...(.max)]
    return below + above
  }
}
