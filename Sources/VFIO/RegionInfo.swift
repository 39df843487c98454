internal import CLinux

/// What VFIO says of one region of a function.
package struct RegionInfo: Sendable, Equatable {
  /// A part of a region: offset from its start and size, both in bytes.
  package struct Area: Sendable, Equatable {
    package var offset: UInt64
    package var size: UInt64

    package init(offset: UInt64, size: UInt64) {
      self.offset = offset
      self.size = size
    }

    /// The last offset that belongs to the area.
    package var last: UInt64 { offset &+ (size &- 1) }
  }

  /// The `VFIO_REGION_INFO_FLAG_*` bits as reported.
  package let flags: UInt32
  package let size: UInt64
  /// Where the region starts in the device descriptor.
  package let fileOffset: UInt64
  /// Areas that may be mapped when not all of the region may; nil without the capability.
  package let sparseAreas: [Area]?
  /// Whether the pages of the MSI-X table may be mapped too.
  package let isMSIXMappable: Bool

  /// No kernel's chain is longer; a larger `argsz` is not believed.
  static let largestArgument = 65536

  package var isReadable: Bool { flags & UInt32(VFIO_REGION_INFO_FLAG_READ) != 0 }
  package var isWritable: Bool { flags & UInt32(VFIO_REGION_INFO_FLAG_WRITE) != 0 }
  package var isMappable: Bool { flags & UInt32(VFIO_REGION_INFO_FLAG_MMAP) != 0 }

  init(_ info: vfio_region_info, _ argument: ArgumentBytes) {
    flags = info.flags
    size = info.size
    fileOffset = info.offset
    var areas: [Area]?
    var isMSIXMappable = false
    let hasChain = info.flags & UInt32(VFIO_REGION_INFO_FLAG_CAPS) != 0
    for capability in hasChain ? InfoCapability.walk(argument, from: info.cap_offset) : [] {
      switch Int32(capability.id) {
      case VFIO_REGION_INFO_CAP_SPARSE_MMAP:
        areas = Self.areas(argument, at: capability.offset)
      case VFIO_REGION_INFO_CAP_MSIX_MAPPABLE:
        isMSIXMappable = true
      default:
        break
      }
    }
    sparseAreas = areas
    self.isMSIXMappable = isMSIXMappable
  }

  /// The areas of a sparse-mmap capability: header, count, reserved word, then offset and size pairs.
  private static func areas(_ argument: ArgumentBytes, at offset: Int) -> [Area] {
    let header = MemoryLayout<vfio_info_cap_header>.size
    guard let count = argument.load(UInt32.self, at: offset + header) else { return [] }
    let stride = MemoryLayout<vfio_region_sparse_mmap_area>.size
    var found: [Area] = []
    var place = offset + header + 8
    for _ in 0..<count {
      guard let area = argument.load(vfio_region_sparse_mmap_area.self, at: place) else { break }
      found.append(Area(offset: area.offset, size: area.size))
      place += stride
    }
    return found
  }
}

/// What VFIO says of one interrupt index.
package struct InterruptInfo: Sendable, Equatable {
  package let count: UInt32
  /// Whether the set of vectors must be torn down to change its size.
  package let isNotResizable: Bool
}
