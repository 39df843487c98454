import Glibc
import PCI
import TestSupport
import Testing

/// Random extended chains: in order, out of order, looped, overlapping, cut off, full.
///
/// `PASID_PLACEMENT_RUNS=10000000` in the environment makes a long run of it.
@Suite struct PASIDPlacementFuzzTests {
  /// How many chains, over all seeds.
  private static let runs =
    unsafe getenv("PASID_PLACEMENT_RUNS").flatMap {
      unsafe Int(String(cString: $0))
    } ?? 4000

  /// Lengths that a guest's driver relies on, whatever else a capability has.
  private static let leastLengths: [UInt16: Int] = [
    0x01: 0x2c, 0x03: 0x0c, 0x0e: 8, 0x0f: 8, 0x10: 0x40, 0x13: 0x10, 0x15: 0x0c, 0x18: 8, 0x1b: 8,
  ]

  /// The bytes that links were put into, to be cleared again: filling a space takes the longest.
  private struct Space {
    var bytes = [UInt8](repeating: 0, count: 4096)
    private var touched: [Int] = []

    mutating func put(_ offset: Int, _ value: UInt32) {
      touched.append(offset)
      for index in 0..<4 {
        bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(index)))
      }
    }

    mutating func clear() {
      for offset in touched { for index in 0..<4 { bytes[offset + index] = 0 } }
      touched.removeAll(keepingCapacity: true)
    }
  }

  private static func fill(_ space: inout Space, using generator: inout SeededGenerator) {
    let kinds: [UInt16] = [
      1, 2, 3, 0xb, 0xd, 0xe, 0xf, 0x10, 0x13, 0x15, 0x17, 0x18, 0x1b, 0x23, 0x99, 0,
    ]
    let count = Int(generator.next() % 12) + (generator.next() % 64 == 0 ? 400 : 0)
    let shape = generator.next() % 8
    var offset = 0x100
    for index in 0...count {
      var next = 0
      if index < count {
        switch shape {
        case 0: next = Int(generator.next() % 1024) * 4  // anywhere, loops included
        case 1: next = offset + 4  // overlapping
        case 2: next = Int(generator.next() % 4096)  // misaligned too
        case 3: next = generator.next() % 4 == 0 ? 0xffc : offset + 0x40
        default: next = offset + 8 + Int(generator.next() % 24) * 4
        }
        if next > 0xffc { next = shape == 2 ? 0xffd : 0 }
      }
      let kind = kinds[Int(generator.next() % UInt64(kinds.count))]
      let random = generator.next()
      space.put(
        offset & 0xffc, UInt32(next & 0xfff) << 20 | UInt32(random & 0xf) << 16 | UInt32(kind))
      if random >> 8 & 1 == 0, offset & 0xffc <= 0xff8 {
        space.put(offset & 0xffc | 4, UInt32(truncatingIfNeeded: random >> 16) & 0x0fff_ffff)
      }
      if next < 0x100 || next & 3 != 0 { break }
      offset = next
    }
    // The kernel shows no chain at all.
    if generator.next() % 16 == 0 { space.put(0x100, 0) }
    for _ in 0..<Int(generator.next() % 4) {
      space.put(Int(generator.next() % 1024) * 4, UInt32(truncatingIfNeeded: generator.next()))
    }
  }

  /// What is wrong with an insertion; nil when nothing is, or it was refused.
  private static func fault(
    _ bytes: [UInt8], at place: ExtendedCapabilityPlacement.Place, hiding: UInt64,
    isPlaced: inout Bool
  ) -> String? {
    guard var image = ConfigImage(hostBytes: bytes),
      let capability = PASIDCapability(width: 20, exec: true, privileged: true)
    else { return "no copy" }
    let host = CapabilityWalk.extended(in: bytes)
    CapabilityChainPlan.extended(host) {
      !$0.id.isAlwaysHidden && $0.id != .pasid && hiding >> UInt64($0.offset / 4 % 64) & 1 == 0
    }.apply(to: &image)
    let before = CapabilityWalk.extended(in: image.values)
    let offset: Int
    do throws(ExtendedCapabilityPlacement.Refusal) {
      let plan = try capability.plan(at: place, in: image, host: bytes)
      offset = plan.offset
      image.apply(plan.edits)
    } catch {
      return error == .notLinked ? "not linked" : nil
    }
    isPlaced = true
    let after = CapabilityWalk.extended(in: image.values)
    if after.problem != nil { return "the chain is damaged" }
    if after.capabilities.filter({ $0.id == .pasid }).map(\.offset) != [offset] {
      return "it is not in the chain once"
    }
    let named = { (walk: CapabilityWalk.Extended) in
      walk.capabilities.filter { $0.offset != offset && $0.id != .null }.map {
        "\($0.offset) \($0.id) \($0.version)"
      }
    }
    if named(before) != named(after) { return "a neighbour is hidden or moved" }
    for neighbour in host.capabilities {
      let least = leastLengths[neighbour.id.rawValue] ?? 4
      if offset < neighbour.offset + least, neighbour.offset < offset + 8 {
        return "it covers 0x\(String(neighbour.offset, radix: 16))"
      }
    }
    if case .auto = place, bytes[offset..<offset + 8].contains(where: { $0 != 0 }) {
      return "the span was not free"
    }
    return nil
  }

  @Test(arguments: 0..<8 as Range<UInt64>)
  func `A chain gets the capability or refuses it, and never hides or covers a neighbour`(
    seed: UInt64
  ) {
    var generator = SeededGenerator(seed: seed)
    var space = Space()
    var placed = 0
    let runs = max(1, Self.runs / 8)
    for run in 0..<runs {
      space.clear()
      Self.fill(&space, using: &generator)
      let place: ExtendedCapabilityPlacement.Place =
        switch generator.next() % 8 {
        case 0...3: .auto
        case 4: .at(Int(generator.next() % 0x1010))
        // Where most neighbours are.
        default: .at(0x100 + Int(generator.next() % 0x100) * 4)
        }
      let hiding = generator.next() & generator.next()
      var isPlaced = false
      if let fault = Self.fault(space.bytes, at: place, hiding: hiding, isPlaced: &isPlaced) {
        Issue.record("seed \(seed) run \(run): \(fault)")
        return
      }
      placed += isPlaced ? 1 : 0
    }
    // Both outcomes are seen often.
    #expect(placed > runs / 10)
    #expect(placed < runs * 9 / 10)
  }
}
