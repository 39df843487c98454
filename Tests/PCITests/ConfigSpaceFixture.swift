import PCI
import TestSupport

/// A host's config space under construction.
struct ConfigSpaceFixture {
  private(set) var bytes: [UInt8]

  /// All zeros.
  init(size: Int) { bytes = [UInt8](repeating: 0, count: size) }

  /// All random, but with a capability list.
  init(size: Int, random generator: inout SeededGenerator) {
    bytes = (0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) }
    bytes[0x06] |= 0x10
  }

  /// The copy of it, nothing of which is ours.
  var image: ConfigImage? { ConfigImage(hostBytes: bytes) }

  /// Puts little-endian bytes.
  mutating func put<Value: FixedWidthInteger>(_ offset: Int, _ value: Value) {
    for index in 0..<Value.bitWidth / 8 {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> Value(8 * index))
    }
  }

  /// Links standard capabilities in the order given, from 0x34 on.
  mutating func link(_ chain: [(id: UInt8, offset: Int)]) {
    bytes[0x06] |= 0x10
    var pointer = 0x34
    for (id, offset) in chain {
      bytes[pointer] = UInt8(offset)
      bytes[offset] = id
      pointer = offset + 1
    }
    bytes[pointer] = 0
  }

  /// Links extended capabilities in the order given; the first must be at 0x100.
  mutating func linkExtended(_ chain: [(id: UInt16, version: UInt8, offset: Int)]) {
    for (index, link) in chain.enumerated() {
      let next = index + 1 < chain.count ? UInt32(chain[index + 1].offset) : 0
      put(link.offset, next << 20 | UInt32(link.version) << 16 | UInt32(link.id))
    }
  }

  /// Capabilities at random dwords from 0x40 on, in random order.
  mutating func linkRandomly(using generator: inout SeededGenerator) {
    let places = Array(0x10..<0x40).shuffled(using: &generator)
    let count = Int.random(in: 0...places.count, using: &generator)
    link(
      places.prefix(count).map { (UInt8.random(in: 0...0x14, using: &generator), $0 * 4) })
  }

  /// Extended capabilities at 0x100 and at random dwords after it, in random order.
  mutating func linkExtendedRandomly(using generator: inout SeededGenerator) {
    let places = Array(0x41..<0x400).shuffled(using: &generator)
    let count = Int.random(in: 0...40, using: &generator)
    linkExtended(
      ([0x40] + places.prefix(count)).map {
        (
          UInt16.random(in: 0...0x20, using: &generator),
          UInt8.random(in: 1...4, using: &generator), $0 * 4
        )
      })
  }
}

extension ConfigImage {
  /// All of config space as a guest reads it byte by byte from a function with these bytes.
  func guestView(of host: [UInt8]) -> [UInt8] {
    (0..<size).map { offset in
      let byte = offset < host.count ? UInt32(host[offset]) : 0
      return UInt8(truncatingIfNeeded: mergedRead(offset: offset, length: 1, host: byte))
    }
  }
}
