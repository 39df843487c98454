import HostKernel
import Hypervisor
import SystemPackage
import Testing
import Tracing

@testable import Passthrough

@Suite struct BARPlacementTests {
  private typealias Bench = FunctionBench

  /// What listeners hear, in order.
  private final class Layout: MemoryListener {
    var lines: [String] = []

    func regionAdded(_ section: MemorySection) { note("add", section) }
    func regionRemoved(_ section: MemorySection) { note("del", section) }

    private func note(_ word: String, _ section: MemorySection) {
      let range = "\(String(section.start, radix: 16))-\(String(section.last, radix: 16))"
      lines.append("\(word) \(range) \(section.isRAM ? "mmap" : "trap")")
    }

    func take() -> [String] {
      defer { lines = [] }
      return lines
    }
  }

  private func bench(
    _ bars: [String], msix: String? = nil, mapped: Bool = true, smallMapped: Bool = false,
    windows: [ClosedRange<UInt64>]? = nil
  ) throws -> (FunctionBench, Layout) {
    var device = Bench.Device()
    device.bars = bars
    device.msix = msix
    var options = FunctionOptions()
    options.isMappingAllowed = mapped
    let bench = try FunctionBench(
      device, options: options, mapsSmallBARs: smallMapped, windows: windows)
    bench.write(4, 2, 0)
    let layout = Layout()
    bench.memory.register(layout)
    return (bench, layout)
  }

  @Test func twoBARsAreSwappedWithDecodingOffBetween() throws {
    let (bench, layout) = try bench([
      "index: 0, size: 64K, type: memory-32", "index: 1, size: 16K, type: memory-32",
    ])
    bench.write(0x10, 4, 0xfe00_0000)
    bench.write(0x14, 4, 0xfe10_0000)
    #expect(layout.take() == [])
    bench.write(4, 2, 2)
    #expect(layout.take() == ["add fe000000-fe00ffff mmap", "add fe100000-fe103fff mmap"])
    bench.write(4, 2, 0)
    #expect(layout.take() == ["del fe000000-fe00ffff mmap", "del fe100000-fe103fff mmap"])
    bench.write(0x10, 4, 0xfe10_0000)
    bench.write(0x14, 4, 0xfe00_0000)
    bench.write(4, 2, 2)
    #expect(layout.take() == ["add fe000000-fe003fff mmap", "add fe100000-fe10ffff mmap"])
  }

