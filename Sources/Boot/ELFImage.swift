/// A little-endian ELF executable for x86, 32- or 64-bit, as far as a loader looks at it (System V
/// ABI, chapters 4 and 5), checked against the length of its file.
struct ELFImage {
  /// A `PT_LOAD` program header.
  struct Segment {
    let offset: UInt64
    let virtualAddress: UInt64
    let physicalAddress: UInt64
    let fileCount: UInt64
    let memoryCount: UInt64
    let isExecutable: Bool
  }

  let source: any BootSource
  let is64Bit: Bool
  /// `e_entry`, a virtual address.
  let entry: UInt64
  /// In the order of the file, none empty.
  let segments: [Segment]
  /// Where `PT_NOTE` segments are in the file.
  private let notes: [Range<UInt64>]

  /// More program headers than any kernel has.
  private static let mostHeaders = 256
  /// More bytes of notes than any kernel has.
  private static let mostNoteBytes: UInt64 = 1 << 20

  /// Whether a file's first bytes are those of ELF.
  static func isPresent(in head: [UInt8]) -> Bool {
    head.load(UInt32.self, at: 0) == 0x464c_457f
  }

  /// Whether a file's first bytes are those of ELF for the 64-bit machine.
  static func isFor64BitMachine(_ head: [UInt8]) -> Bool {
    isPresent(in: head) && head.load(UInt16.self, at: 18) == Self.machine64
  }

  private static let machine32: UInt16 = 3
  private static let machine64: UInt16 = 62

  /// Reads the headers.
  init(_ source: any BootSource) throws(BootError) {
    func invalid(_ fault: BootError.ELFFault) -> BootError {
      BootError(source.path, .invalidELF(fault))
    }
    let head = try source.head(64)
    guard head.count >= 52 else { throw invalid(.truncated) }
    let is64Bit = head[4] == 2
    guard let layout = Layout(is64Bit: is64Bit, head) else { throw invalid(.truncated) }
    guard head[5] == 1, layout.machine == Self.machine32 || layout.machine == Self.machine64 else {
      throw invalid(.machine(layout.machine))
    }
    guard layout.headerSize >= layout.smallestHeader, layout.headerCount <= Self.mostHeaders else {
      throw invalid(.programHeaders)
    }
    let table = try source.bytes(
      at: layout.tableOffset, count: layout.headerSize * layout.headerCount)

    var segments: [Segment] = []
    var notes: [Range<UInt64>] = []
    for index in 0..<layout.headerCount {
      let start = index * layout.headerSize
      guard let header = ProgramHeader(table, at: start, is64Bit: is64Bit) else {
        throw invalid(.programHeaders)
      }
      guard header.type == 1 || header.type == 4 else { continue }
      let segment = header.segment
      let (end, isBeyond) = segment.offset.addingReportingOverflow(segment.fileCount)
      guard !isBeyond, end <= source.size else {
        throw BootError(
          source.path, .endsEarly(needed: isBeyond ? .max : end, size: source.size))
      }
      if header.type == 4 {
        notes.append(segment.offset..<end)
      } else if segment.fileCount > segment.memoryCount {
        throw invalid(.segment(index))
      } else if segment.memoryCount > 0 {
        segments.append(segment)
      }
    }
    if segments.isEmpty { throw invalid(.nothingToLoad) }
    self.source = source
    self.is64Bit = is64Bit
    self.segments = segments
    self.notes = notes
    entry = layout.entry
  }

  /// The entry's physical address: that of the executable segment which holds it, if any does.
  var physicalEntry: UInt64 {
    for segment in segments
    where segment.isExecutable && entry >= segment.virtualAddress
      && entry - segment.virtualAddress < segment.fileCount
    {
      return entry &- segment.virtualAddress &+ segment.physicalAddress
    }
    return entry
  }

  /// The contents of a note; nil when there is none. Notes that make no sense end the search.
  func note(owner: String, type: UInt32) throws(BootError) -> [UInt8]? {
    let name = [UInt8](owner.utf8) + [0]
    for range in notes {
      let bytes = try source.bytes(
        at: range.lowerBound, count: Int(min(UInt64(range.count), Self.mostNoteBytes)))
      var offset = 0
      while let nameCount = bytes.load(UInt32.self, at: offset),
        let count = bytes.load(UInt32.self, at: offset + 4),
        let found = bytes.load(UInt32.self, at: offset + 8)
      {
        let nameStart = offset + 12
        let start = nameStart + (Int(nameCount) + 3) & ~3
        let end = start + Int(count)
        guard end <= bytes.count else { break }
        if found == type, bytes[nameStart..<(nameStart + Int(nameCount))].elementsEqual(name) {
          return Array(bytes[start..<end])
        }
        offset = (end + 3) & ~3
      }
    }
    return nil
  }
}

extension ELFImage {
  /// The fields of the ELF header that say where the rest is.
  private struct Layout {
    let machine: UInt16
    let entry: UInt64
    let tableOffset: UInt64
    let headerSize: Int
    let headerCount: Int
    let smallestHeader: Int

    init?(is64Bit: Bool, _ head: [UInt8]) {
      guard let machine = head.load(UInt16.self, at: 18),
        let entry = head.word(at: 24, is64Bit),
        let tableOffset = head.word(at: is64Bit ? 32 : 28, is64Bit),
        let size = head.load(UInt16.self, at: is64Bit ? 54 : 42),
        let count = head.load(UInt16.self, at: is64Bit ? 56 : 44)
      else { return nil }
      self.machine = machine
      self.entry = entry
      self.tableOffset = tableOffset
      headerSize = Int(size)
      headerCount = Int(count)
      smallestHeader = is64Bit ? 56 : 32
    }
  }

  /// A program header of either width.
  private struct ProgramHeader {
    let type: UInt32
    let segment: Segment

    init?(_ table: [UInt8], at start: Int, is64Bit: Bool) {
      // Offsets of p_offset, p_vaddr, p_paddr, p_filesz, p_memsz and p_flags.
      let places = is64Bit ? [8, 16, 24, 32, 40, 4] : [4, 8, 12, 16, 20, 24]
      guard let type = table.load(UInt32.self, at: start),
        let offset = table.word(at: start + places[0], is64Bit),
        let virtual = table.word(at: start + places[1], is64Bit),
        let physical = table.word(at: start + places[2], is64Bit),
        let fileCount = table.word(at: start + places[3], is64Bit),
        let memoryCount = table.word(at: start + places[4], is64Bit),
        let flags = table.load(UInt32.self, at: start + places[5])
      else { return nil }
      self.type = type
      segment = Segment(
        offset: offset, virtualAddress: virtual, physicalAddress: physical, fileCount: fileCount,
        memoryCount: memoryCount, isExecutable: flags & 1 != 0)
    }
  }
}

extension [UInt8] {
  /// A field as wide as the image's addresses.
  fileprivate func word(at offset: Int, _ is64Bit: Bool) -> UInt64? {
    is64Bit ? load(UInt64.self, at: offset) : load(UInt32.self, at: offset).map(UInt64.init)
  }
}
