/// A file that holds the bytes of a region, for hosts that map DMA by file instead of by address.
package struct MemoryFile: Sendable, Equatable {
  /// A descriptor that outlives the region: a memfd, or a dma-buf of a BAR.
  package var descriptor: Int32
  /// Byte offset in the file of the region's first byte.
  package var offset: UInt64

  package init(descriptor: Int32, offset: UInt64 = 0) {
    self.descriptor = descriptor
    self.offset = offset
  }
}

/// What answers at the addresses of a region.
package enum MemoryKind {
  /// Memory of this process, alive for as long as the region is in an address space.
  case ram(hostAddress: UInt, isReadOnly: Bool = false, file: MemoryFile? = nil)
  /// A device's memory mapped into this process, such as a BAR: accesses keep their size.
  case deviceRAM(hostAddress: UInt, file: MemoryFile? = nil)
  /// Every access traps to a device.
  case io(any MemoryHandler)
  /// Nothing by itself, so that what lies below it shows through. Regions over it, offset from its
  /// first byte as over any region, show inside these guest addresses only: disjoint, ascending.
  /// Addresses are those of the whole space, also where one bus lies over another.
  case bus(windows: [ClosedRange<UInt64>])
}

/// A range of guest-physical addresses with one meaning, as it is placed in an `AddressSpace`.
package struct MemoryRegion {
  /// For messages and trace lines, for example `0000:81:00.0 BAR 0 mmaps[0]`.
  package var name: String
  /// First guest-physical address, or the offset in the parent for a region that lies over another.
  package var base: UInt64
  /// Length in bytes; a region of length 0 is nowhere. What lies beyond 2^64 is cut off.
  package var size: UInt64
  /// The highest priority wins where siblings overlap; among equals the one placed last.
  package var priority: Int
  package var kind: MemoryKind
  /// A disabled region is nowhere, nor is any region over it.
  package var isEnabled: Bool

  package init(
    name: String, base: UInt64, size: UInt64, priority: Int = 0, kind: MemoryKind,
    isEnabled: Bool = true
  ) {
    self.name = name
    self.base = base
    self.size = size
    self.priority = priority
    self.kind = kind
    self.isEnabled = isEnabled
  }
}

/// Names a region of one address space; never reused by it.
package struct RegionID: Hashable, Sendable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A region together with its place among the others.
package struct PlacedRegion {
  package var id: RegionID
  /// The region that this one lies over and moves with, or nil at the top.
  package var parent: RegionID?
  /// Grows each time a region is added or moved; decides between siblings of equal priority.
  package var order: UInt64
  package var region: MemoryRegion

  package init(id: RegionID, parent: RegionID? = nil, order: UInt64, region: MemoryRegion) {
    self.id = id
    self.parent = parent
    self.order = order
    self.region = region
  }
}
