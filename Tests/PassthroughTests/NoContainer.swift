import SystemPackage
import VFIO

/// An I/O address space that takes nothing.
final class NoContainer: DMAContainer {
  var backend: AssignmentError.Backend { .iommufd }

  func map(
    iova: UInt64, size: UInt64, address: UInt, isReadOnly: Bool, file: (Int32, UInt64)?
  ) throws(Errno) { throw .badAddress }

  func unmap(iova: UInt64, size: UInt64) throws(Errno) { throw .badAddress }
}
