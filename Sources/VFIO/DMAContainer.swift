package import SystemPackage

/// An I/O address space that guest memory is mapped into: a type1 container or an IOAS.
///
/// Used under the machine lock.
package protocol DMAContainer: AnyObject {
  /// The kernel interface behind it, for messages.
  var backend: AssignmentError.Backend { get }

  /// Maps memory of this process at an I/O virtual address; all in bytes, page aligned. `file` names
  /// the same memory by descriptor and offset where there is one, for iommufd.
  func map(
    iova: UInt64, size: UInt64, address: UInt, isReadOnly: Bool, file: (Int32, UInt64)?
  ) throws(Errno)

  /// Removes what was mapped in a range; a range without mappings is no error.
  func unmap(iova: UInt64, size: UInt64) throws(Errno)
}

/// What an attach needs of the machine: the KVM VFIO device and the guest's memory map.
package protocol AttachmentHost: AnyObject {
  /// Tells KVM of a group or device file (`KVM_DEV_VFIO_FILE_ADD`).
  func addFile(_ descriptor: Int32) throws(Errno)
  /// Takes it back (`KVM_DEV_VFIO_FILE_DEL`).
  func removeFile(_ descriptor: Int32)
  /// Maps all guest memory into a new container and keeps it up to date from then on.
  func connect(_ container: any DMAContainer) throws(AssignmentError.Failure)
  /// Unmaps all guest memory from a container and forgets it.
  func disconnect(_ container: any DMAContainer)
}
