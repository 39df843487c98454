/// The header of a multiboot 1 image (specification 0.6.96, 3.1): three words within the first 8 KiB,
/// and for an image that is no ELF file the addresses to load it at.
struct MultibootHeader {
  /// Byte offset of the header in the file.
  let offset: Int
  let flags: UInt32

  /// How much of a file is searched.
  static let searchedBytes = 8192

  /// Finds the header in a file's first bytes; nil when there is none.
  init?(findingIn head: [UInt8]) {
    for offset in stride(from: 0, to: min(head.count, Self.searchedBytes), by: 4) {
      guard let magic = head.load(UInt32.self, at: offset),
        let flags = head.load(UInt32.self, at: offset + 4),
        let checksum = head.load(UInt32.self, at: offset + 8)
      else { return nil }
      if magic == 0x1bad_b002, magic &+ flags &+ checksum == 0 {
        self.offset = offset
        self.flags = flags
        return
      }
    }
    return nil
  }

  /// Whether the header says where the image is loaded; otherwise ELF headers do.
  var hasAddresses: Bool { flags & 1 << 16 != 0 }

  /// Where an image that is no ELF file is loaded.
  struct Placement {
    let address: UInt32
    let fileOffset: UInt64
    let fileCount: UInt64
    let memoryCount: UInt64
    let entry: UInt32
  }

  /// Reads the addresses and checks them against each other and the file.
  func placement(_ head: [UInt8], of image: any BootSource) throws(BootError) -> Placement {
    func invalid(_ fault: BootError.MultibootFault) -> BootError {
      BootError(image.path, .invalidMultiboot(fault))
    }
    guard let header = head.load(UInt32.self, at: offset + 12),
      let load = head.load(UInt32.self, at: offset + 16),
      let loadEnd = head.load(UInt32.self, at: offset + 20),
      let bssEnd = head.load(UInt32.self, at: offset + 24),
      let entry = head.load(UInt32.self, at: offset + 28)
    else { throw invalid(.truncated) }
    guard load <= header else { throw invalid(.loadAddress) }
    guard UInt64(header - load) <= UInt64(offset) else { throw invalid(.headerAddress) }
    let fileOffset = UInt64(offset) - UInt64(header - load)
    guard loadEnd == 0 || loadEnd > load else { throw invalid(.loadEndAddress) }
    let fileCount = loadEnd == 0 ? image.size - fileOffset : UInt64(loadEnd - load)
    guard fileCount <= image.size - fileOffset else {
      throw BootError(image.path, .endsEarly(needed: fileOffset + fileCount, size: image.size))
    }
    guard bssEnd == 0 || UInt64(bssEnd) >= UInt64(load) + fileCount else {
      throw invalid(.bssEndAddress)
    }
    let memoryCount = bssEnd == 0 ? fileCount : UInt64(bssEnd - load)
    guard entry >= load, UInt64(entry - load) < memoryCount else { throw invalid(.entryAddress) }
    return Placement(
      address: load, fileOffset: fileOffset, fileCount: fileCount, memoryCount: memoryCount,
      entry: entry)
  }
}
