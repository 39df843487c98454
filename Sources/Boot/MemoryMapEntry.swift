/// A range of guest-physical addresses as a boot protocol reports it: Linux's e820 table, PVH's and
/// multiboot's memory map all use these type numbers.
package struct MemoryMapEntry: Equatable, Sendable {
  package enum Kind: UInt32, Sendable {
    case usable = 1
    case reserved = 2
    /// ACPI tables, usable once they are read.
    case reclaimable = 3
    /// ACPI memory that stays the firmware's.
    case nonVolatile = 4
  }

  package var range: Range<UInt64>
  package var kind: Kind

  package init(_ range: Range<UInt64>, _ kind: Kind) {
    self.range = range
    self.kind = kind
  }
}

extension [MemoryMapEntry] {
  /// Sorted and disjoint: each piece of RAM, of which there is at least 1 MiB, once, and what is
  /// reserved beside it.
  ///
  /// The legacy hole below 1 MiB is RAM on a machine without VGA, and reserved all the same, but for
  /// the ACPI tables in it.
  static func map(of platform: BootPlatform, tables: ACPITables?) -> [MemoryMapEntry] {
    let low = platform.memoryBelow4G
    let firmware = BootLayout.firmware
    var entries = [MemoryMapEntry(0..<firmware.lowerBound, .usable)]
    if let tables {
      entries += [
        MemoryMapEntry(firmware.lowerBound..<tables.tables.lowerBound, .reserved),
        MemoryMapEntry(tables.tables, .reclaimable),
        MemoryMapEntry(tables.controlStructure, .nonVolatile),
        MemoryMapEntry(tables.controlStructure.upperBound..<firmware.upperBound, .reserved),
      ]
    } else {
      entries.append(MemoryMapEntry(firmware, .reserved))
    }
    entries.append(MemoryMapEntry(firmware.upperBound..<low, .usable))
    entries += platform.reserved.map { MemoryMapEntry($0, .reserved) }
    if let window = platform.acpi?.configWindow {
      entries.append(MemoryMapEntry(window, .reserved))
    }
    let high: UInt64 = 1 << 32
    entries.append(MemoryMapEntry(high..<(high + platform.memoryAbove4G), .usable))
    return entries.filter { !$0.range.isEmpty }
      .sorted { $0.range.lowerBound < $1.range.lowerBound }
  }
}
