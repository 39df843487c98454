import PCI
import TestSupport

/// The extended capabilities of a host's function, as a whole config space of which the first 256 bytes
/// are 0.
struct HostChain {
  private(set) var bytes = [UInt8](repeating: 0, count: 4096)

  init() {}

  /// Links capabilities in the order given; the first must be at 0x100.
  init(_ chain: [(id: UInt16, offset: Int)]) {
    for (index, link) in chain.enumerated() {
      let next = index + 1 < chain.count ? chain[index + 1].offset : 0
      put(link.offset, UInt32(next) << 20 | 1 << 16 | UInt32(link.id))
    }
  }

  mutating func put(_ offset: Int, _ value: UInt32) {
    for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
  }

  /// Up to 40 capabilities at 0x100 and at random dwords after it, in random order, some with bodies.
  static func random(using generator: inout SeededGenerator) -> HostChain {
    let kinds: [UInt16] = [0, 1, 3, 0xb, 0xd, 0xe, 0xf, 0x10, 0x13, 0x15, 0x18, 0x1b, 0x23, 0x99]
    let count = Int.random(in: 0...40, using: &generator)
    var places = Array(0x42..<0x3fc).shuffled(using: &generator).prefix(count).map { $0 & ~1 }
    places = Array(Set(places))
    if Bool.random(using: &generator) { places.sort() }
    var chain = HostChain(
      ([0x40] + places).map { (kinds.randomElement(using: &generator) ?? 1, 4 * $0) })
    for place in places where Bool.random(using: &generator) {
      chain.put(4 * place + 4, UInt32.random(in: 0...(.max), using: &generator))
    }
    // Some end in a loop.
    if let last = places.last, Int.random(in: 0..<8, using: &generator) == 0 {
      chain.put(4 * last, 0x1000_0000 | 1 << 16 | 3)
    }
    return chain
  }
}

extension FunctionBench {
  /// All of config space as the guest reads it.
  var guestView: [UInt8] {
    stride(from: 0, to: 4096, by: 4).flatMap { offset in
      let dword = read(offset, 4)
      return (0..<4).map { UInt8(truncatingIfNeeded: dword >> (8 * $0)) }
    }
  }

  /// The extended capabilities that the guest finds.
  var guestChain: CapabilityWalk.Extended { CapabilityWalk.extended(in: guestView) }
}
