/// The setup header of a Linux kernel image (Documentation/arch/x86/boot.rst), at byte 0x1f1 of the
/// file, checked.
struct LinuxHeader {
  /// `major << 8 | minor`.
  let version: UInt16
  /// The header's own bytes, from 0x1f1, as many as the image has of it.
  let bytes: [UInt8]
  /// Where the protected-mode kernel is in the file, and its length in bytes.
  let body: Range<UInt64>
  /// Where the kernel is loaded; the image does not move lower by itself.
  let loadAddress: UInt64
  /// Bytes from `loadAddress` that the kernel uses before it looks at the memory map.
  let memoryCount: UInt64
  /// Whether the image has an entry for 64-bit mode.
  let is64Bit: Bool
  /// The end of the addresses where the initial RAM disk may be.
  let diskEnd: UInt64
  /// Bytes that the command line may have, without the final zero.
  let commandLineLimit: Int

  /// Where the header is in the file and in the zero page.
  static let offset = 0x1f1

  /// Whether the bytes of a file's start have the header's magic number.
  static func isPresent(in head: [UInt8]) -> Bool {
    head.load(UInt32.self, at: 0x202) == 0x5372_6448
  }

  /// Reads and checks the header in the first bytes of `image`, which has the magic number.
  init(_ head: [UInt8], of image: any BootSource) throws(BootError) {
    func invalid(_ fault: BootError.LinuxHeaderFault) -> BootError {
      BootError(image.path, .invalidLinuxHeader(fault))
    }
    guard let version = head.load(UInt16.self, at: 0x206) else { throw invalid(.truncated) }
    guard version >= 0x20a else { throw BootError(image.path, .protocolTooOld(version: version)) }
    guard let setupSectors = head.load(UInt8.self, at: Self.offset),
      let systemSize = head.load(UInt32.self, at: 0x1f4),
      let jump = head.load(UInt8.self, at: 0x201),
      let loadFlags = head.load(UInt8.self, at: 0x211),
      let diskLast = head.load(UInt32.self, at: 0x22c),
      let alignment = head.load(UInt32.self, at: 0x230),
      let isRelocatable = head.load(UInt8.self, at: 0x234),
      let extendedFlags = head.load(UInt16.self, at: 0x236),
      let commandLineSize = head.load(UInt32.self, at: 0x238),
      let preferredAddress = head.load(UInt64.self, at: 0x258),
      let initSize = head.load(UInt32.self, at: 0x260)
    else { throw invalid(.truncated) }
    guard loadFlags & 1 != 0 else { throw invalid(.loadedLow) }

    let setupSize = (setupSectors == 0 ? 5 : UInt64(setupSectors) + 1) * 512
    guard setupSize < image.size else { throw invalid(.setupBeyondFile) }
    // The size is in units of 16 bytes, so that the last one may be cut.
    let needed = setupSize + (UInt64(systemSize) * 16).aligned(down: 32)
    guard image.size >= needed else {
      throw BootError(image.path, .endsEarly(needed: needed, size: image.size))
    }
    body = setupSize..<image.size

    var address = max(preferredAddress, BootLayout.highMemory)
    if isRelocatable != 0 {
      guard alignment.nonzeroBitCount == 1 else { throw invalid(.alignment(alignment)) }
      guard let aligned = address.aligned(up: UInt64(alignment)) else {
        throw invalid(.address(address))
      }
      address = aligned
    } else if address != preferredAddress {
      throw invalid(.address(preferredAddress))
    }
    loadAddress = address
    memoryCount = max(UInt64(initSize), image.size - setupSize)

    self.version = version
    let end = min(max(0x202 + Int(jump), 0x264), Self.offset + Self.longest, head.count)
    bytes = Array(head[Self.offset..<end])
    let hasExtendedFlags = version >= 0x20c
    is64Bit = hasExtendedFlags && extendedFlags & 1 != 0
    let isFree = hasExtendedFlags && extendedFlags & 2 != 0
    diskEnd = isFree ? 1 << 32 : UInt64(diskLast) + 1
    commandLineLimit = Int(commandLineSize)
  }

  /// The zero page's room for the header, up to the table of disks at 0x290.
  private static let longest = 0x290 - offset
}
