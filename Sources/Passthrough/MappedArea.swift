internal import HostKernel
internal import SystemPackage
internal import VFIO

/// One mapped part of a BAR, with the dma-buf by which other devices reach it where the kernel can
/// export one.
final class MappedArea {
  let area: RegionInfo.Area
  private let mapping: HostMapping
  private var buffer: HostDescriptor?

  /// Maps the part at an address aligned to its size, 1 GiB at most. Throws as `mmap(2)`.
  init(_ area: RegionInfo.Area, of region: RegionInfo, of device: VFIODevice) throws(Errno) {
    let alignment = min(UInt64(1) << 30, area.size.roundedUpToPowerOfTwo)
    self.area = area
    mapping = try device.map(region, area, alignment: Int(alignment))
  }

  /// The first address of the mapping in this process.
  var address: UInt { mapping.address }

  /// The dma-buf's descriptor, if there is one.
  var bufferNumber: Int32? { buffer?.rawValue }

  /// Exports the part as a dma-buf. Throws `ENOTTY` when the kernel cannot.
  func export(region index: Int, of device: VFIODevice) throws(Errno) {
    buffer = try device.exportDMABuffer(region: index, [area])
  }
}

extension UInt64 {
  /// The smallest power of two that is not less; 2^63 at most.
  var roundedUpToPowerOfTwo: UInt64 {
    guard self > 1 else { return 1 }
    let shift = 64 - (self - 1).leadingZeroBitCount
    return 1 << UInt64(Swift.min(shift, 63))
  }
}
