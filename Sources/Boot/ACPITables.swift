/// The ACPI tables of a machine without firmware, laid out for one guest-physical address: the root
/// pointer first, the firmware control structure on a page of its own at the end.
package struct ACPITables: Sendable {
  /// All tables, from `tables.lowerBound` on.
  package let bytes: [UInt8]
  /// What a guest may use as memory when it has read it: whole pages.
  package let tables: Range<UInt64>
  /// The page of the firmware control structure, which stays in use.
  package let controlStructure: Range<UInt64>

  /// All that the tables take.
  package var range: Range<UInt64> { tables.lowerBound..<controlStructure.upperBound }

  /// Where the root pointer is, for protocols that hand it over.
  package var rootPointer: UInt64 { tables.lowerBound }

  /// Lays tables out from `address` below 4 GiB, a multiple of 4096.
  package init(_ description: ACPIDescription, at address: UInt64) {
    var bytes = [UInt8](repeating: 0, count: Self.rootPointerSize)
    /// Appends a whole table and says where it is.
    func place(_ table: [UInt8]) -> UInt64 {
      bytes.pad(to: 16)
      let place = address + UInt64(bytes.count)
      bytes.append(contentsOf: table)
      return place
    }
    func place(_ table: ACPITable) -> UInt64 { place(table.finished) }
    let differentiated = place(.differentiated(description))
    var roots = [
      place(.interruptControllers(description)), place(.configurationWindows(description)),
    ]
    for table in description.extraTables { roots.append(place(table)) }
    // The control structure's place is known once the tables that follow have their sizes.
    let rest =
      ACPITable.fixedSize + 2 * (ACPITable.headerSize + 8 * (roots.count + 1)) + 3 * 16
    let end = (address + UInt64(bytes.count + rest)).aligned(down: 4096) + 4096
    roots.insert(
      place(.fixed(description, differentiated: differentiated, controlStructure: end)), at: 0)
    var root = ACPITable("RSDT", revision: 1)
    for table in roots { root.append(UInt32(truncatingIfNeeded: table)) }
    var extendedRoot = ACPITable("XSDT", revision: 1)
    for table in roots { extendedRoot.append(table) }
    let pointer = Self.rootPointer(root: place(root), extendedRoot: place(extendedRoot))
    bytes.replaceSubrange(0..<pointer.count, with: pointer)
    bytes.pad(to: 4096)
    tables = address..<(address + UInt64(bytes.count))
    bytes.append(contentsOf: Self.controlStructureBytes)
    controlStructure = tables.upperBound..<(tables.upperBound + 4096)
    self.bytes = bytes
  }

  private static var rootPointerSize: Int { 64 }

  /// The root system description pointer (5.2.5.3).
  private static func rootPointer(root: UInt64, extendedRoot: UInt64) -> [UInt8] {
    var bytes = [UInt8]("RSD PTR ".utf8)
    bytes += [0]
    bytes += "SWVMM ".utf8
    bytes += [2]
    bytes.append(little: UInt32(truncatingIfNeeded: root))
    bytes.append(little: UInt32(36))
    bytes.append(little: extendedRoot)
    bytes += [0, 0, 0, 0]
    bytes[8] = ACPITable.checksum(bytes[..<20])
    bytes[32] = ACPITable.checksum(bytes)
    return bytes
  }

  /// The firmware ACPI control structure (5.2.10), which has no checksum.
  private static var controlStructureBytes: [UInt8] {
    var bytes = [UInt8]("FACS".utf8)
    bytes.append(little: UInt32(64))
    bytes += [UInt8](repeating: 0, count: 24)
    // Its version.
    bytes += [2]
    bytes.pad(to: 64)
    return bytes
  }
}
