package import SystemPackage

/// One IOAS of an iommufd object, with the page tables that devices were attached to.
///
/// Used under the machine lock.
package final class IOMMUFDContainer: DMAContainer {
  let object: IOMMUFDObject
  let ioas: UInt32
  /// Newest first.
  var pageTables: [PageTable] = []

  /// More than one device or PASID is attached.
  var isShared: Bool { pageTables.map(\.users).reduce(0, +) > 1 }

  struct PageTable {
    let id: UInt32
    /// How many devices and PASIDs are attached.
    var users = 1
    /// Made with `IOMMU_HWPT_ALLOC_PASID`.
    let allowsPASIDs: Bool
  }

  init(object: IOMMUFDObject, ioas: UInt32) {
    self.object = object
    self.ioas = ioas
  }

  package var backend: AssignmentError.Backend { .iommufd }

  package func map(
    iova: UInt64, size: UInt64, address: UInt, isReadOnly: Bool, file: (Int32, UInt64)?
  ) throws(Errno) {
    if let (descriptor, start) = file {
      try object.mapFile(
        ioas: ioas, iova: iova, size: size, descriptor: descriptor, start: start,
        isReadOnly: isReadOnly)
    } else {
      try object.map(
        ioas: ioas, iova: iova, size: size, address: address, isReadOnly: isReadOnly)
    }
  }

  package func unmap(iova: UInt64, size: UInt64) throws(Errno) {
    try object.unmap(ioas: ioas, iova: iova, size: size)
  }
}
