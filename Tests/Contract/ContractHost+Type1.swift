internal import CLinux
internal import HostKernel
internal import SystemPackage

/// Container commands, on a native container or on an iommufd in its place.
extension ContractHost {
  /// A container with one group and a backend, 3 for version 2 of type1 and 1 for version 1.
  struct Container {
    var container: Int32
    var group: Int32
  }

  func type1(_ fixture: Fixture = .n, version: UInt = 3) throws -> Container {
    let container = try container()
    return Container(
      container: container,
      group: try usableGroup(fixture, container: container, backend: version))
  }

  func mapDMA(
    _ container: Int32, _ address: UInt64, at iova: UInt64, size: UInt64 = 4096,
    flags: Int32 = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE
  ) throws(Errno) {
    var command = vfio_iommu_type1_dma_map(
      argsz: 32, flags: UInt32(flags), vaddr: address, iova: iova, size: size)
    try kernel.control(container, UInt(VFIO_IOMMU_MAP_DMA), on: &command)
  }

  /// The errno of `VFIO_IOMMU_UNMAP_DMA`, if any, and the size that the structure then says.
  struct Unmapped: Equatable {
    var size: UInt64
    var failure: Errno?

    init(_ size: UInt64, _ failure: Errno? = nil) {
      self.size = size
      self.failure = failure
    }
  }

  func unmapDMA(
    _ container: Int32, at iova: UInt64, size: UInt64, flags: Int32 = 0
  ) -> Unmapped {
    var bytes = Self.bytes([
      24, UInt32(flags), UInt32(truncatingIfNeeded: iova), UInt32(iova >> 32),
      UInt32(truncatingIfNeeded: size), UInt32(size >> 32),
    ])
    var failure: Errno?
    do throws(Errno) {
      try call(container, VFIO_IOMMU_UNMAP_DMA, &bytes)
    } catch {
      failure = error
    }
    let words = Self.words(bytes)
    return Unmapped(UInt64(words[4]) | UInt64(words[5]) << 32, failure)
  }

  /// `VFIO_IOMMU_GET_INFO` with room for `size` bytes, at least 24.
  func iommuInfo(_ container: Int32, size: Int) throws(Errno) -> [UInt32] {
    try call(
      container, VFIO_IOMMU_GET_INFO,
      [UInt32(size)] + [UInt32](repeating: 0, count: size / 4 - 1))
  }

  /// The identifiers of the capabilities behind an information structure, in order.
  static func capabilities(_ words: [UInt32], from offset: UInt32) -> [(id: UInt16, at: Int)] {
    var list: [(id: UInt16, at: Int)] = []
    var next = Int(offset)
    while next > 0, next % 4 == 0, next / 4 + 1 < words.count, list.count < 8 {
      list.append((UInt16(truncatingIfNeeded: words[next / 4]), next / 4))
      next = Int(words[next / 4 + 1])
    }
    return list
  }
}
