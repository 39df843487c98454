/// Walks over the capability chains of a config space, however damaged.
///
/// Each walk ends at the first link that leaves its space or comes back to a place already seen; what
/// was found before it counts.
package enum CapabilityWalk {
  /// One standard capability.
  package struct StandardCapability: Equatable, Sendable {
    package let id: CapabilityID
    /// Offset of the header, 0x40 to 0xfc.
    package let offset: Int
    /// Bytes up to the next higher capability, or to the end of the first 256.
    package let length: Int
    /// The link as the header has it, 0 at the end of the chain.
    package let next: UInt8
  }

  /// One extended capability.
  package struct ExtendedCapability: Equatable, Sendable {
    package let id: ExtendedCapabilityID
    package let version: UInt8
    /// Offset of the header, 0x100 to 0xffc.
    package let offset: Int
    /// Bytes up to the next higher capability, or to the end of the 4096.
    package let length: Int
    /// The link as the header has it, 12 bits, 0 at the end of the chain.
    package let next: UInt16
  }

  /// Why a walk ended before the end of the chain; the offset is where the last link points.
  package enum Problem: Equatable, Sendable {
    /// A link points to a place that was visited already.
    case loop(at: Int)
    /// A link points below the space that capabilities may use.
    case outside(at: Int)
    /// A link points between two dwords.
    case misaligned(at: Int)
    /// A link points to a header that is not in the bytes at hand.
    case truncated(at: Int)
    /// A header is all ones: nobody answers there.
    case allOnes(at: Int)
  }

  package struct Standard: Equatable, Sendable {
    /// In the order of the chain.
    package internal(set) var capabilities: [StandardCapability] = []
    package internal(set) var problem: Problem?
  }

  package struct Extended: Equatable, Sendable {
    /// In the order of the chain.
    package internal(set) var capabilities: [ExtendedCapability] = []
    package internal(set) var problem: Problem?
  }

  /// Walks the chain that begins at 0x34; empty when the status register says that there is none.
  package static func standard(in bytes: [UInt8]) -> Standard {
    var walk = Standard()
    guard bytes.count > PCIRegister.capabilityPointer, bytes[PCIRegister.status] & 0x10 != 0
    else { return walk }
    var path = Path(start: 0x40, end: min(bytes.count, 0x100), headerLength: 2)
    var next = bytes[PCIRegister.capabilityPointer]
    while next != 0 {
      walk.problem = path.problem(at: Int(next))
      guard walk.problem == nil else { break }
      path.visit(Int(next))
      next = bytes[Int(next) + 1]
    }
    walk.capabilities = path.spans(end: 0x100).map { offset, length in
      StandardCapability(
        id: CapabilityID(rawValue: bytes[offset]), offset: offset, length: length,
        next: bytes[offset + 1])
    }
    return walk
  }

  /// Walks the chain that begins at 0x100; empty when there is no extended space or its first header
  /// is 0. A later header of 0 is a capability with id 0.
  package static func extended(in bytes: [UInt8]) -> Extended {
    var walk = Extended()
    guard bytes.count >= 0x104, dword(in: bytes, at: 0x100) != 0 else { return walk }
    var path = Path(start: 0x100, end: min(bytes.count, 0x1000), headerLength: 4)
    var next = 0x100
    while next != 0 {
      walk.problem = path.problem(at: next)
      guard walk.problem == nil else { break }
      let header = dword(in: bytes, at: next)
      if header == .max {
        walk.problem = .allOnes(at: next)
        break
      }
      path.visit(next)
      next = Int(header >> 20)
    }
    walk.capabilities = path.spans(end: 0x1000).map { offset, length in
      let header = dword(in: bytes, at: offset)
      return ExtendedCapability(
        id: ExtendedCapabilityID(rawValue: UInt16(truncatingIfNeeded: header)),
        version: UInt8(header >> 16 & 0xf), offset: offset, length: length,
        next: UInt16(header >> 20))
    }
    return walk
  }

  /// The little-endian dword at an offset, which must be in range.
  private static func dword(in bytes: [UInt8], at offset: Int) -> UInt32 {
    UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8 | UInt32(bytes[offset + 2]) << 16
      | UInt32(bytes[offset + 3]) << 24
  }

  /// The headers that a walk has come by.
  private struct Path {
    let start: Int
    let end: Int
    let headerLength: Int
    var offsets: [Int] = []
    /// By dword.
    var isVisited: [Bool]

    init(start: Int, end: Int, headerLength: Int) {
      self.start = start
      self.end = end
      self.headerLength = headerLength
      isVisited = [Bool](repeating: false, count: end / 4 + 1)
    }

    /// What keeps a walk from going to an offset; nil when it can go.
    func problem(at offset: Int) -> Problem? {
      if offset & 3 != 0 { return .misaligned(at: offset) }
      if offset < start { return .outside(at: offset) }
      if offset + headerLength > end { return .truncated(at: offset) }
      return isVisited[offset / 4] ? .loop(at: offset) : nil
    }

    /// Notes a header at an offset that a walk can go to.
    mutating func visit(_ offset: Int) {
      isVisited[offset / 4] = true
      offsets.append(offset)
    }

    /// Each header in the order of the walk, with the distance to the next higher one or to `end`.
    func spans(end: Int) -> [(offset: Int, length: Int)] {
      var lengths: [Int: Int] = [:]
      var limit = end
      for offset in offsets.sorted(by: >) {
        lengths[offset] = limit - offset
        limit = offset
      }
      return offsets.map { ($0, lengths[$0] ?? 0) }
    }
  }
}
