/// A visible piece of a region: what a guest finds at these addresses.
package struct MemorySection {
  package let region: RegionID
  package let name: String
  /// First guest-physical address.
  package let start: UInt64
  /// Last guest-physical address, inclusive, so that a section may end at 2^64 - 1.
  package let last: UInt64
  /// Byte offset in the region of the first address.
  package let offsetInRegion: UInt64
  package let kind: MemoryKind

  package init(
    region: RegionID, name: String, start: UInt64, last: UInt64, offsetInRegion: UInt64,
    kind: MemoryKind
  ) {
    self.region = region
    self.name = name
    self.start = start
    self.last = max(start, last)
    self.offsetInRegion = offsetInRegion
    self.kind = kind
  }

  /// Length in bytes; no section covers all 2^64 addresses.
  package var size: UInt64 { (last - start) &+ 1 }

  /// Whether guest memory or device memory of this process answers here.
  package var isRAM: Bool { hostAddress != nil }

  /// Whether a device's own memory answers here.
  package var isDeviceRAM: Bool {
    if case .deviceRAM = kind { true } else { false }
  }

  /// Whether writes are dropped.
  package var isReadOnly: Bool {
    if case .ram(_, let isReadOnly, _) = kind { isReadOnly } else { false }
  }

  /// Where the first byte is in this process, for memory of either kind.
  package var hostAddress: UInt? {
    switch kind {
    case .ram(let address, _, _), .deviceRAM(let address, _): address &+ UInt(offsetInRegion)
    case .io, .bus: nil
    }
  }

  /// The file behind the section with the offset of its first byte, if it has one.
  package var file: MemoryFile? {
    switch kind {
    case .ram(_, _, let file?), .deviceRAM(_, let file?):
      MemoryFile(descriptor: file.descriptor, offset: file.offset &+ offsetInRegion)
    case .ram, .deviceRAM, .io, .bus: nil
    }
  }

  /// Whether two sections are the same piece at the same place. Kind and name follow from the
  /// region, which is never reused.
  package func isSame(as other: MemorySection) -> Bool {
    region == other.region && start == other.start && last == other.last
      && offsetInRegion == other.offsetInRegion
  }
}
