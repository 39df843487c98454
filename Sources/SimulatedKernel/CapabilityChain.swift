internal import CLinux
internal import SystemPackage

/// A VFIO info capability chain, laid out behind a structure's fixed part (2.1 of the contract).
struct CapabilityChain {
  /// One capability: identifier, version 1, and what follows the 8-byte header.
  struct Entry {
    var identifier: Int32
    var body: [UInt8]
  }

  private let entries: [Entry]

  init(_ entries: [Entry]) { self.entries = entries }

  var isEmpty: Bool { entries.isEmpty }

  /// The chain's bytes when it starts at `offset` of the structure; each entry is padded to 8 bytes.
  func bytes(at offset: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    for (index, entry) in entries.enumerated() {
      let padding = (8 - entry.body.count % 8) % 8
      let end = offset + bytes.count + 8 + entry.body.count + padding
      let header = vfio_info_cap_header(
        id: UInt16(entry.identifier), version: 1,
        next: index + 1 < entries.count ? UInt32(end) : 0)
      bytes += UserMemory.bytes(of: header) + entry.body
      bytes += [UInt8](repeating: 0, count: padding)
    }
    return bytes
  }

  static func ranges(_ ranges: [ClosedRange<UInt64>]) -> Entry {
    var body = UserMemory.bytes(of: UInt32(ranges.count)) + [0, 0, 0, 0]
    for range in ranges {
      body += UserMemory.bytes(of: range.lowerBound) + UserMemory.bytes(of: range.upperBound)
    }
    return Entry(identifier: VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, body: body)
  }

  static func availableDMA(_ count: UInt32) -> Entry {
    Entry(identifier: VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, body: UserMemory.bytes(of: count))
  }

  static func migration(pageSizes: UInt64) -> Entry {
    let body =
      [UInt8](repeating: 0, count: 8) + UserMemory.bytes(of: pageSizes)
      + UserMemory.bytes(of: UInt64(1) << 31 / 8)
    return Entry(identifier: VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, body: body)
  }

  /// Answers `VFIO_IOMMU_GET_INFO` in an argument of `size` bytes, of which at least 16 are there.
  func answerIOMMUInfo(
    pageSizes: UInt64, size: Int, always: Bool, in argument: inout UserArgument
  ) throws(Errno) {
    let fixed = MemoryLayout<vfio_iommu_type1_info>.size
    var info = vfio_iommu_type1_info()
    info.flags = UInt32(VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS)
    info.iova_pgsizes = pageSizes
    let chain = bytes(at: fixed)
    info.argsz = UInt32(fixed + chain.count)
    if size >= fixed + chain.count {
      info.cap_offset = UInt32(fixed)
      if !always { info.argsz = UInt32(size) }
      try argument.store(chain, at: fixed)
    }
    try argument.store(info, count: min(size, fixed))
  }
}
