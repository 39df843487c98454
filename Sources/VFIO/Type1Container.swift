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

  /// Asks for the addresses that can be mapped (`VFIO_IOMMU_GET_INFO`); without ranges for a kernel
  /// that does not tell them.
  func iovaRanges() throws(Errno) -> IOVARanges {
    var request = vfio_iommu_type1_info()
    let fixed = MemoryLayout<vfio_iommu_type1_info>.size
    request.argsz = UInt32(fixed)
    var argument = ArgumentBytes(request)
    try descriptor.control(VFIO_IOMMU_GET_INFO, on: &argument.bytes)
    guard var info = argument.load(vfio_iommu_type1_info.self, at: 0) else {
      throw .invalidArgument
    }
    let needed = Int(info.argsz)
    if needed > fixed, needed <= RegionInfo.largestArgument {
      request.argsz = info.argsz
      argument = ArgumentBytes(request, trailing: needed - fixed)
      try descriptor.control(VFIO_IOMMU_GET_INFO, on: &argument.bytes)
      info = argument.load(vfio_iommu_type1_info.self, at: 0) ?? info
    }
    let isTold = info.flags & UInt32(VFIO_IOMMU_INFO_CAPS) != 0
    let list = InfoCapability.walk(argument, from: isTold ? info.cap_offset : 0).first {
      $0.id == UInt16(VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
    }
    let sizes = info.flags & UInt32(VFIO_IOMMU_INFO_PGSIZES) != 0 ? info.iova_pgsizes : 0
    return IOVARanges(
      ranges: list.map { Self.ranges(at: $0.offset, in: argument) } ?? [],
      alignment: sizes == 0 ? 4096 : 1 << UInt64(sizes.trailingZeroBitCount))
  }

  /// A count, padding, then pairs of addresses, behind the header of a capability.
  private static func ranges(at offset: Int, in argument: ArgumentBytes) -> [ClosedRange<UInt64>] {
    let count = Int(argument.load(UInt32.self, at: offset + 8) ?? 0)
    let start = offset + 16
    return (0..<min(count, (argument.bytes.count - start) / 16)).compactMap { index in
      guard let first = argument.load(UInt64.self, at: start + 16 * index),
        let last = argument.load(UInt64.self, at: start + 16 * index + 8), first <= last
      else { return nil }
      return first...last
    }
  }
}
