@testable import Boot

/// Images made for a test.
enum Images {
  /// A Linux image with a body of `bodyCount` bytes that count up.
  struct Linux {
    var version: UInt16 = 0x20f
    var setupSectors: UInt8 = 3
    var loadFlags: UInt8 = 1
    var diskLast: UInt32 = 0x7fff_ffff
    var alignment: UInt32 = 0x20_0000
    var isRelocatable: UInt8 = 1
    var extendedFlags: UInt16 = 0x7f
    var commandLineSize: UInt32 = 2047
    var preferredAddress: UInt64 = 0x100_0000
    var initSize: UInt32 = 0x40_0000
    var bodyCount = 0x400

    var bytes: [UInt8] {
      let setupCount = (setupSectors == 0 ? 5 : Int(setupSectors) + 1) * 512
      var bytes = [UInt8](repeating: 0, count: setupCount)
      bytes += (0..<bodyCount).map { UInt8(truncatingIfNeeded: $0) }
      bytes[0x1f1] = setupSectors
      bytes.store(little: UInt32(bodyCount / 16), at: 0x1f4)
      bytes[0x201] = 0x6a
      bytes.store(little: 0x5372_6448 as UInt32, at: 0x202)
      bytes.store(little: version, at: 0x206)
      bytes[0x211] = loadFlags
      bytes.store(little: diskLast, at: 0x22c)
      bytes.store(little: alignment, at: 0x230)
      bytes[0x234] = isRelocatable
      bytes.store(little: extendedFlags, at: 0x236)
      bytes.store(little: commandLineSize, at: 0x238)
      bytes.store(little: preferredAddress, at: 0x258)
      bytes.store(little: initSize, at: 0x260)
      return bytes
    }
  }

  /// A segment of an ELF image, loaded as `contents` with zeros behind.
  struct Segment {
    var physical: UInt64
    var virtual: UInt64
    var contents: [UInt8]
    var zeros: UInt64 = 0
  }

  /// An ELF image of executable segments, with a note if one is given.
  static func elf(
    is64Bit: Bool, entry: UInt64, _ segments: [Segment], note: (String, UInt32, [UInt8])? = nil
  ) -> [UInt8] {
    var note = note.map { noteBytes($0.0, $0.1, $0.2) }
    let headerSize = is64Bit ? 64 : 52
    let entrySize = is64Bit ? 56 : 32
    let count = segments.count + (note == nil ? 0 : 1)
    var offset = headerSize + entrySize * count
    var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, is64Bit ? 2 : 1, 1, 1]
    func word(_ value: UInt64) {
      if is64Bit { bytes.append(little: value) } else { bytes.append(little: UInt32(value)) }
    }
    bytes.pad(to: 16)
    bytes.append(little: UInt16(2))
    bytes.append(little: UInt16(is64Bit ? 62 : 3))
    bytes.append(little: UInt32(1))
    word(entry)
    word(UInt64(headerSize))
    word(0)
    bytes.append(little: UInt32(0))
    for field in [headerSize, entrySize, count, 0, 0, 0] { bytes.append(little: UInt16(field)) }
    var body: [UInt8] = []
    func header(_ type: UInt32, _ segment: Segment) {
      bytes.append(little: type)
      if is64Bit { bytes.append(little: UInt32(5)) }
      let size = UInt64(segment.contents.count)
      for field in [UInt64(offset), segment.virtual, segment.physical, size, size + segment.zeros] {
        word(field)
      }
      if !is64Bit { bytes.append(little: UInt32(5)) }
      word(0)
      body += segment.contents
      offset += segment.contents.count
    }
    if let contents = note.take() {
      header(4, Segment(physical: 0, virtual: 0, contents: contents))
    }
    for segment in segments { header(1, segment) }
    return bytes + body
  }

  private static func noteBytes(_ owner: String, _ type: UInt32, _ contents: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    // A note of somebody else in front.
    for field in [4, 2, 1] as [UInt32] { bytes.append(little: field) }
    bytes += [UInt8]("GNU".utf8) + [0, 1, 2, 0, 0]
    for field in [UInt32(owner.utf8.count + 1), UInt32(contents.count), type] {
      bytes.append(little: field)
    }
    bytes += [UInt8](owner.utf8) + [0]
    bytes.pad(to: 4)
    bytes += contents
    bytes.pad(to: 4)
    return bytes
  }

  /// A multiboot header, with load addresses if they are given.
  static func multibootHeader(flags: UInt32 = 0, _ addresses: [UInt32] = []) -> [UInt8] {
    let flags = flags | (addresses.isEmpty ? 0 : 1 << 16)
    var bytes: [UInt8] = []
    let magic: UInt32 = 0x1bad_b002
    for word in [magic, flags, 0 &- magic &- flags] + addresses { bytes.append(little: word) }
    return bytes
  }

  /// A PVH image at 1 MiB that starts 16 bytes in.
  static func pvh(is64Bit: Bool = true, note: (String, UInt32, [UInt8])? = nil) -> [UInt8] {
    var entry: [UInt8] = []
    entry.append(little: is64Bit ? 0x10_0010 as UInt64 : 0x10_0010)
    return elf(
      is64Bit: is64Bit, entry: is64Bit ? 0xffff_ffff_8010_0000 : 0xc010_0000,
      [
        Segment(
          physical: 0x10_0000, virtual: is64Bit ? 0xffff_ffff_8010_0000 : 0xc010_0000,
          contents: [UInt8](repeating: 0x90, count: 64), zeros: 8192)
      ], note: note ?? ("Xen", 18, is64Bit ? entry : Array(entry[..<4])))
  }
}
