import Hypervisor
import TestSupport
import Testing

/// Regions over a bus show inside the windows of all buses under them.
@Suite struct BusRegionTests {
  private let space = AddressSpace()

  private func ram(_ name: String, _ base: UInt64, _ size: UInt64) -> MemoryRegion {
    MemoryRegion(name: name, base: base, size: size, kind: .ram(hostAddress: 0x1000))
  }

  private func bus(_ windows: [ClosedRange<UInt64>], priority: Int = 0) -> MemoryRegion {
    MemoryRegion(
      name: "bus", base: 0, size: .max, priority: priority, kind: .bus(windows: windows))
  }

  private var sections: [String] {
    space.flatView.sections.map { section in
      let numbers = [section.start, section.last, section.offsetInRegion]
        .map { String($0, radix: 16) }
      return "\(section.name) \(numbers[0])-\(numbers[1])+\(numbers[2])"
    }
  }

  @Test func aBusHidesNothingBelowIt() {
    space.add(ram("low", 0, 0x1000))
    let bus = space.add(bus([0...0xfff], priority: 5))
    #expect(sections == ["low 0-fff+0"])
    space.add(ram("bar", 0x100, 0x100), over: bus)
    #expect(sections == ["low 0-ff+0", "bar 100-1ff+0", "low 200-fff+200"])
  }

  @Test func aRegionIsCutToTheWindowsOfEveryBusUnderIt() {
    let outer = space.add(bus([0x1000...0x4fff]))
    let inner = space.add(bus([0x0...0x1fff, 0x4000...0x8fff]), over: outer)
    let bar = space.add(ram("bar", 0, 0x10000), over: inner)
    space.add(ram("table", 0x1800, 0x1000), over: bar)
    #expect(
      sections == ["bar 1000-17ff+1000", "table 1800-1fff+0", "bar 4000-4fff+4000"])
    space.setWindows(outer, [])
    #expect(sections == [])
  }

  @Test func windowsThatTouchOrOverlapAreOne() {
    let bus = space.add(bus([]))
    space.add(ram("bar", 0, 0x10000), over: bus)
    space.setWindows(bus, [0x3000...0x3fff, 0x1000...0x1fff, 0x2000...0x2fff, 0x1800...0x27ff])
    #expect(sections == ["bar 1000-3fff+1000"])
    space.setWindows(bus, [0x1000 ... .max, 0...0xfff, 0xffff ... .max])
    #expect(sections == ["bar 0-ffff+0"])
  }

  @Test func theSameWindowsAgainTellNobody() {
    final class Listener: MemoryListener {
      var count = 0
      func regionAdded(_ section: MemorySection) { count += 1 }
      func regionRemoved(_ section: MemorySection) { count += 1 }
    }
    let bus = space.add(bus([]))
    space.add(ram("bar", 0, 0x1000), over: bus)
    let listener = Listener()
    space.register(listener)
    space.setWindows(bus, [0...0xfff])
    #expect(listener.count == 1)
    space.setWindows(bus, [0x800...0xfff, 0...0x7ff])
    #expect(listener.count == 1)
  }

  @Test(arguments: 0..<50 as Range<UInt64>)
  func anAddressShowsWhatAllWindowsLetThrough(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    func range() -> ClosedRange<UInt64> {
      let ends = [0, 0].map { _ in UInt64.random(in: 0..<64, using: &generator) }
      return min(ends[0], ends[1])...max(ends[0], ends[1])
    }
    func windows() -> [ClosedRange<UInt64>] { (0..<3).map { _ in range() } }
    let outer = space.add(bus([]))
    let inner = space.add(bus([]), over: outer)
    let region = range()
    space.add(ram("bar", region.lowerBound, UInt64(region.count)), over: inner)
    let outerWindows = windows()
    let innerWindows = windows()
    space.setWindows(outer, outerWindows)
    space.setWindows(inner, innerWindows)
    for address in 0..<80 as Range<UInt64> {
      let isSeen = space.flatView.sections.contains {
        $0.start <= address && address <= $0.last
          && $0.offsetInRegion + (address - $0.start) == address - region.lowerBound
      }
      let isExpected =
        region.contains(address)
        && outerWindows.contains { $0.contains(address) }
        && innerWindows.contains { $0.contains(address) }
      #expect(isSeen == isExpected)
    }
  }
}