  @Test func ofTwoBARsAtOnePlaceTheLaterIsSeen() throws {
    let (bench, layout) = try bench(
      ["index: 0, size: 64K, type: memory-32", "index: 1, size: 16K, type: memory-32"],
      mapped: false)
    bench.tracer.set("vfio_region_write", enabled: true)
    bench.write(4, 2, 2)
    bench.write(0x10, 4, 0xfe00_0000)
    bench.write(0x14, 4, 0xfe00_0000)
    _ = bench.log.take()
    bench.memory.write(0xfe00_0010, size: 4, value: 7)
    bench.memory.write(0xfe00_8010, size: 4, value: 8)
    #expect(
      bench.log.take() == [
        "vfio_region_write  (0000:81:00.0:region1+0x10, 0x7, 4)",
        "vfio_region_write  (0000:81:00.0:region0+0x8010, 0x8, 4)",
      ])
    // Moving the lower one away and back brings it to the top.
    bench.write(0x10, 4, 0xfd00_0000)
    bench.write(0x10, 4, 0xfe00_0000)
    bench.memory.write(0xfe00_0010, size: 4, value: 9)
    #expect(bench.log.take() == ["vfio_region_write  (0000:81:00.0:region0+0x10, 0x9, 4)"])
    #expect(layout.take().last == "add fe000000-fe00ffff trap")
  }

  @Test func theSameValueMovesNothing() throws {
    let (bench, layout) = try bench(["index: 0, size: 64K, type: memory-32"])
    bench.write(0x10, 4, 0xfe00_0000)
    bench.write(4, 2, 2)
    _ = layout.take()
    for _ in 0..<3 { bench.write(0x10, 4, 0xfe00_0000) }
    bench.write(4, 2, 0x102)
    #expect(layout.take() == [])
  }

  @Test func theParkedStateTakesBARsAway() throws {
    let (bench, layout) = try bench(["index: 0, size: 64K, type: memory-32"])
    bench.write(0x10, 4, 0xfe00_0000)
    bench.write(4, 2, 2)
    _ = layout.take()
    bench.write(Bench.pm + 4, 2, 3)
    #expect(layout.take() == ["del fe000000-fe00ffff mmap"])
    bench.write(Bench.pm + 4, 2, 0)
    #expect(layout.take() == ["add fe000000-fe00ffff mmap"])
  }

  // MARK: - The bus

  @Test func memoryOfTheBoardHidesABAR() throws {
    let (bench, layout) = try bench(
      ["index: 0, size: 64K, type: memory-32"], windows: [0 ... .max])
    bench.memory.add(
      MemoryRegion(
        name: "ram", base: 0xfe00_8000, size: 0x1_0000, kind: .ram(hostAddress: 0x10_0000)))
    _ = layout.take()
    bench.write(0x10, 4, 0xfe00_0000)
    bench.write(4, 2, 2)
    #expect(layout.take() == ["add fe000000-fe007fff mmap"])
    bench.write(0x10, 4, 0xfe01_0000)
    #expect(layout.take() == ["del fe000000-fe007fff mmap", "add fe018000-fe01ffff mmap"])
  }

  @Test func whatIsOutsideTheWindowsIsNotSeen() throws {
    let (bench, layout) = try bench(
      ["index: 0, size: 64K, type: memory-32", "index: 2, size: 32, type: io"],
      windows: [0x1000...0x1fff, 0xfe00_0000...0xfe0f_ffff])
    bench.write(0x10, 4, 0xfd00_0000)
    bench.write(0x18, 4, 0x2000)
    bench.write(4, 2, 3)
    #expect(layout.take() == [] && bench.ports.flatView.sections.isEmpty)
    bench.write(0x10, 4, 0xfe0f_0000)
    bench.write(0x18, 4, 0x1fe0)
    #expect(layout.take() == ["add fe0f0000-fe0fffff mmap"])
    #expect(bench.ports.flatView.sections.map(\.start) == [0x1fe0])
  }

  // MARK: - Ports

  @Test func anIOBARAnswersAtItsPorts() throws {
    let (bench, layout) = try bench([
      "index: 0, size: 64K, type: memory-32", "index: 2, size: 32, type: io",
    ])
    bench.tracer.set("vfio_region_write", enabled: true)
    bench.tracer.set("vfio_region_read", enabled: true)
    bench.write(0x18, 4, 0xc040)
    #expect(bench.read(0x18, 4) == 0xc041)
    bench.write(4, 2, 1)
    bench.ports.write(0xc044, size: 2, value: 0x1234)
    #expect(bench.ports.read(0xc060, size: 1) == 0xff)
    #expect(
      bench.log.take() == ["vfio_region_write  (0000:81:00.0:region2+0x4, 0x1234, 2)"])
    bench.write(0x18, 4, 0xd000)
    #expect(bench.ports.read(0xc044, size: 2) == 0xffff)
    _ = bench.ports.read(0xd004, size: 2)
    #expect(bench.log.take().count == 1)
    bench.write(4, 2, 0)
    #expect(bench.ports.read(0xd004, size: 2) == 0xffff)
    #expect(bench.log.take() == [])
    #expect(layout.take() == [])
    bench.write(4, 2, 1)
    bench.write(0x18, 4, .max)
    #expect(bench.ports.flatView.sections.isEmpty)
    #expect(bench.read(0x18, 4) == 0xffff_ffe1)
  }

  // MARK: - BARs smaller than a page

  @Test func aSmallBARFillsItsPageWhileItBeginsOne() throws {
    let (bench, layout) = try bench(
      ["index: 0, size: 256, type: memory-32"], smallMapped: true)
    bench.write(4, 2, 2)
    bench.write(0x10, 4, 0xfe00_0100)
    #expect(layout.take() == ["add fe000100-fe0001ff mmap"])
    bench.write(0x10, 4, 0xfe00_1000)
    #expect(layout.take() == ["del fe000100-fe0001ff mmap", "add fe001000-fe001fff mmap"])
    bench.write(0x10, 4, 0xfe00_2f00)
    #expect(layout.take() == ["del fe001000-fe001fff mmap", "add fe002f00-fe002fff mmap"])
    bench.write(0x10, 4, 0)
    #expect(layout.take() == ["del fe002f00-fe002fff mmap"])
  }

  @Test func anotherBARInTheSamePageIsNotHidden() throws {
    let (bench, _) = try bench(
      ["index: 0, size: 256, type: memory-32", "index: 1, size: 256, type: memory-32"],
      smallMapped: true)
    bench.write(0x14, 4, 0xfe00_0100)
    bench.write(0x10, 4, 0xfe00_0000)
    bench.write(4, 2, 2)
    let sections = bench.memory.flatView.sections.map {
      "\($0.name.suffix(14)) \(String($0.start, radix: 16))-\(String($0.last, radix: 16))"
    }
    #expect(
      sections == [
        "BAR 0 mmaps[0] fe000000-fe0000ff", "BAR 1 mmaps[0] fe000100-fe0001ff",
        "BAR 0 mmaps[0] fe000200-fe000fff",
      ])
  }

  @Test func aSmallBARThatTrapsStaysAsItIs() throws {
    let (bench, layout) = try bench(["index: 0, size: 256, type: memory-32"], mapped: false)
    bench.write(4, 2, 2)
    bench.write(0x10, 4, 0xfe00_0000)
    #expect(layout.take() == ["add fe000000-fe0000ff trap"])
  }

  // MARK: - Tables

  @Test func theTableTrapsInTheMiddleOfAMapping() throws {
    let (bench, layout) = try bench(
      ["index: 3, size: 16K, type: memory-32"],
      msix: "vectors: 5, table-bar: 3, table-offset: 0x0, pba-bar: 3, pba-offset: 0x2000")
    bench.write(0x1c, 4, 0xfe64_0000)
    bench.write(4, 2, 2)
    #expect(layout.take() == ["add fe640000-fe64004f trap", "add fe640050-fe643fff mmap"])
  }

  // MARK: - Seen by DMA

  @Test func aBARThatIsBeingSizedIsNotForDMA() throws {
    let (bench, _) = try bench(["index: 0, size: 64K, type: memory-64"])
    bench.write(4, 2, 2)
    bench.write(0x10, 4, 0x1_0000)
    bench.write(0x14, 4, 0x8000_0000)
    let section = try #require(bench.memory.flatView.sections.first)
    #expect(section.start == 0x8000_0000_0001_0000)
    let listener = DMAListener(
      container: NoContainer(), tracer: bench.tracer,
      diagnostics: Diagnostics(program: "p", to: bench.messages))
    _ = bench.log.take()
    listener.regionAdded(section)
    listener.regionRemoved(section)
    #expect(
      bench.log.take() == [
        "vfio_listener_region_skip SKIPPING region_add 0x8000000000010000 - 0x800000000001ffff",
        "vfio_listener_region_skip SKIPPING region_del 0x8000000000010000 - 0x800000000001ffff",
      ])
  }
}
