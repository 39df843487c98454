/// Walks over the capability chains of a config space, however damaged.
///
/// Each walk ends at the first link that leaves its space or comes back to a place already seen.
package enum CapabilityWalk {
  /// One standard capability.
  package struct StandardCapability: Equatable, Sendable {
    package let id: CapabilityID
    /// Offset of the header, 0x40 to 0xfc.
    package let offset: Int
    /// Bytes up to the next higher capability, or to the end of the first 256.
    package let length: Int
  }

  /// One extended capability.
  package struct ExtendedCapability: Equatable, Sendable {
    package let id: ExtendedCapabilityID
    package let version: UInt8
    /// Offset of the header, 0x100 to 0xffc.
    package let offset: Int
  }

  /// Why a walk ended before the end of the chain.
  package enum Problem: Equatable, Sendable {
    /// A link points to a place that was visited already.
    case loop(at: Int)
    /// A link points outside the space that capabilities may use.
    case outside(at: Int)
  }

  package struct Standard: Equatable, Sendable {
    /// In the order of the chain.
    package var capabilities: [StandardCapability] = []
    package var problem: Problem?
  }

  package struct Extended: Equatable, Sendable {
    /// In the order of the chain.
    package var capabilities: [ExtendedCapability] = []
    package var problem: Problem?
  }

  /// Walks the chain that begins at 0x34; empty when the status register says that there is none.
  package static func standard(in bytes: [UInt8]) -> Standard {
    var walk = Standard()
    guard bytes.count >= 256, bytes[0x06] & 0x10 != 0 else { return walk }
    var offsets: [Int] = []
    var next = Int(bytes[0x34] & 0xfc)
    while next != 0 {
      guard next >= 0x40 else {
        walk.problem = .outside(at: next)
        break
      }
      if offsets.contains(next) {
        walk.problem = .loop(at: next)
        break
      }
      offsets.append(next)
      next = Int(bytes[next + 1] & 0xfc)
    }
    walk.capabilities = offsets.map { offset in
      let end = offsets.filter { $0 > offset }.min() ?? 0x100
      return StandardCapability(
        id: CapabilityID(rawValue: bytes[offset]), offset: offset, length: end - offset)
    }
    return walk
  }

  /// Walks the chain that begins at 0x100; empty when there is no extended space or nothing in it.
  package static func extended(in bytes: [UInt8]) -> Extended {
    var walk = Extended()
    guard bytes.count >= 4096 else { return walk }
    var seen: Set<Int> = []
    var next = 0x100
    while next != 0 {
      guard next >= 0x100, next <= 0xffc else {
        walk.problem = .outside(at: next)
        break
      }
      guard seen.insert(next).inserted else {
        walk.problem = .loop(at: next)
        break
      }
      let header =
        UInt32(bytes[next]) | UInt32(bytes[next + 1]) << 8 | UInt32(bytes[next + 2]) << 16
        | UInt32(bytes[next + 3]) << 24
      if header == 0 || header == .max { break }
      walk.capabilities.append(
        ExtendedCapability(
          id: ExtendedCapabilityID(rawValue: UInt16(truncatingIfNeeded: header)),
          version: UInt8(header >> 16 & 0xf), offset: next))
      next = Int(header >> 20) & 0xffc
    }
    return walk
  }
}
