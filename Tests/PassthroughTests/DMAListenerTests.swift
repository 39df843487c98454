import Hypervisor
import Passthrough
import SystemPackage
import Testing
import Tracing
import VFIO

@Suite struct DMAListenerTests {
  /// A container that writes down what is mapped, and refuses when told to.
  private final class RecordingContainer: DMAContainer {
    var backend: AssignmentError.Backend { .iommufd }
    var lines: [String] = []
    var error: Errno?

    func map(
      iova: UInt64, size: UInt64, address: UInt, isReadOnly: Bool, file: (Int32, UInt64)?
    ) throws(Errno) {
      let place = file.map { "file \($0.0)+\(String($0.1, radix: 16))" } ?? "memory"
      try note(
        "map \(hex(iova)) \(hex(size)) \(hex(UInt64(address))) \(isReadOnly ? "r" : "rw") \(place)")
    }

    func unmap(iova: UInt64, size: UInt64) throws(Errno) {
      try note("unmap \(hex(iova)) \(hex(size))")
    }

    private func note(_ line: String) throws(Errno) {
      lines.append(line)
      if let error { throw error }
    }

    private func hex(_ value: UInt64) -> String { String(value, radix: 16) }
  }

  private final class Device: MemoryHandler {
    func read(offset: UInt64, size: Int) -> UInt64 { 0 }
    func write(offset: UInt64, size: Int, value: UInt64) {}
  }

  private let container = RecordingContainer()
  private let trace = RingSink()
  private let messages = RingSink()
  private let listener: DMAListener

  init() {
    let tracer = Tracer(to: trace)
    tracer.set("*", enabled: true)
    listener = DMAListener(
      container: container, tracer: tracer,
      diagnostics: Diagnostics(program: "p", to: messages))
  }

  private func section(_ start: UInt64, _ last: UInt64, _ kind: MemoryKind) -> MemorySection {
    MemorySection(
      region: RegionID(rawValue: 1), name: "ram", start: start, last: last, offsetInRegion: 0,
      kind: kind)
  }

  @Test(
    arguments: [
      (0, 0x9ffff, "0 a0000 100000"), (0x1000, 0x1fff, "1000 1000 100000"),
      (0x1800, 0x3fff, "2000 2000 100800"), (0x1000, 0x37ff, "1000 2000 100000"),
      (0x1fff, 0x3000, "2000 1000 100001"),
      (0x7fff_ffff_ffff_f000, 0x7fff_ffff_ffff_ffff, "7ffffffffffff000 1000 100000"),
      (0x1800, 0x27ff, nil), (0x1001, 0x1fff, nil), (0, 0xffe, nil), (0, 0, nil),
      (0x7fff_ffff_ffff_f001, 0x7fff_ffff_ffff_ffff, nil), (0xffff_ffff_ffff_f000, .max, nil),
      (0x8000_0000_0000_0000, 0x8000_0000_0000_0fff, nil),
    ] as [(UInt64, UInt64, String?)])
  func memoryIsMappedByTheWholePagesThatItCovers(
    _ start: UInt64, _ last: UInt64, _ mapped: String?
  ) {
    let memory = section(start, last, .ram(hostAddress: 0x10_0000))
    listener.regionAdded(memory)
    #expect(container.lines == (mapped.map { ["map \($0) rw memory"] } ?? []))
    container.lines = []
    listener.regionRemoved(memory)
    let range = mapped.map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
    #expect(container.lines == (range.map { ["unmap \($0)"] } ?? []))
    #expect(listener.failure == nil)
  }

  @Test func aFileIsMappedFromTheFirstWholePage() {
    let memory = MemorySection(
      region: RegionID(rawValue: 1), name: "ram", start: 0x1800, last: 0x3fff,
      offsetInRegion: 0x800,
      kind: .ram(
        hostAddress: 0x10_0000, isReadOnly: true,
        file: MemoryFile(descriptor: 9, offset: 0x4000)))
    listener.regionAdded(memory)
    #expect(container.lines == ["map 2000 2000 101000 r file 9+5000"])
  }

  @Test func addingAndRemovingAreTracedWithTheLastAddress() {
    let memory = section(0x1000, 0x2fff, .ram(hostAddress: 0x10_0000))
    let device = section(0xfec0_0000, 0xfec0_0fff, .io(Device()))
    for part in [memory, device] { listener.regionAdded(part) }
    for part in [memory, device] { listener.regionRemoved(part) }
    #expect(
      trace.lines == [
        "vfio_listener_region_add_ram region_add [ram] 0x1000 - 0x2fff [0x100000]",
        "vfio_listener_region_skip SKIPPING region_add 0xfec00000 - 0xfec00fff",
        "vfio_listener_region_del region_del 0x1000 - 0x2fff",
        "vfio_listener_region_skip SKIPPING region_del 0xfec00000 - 0xfec00fff",
      ])
  }

  @Test func aPartOfABARThatIsTooSmallIsSaidToBe() {
    listener.regionAdded(section(0xfe00_0000, 0xfe00_07ff, .deviceRAM(hostAddress: 0x10_0000)))
    #expect(
      trace.lines == [
        "vfio_listener_region_add_no_dma_map Region \"ram\" 0xfe000000 size=0x800 is not aligned "
          + "to 0x1000 and cannot be mapped for DMA"
      ])
    #expect(container.lines.isEmpty)
  }

  @Test func theFirstMemoryThatCannotBeMappedIsTheFailure() {
    container.error = .noMemory
    listener.regionAdded(section(0x1000, 0x1fff, .ram(hostAddress: 0x10_0000)))
    container.error = .ioError
    listener.regionAdded(section(0x3000, 0x3fff, .ram(hostAddress: 0x20_0000)))
    #expect(
      listener.failure
        == .memoryListener(
          region: "ram", iova: 0x1000, size: 0x1000, address: 0x10_0000, .noMemory, .iommufd))
  }

  @Test func aBARThatCannotBeMappedIsAWarningOnly() {
    container.error = .badAddress
    let bar = section(0xfe00_0000, 0xfe00_0fff, .deviceRAM(hostAddress: 0x10_0000))
    for _ in 0..<2 { listener.regionAdded(bar) }
    #expect(listener.failure == nil)
    #expect(
      messages.lines == [
        "p: warning: vfio_container_dma_map(0xfe000000, 0x1000, 0x100000) = -14 (Bad address): "
          + "ram: PCI peer-to-peer transactions on BARs are not supported."
      ])
  }

  @Test func memoryThatCannotBeUnmappedIsAnError() {
    container.error = .invalidArgument
    listener.regionRemoved(section(0x1000, 0x1fff, .ram(hostAddress: 0x10_0000)))
    #expect(
      messages.lines == ["p: vfio_container_dma_unmap(0x1000, 0x1000) = -22 (Invalid argument)"])
  }
}
