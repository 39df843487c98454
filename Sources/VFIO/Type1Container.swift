internal import CLinux
internal import HostKernel
package import SystemPackage

/// A VFIO container with the type1 IOMMU backend (`/dev/vfio/vfio`).
///
/// Used under the machine lock.
package final class Type1Container: DMAContainer {
  private let descriptor: HostDescriptor
  /// The group that the container was made for.
  private let firstGroup: Int

  init(openingFor group: Int, on kernel: any HostKernel) throws(Errno) {
    descriptor = try HostDescriptor(opening: "/dev/vfio/vfio", .readWrite, on: kernel)
    firstGroup = group
  }

  var descriptorNumber: Int32 { descriptor.rawValue }
  package var backend: AssignmentError.Backend { .group(firstGroup) }

  /// The ABI version, 0 today (`VFIO_GET_API_VERSION`).
  func version() throws(Errno) -> Int32 { try descriptor.control(VFIO_GET_API_VERSION) }

  /// The best IOMMU type that the kernel has: type1 version 2, then version 1, or nil
  /// (`VFIO_CHECK_EXTENSION`).
  func bestType() throws(Errno) -> Int32? {
    for type in [VFIO_TYPE1v2_IOMMU, VFIO_TYPE1_IOMMU]
    where try descriptor.control(VFIO_CHECK_EXTENSION, value: UInt(type)) > 0 {
      return type
    }
    return nil
  }

  /// Chooses the IOMMU backend once a group has joined (`VFIO_SET_IOMMU`).
  func setIOMMU(_ type: Int32) throws(Errno) {
    try descriptor.control(VFIO_SET_IOMMU, value: UInt(type))
  }

  package func map(
    iova: UInt64, size: UInt64, address: UInt, isReadOnly: Bool, file: (Int32, UInt64)?
  ) throws(Errno) {
    do throws(Errno) {
      try mapOnce(iova: iova, size: size, address: address, isReadOnly: isReadOnly)
    } catch .resourceBusy {
      // A stale mapping in the way: remove it and try again, as QEMU does.
      try unmap(iova: iova, size: size)
      try mapOnce(iova: iova, size: size, address: address, isReadOnly: isReadOnly)
    }
  }

  private func mapOnce(
    iova: UInt64, size: UInt64, address: UInt, isReadOnly: Bool
  ) throws(Errno) {
    var argument = vfio_iommu_type1_dma_map()
    argument.argsz = UInt32(MemoryLayout<vfio_iommu_type1_dma_map>.size)
    argument.flags = UInt32(
      VFIO_DMA_MAP_FLAG_READ | (isReadOnly ? 0 : VFIO_DMA_MAP_FLAG_WRITE))
    argument.vaddr = UInt64(address)
    argument.iova = iova
    argument.size = size
    try descriptor.control(VFIO_IOMMU_MAP_DMA, on: &argument)
  }

  package func unmap(iova: UInt64, size: UInt64) throws(Errno) {
    var argument = vfio_iommu_type1_dma_unmap()
    argument.argsz = UInt32(MemoryLayout<vfio_iommu_type1_dma_unmap>.size)
    argument.iova = iova
    argument.size = size
    try descriptor.control(VFIO_IOMMU_UNMAP_DMA, on: &argument)
  }
}
