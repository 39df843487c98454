internal import CLinux

/// One link of the capability chain that VFIO and type1 put after an info structure.
struct InfoCapability {
  let id: UInt16
  let version: UInt16
  /// Byte offset of the capability's header in the whole argument.
  let offset: Int

  /// Walks a chain; ends at the first link that points backwards or outside.
  static func walk(_ argument: ArgumentBytes, from first: UInt32) -> [InfoCapability] {
    var found: [InfoCapability] = []
    var offset = Int(first)
    while offset != 0, let header = argument.load(vfio_info_cap_header.self, at: offset) {
      found.append(InfoCapability(id: header.id, version: header.version, offset: offset))
      guard Int(header.next) > offset else { break }
      offset = Int(header.next)
    }
    return found
  }
}
