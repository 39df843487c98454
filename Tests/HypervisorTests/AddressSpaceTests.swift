import HostKernel
import Hypervisor
import Testing

/// A device that answers with its own offset and remembers what it was asked.
private final class RecordingHandler: MemoryHandler {
  private(set) var log: [String] = []

  func read(offset: UInt64, size: Int) -> UInt64 {
    log.append("r\(size)@\(String(offset, radix: 16))")
    return 0x1122_3344_5566_7788 &+ offset
  }

  func write(offset: UInt64, size: Int, value: UInt64) {
    log.append("w\(size)@\(String(offset, radix: 16))=\(String(value, radix: 16))")
  }
}

/// Writes down what it hears.
private final class RecordingListener: MemoryListener {
  private(set) var log: [String] = []

  func regionRemoved(_ section: MemorySection) { note("del", section) }
  func regionAdded(_ section: MemorySection) { note("add", section) }
  func clear() { log = [] }

  private func note(_ word: String, _ section: MemorySection) {
    let range = "\(String(section.start, radix: 16))-\(String(section.last, radix: 16))"
    log.append("\(word) \(range) \(section.name)")
  }
}

@Suite struct AddressSpaceTests {
  private let space = AddressSpace()
  private let device = RecordingHandler()

  /// Two pages of real memory, kept alive by whoever holds it.
  private func makeMemory() throws -> HostMapping {
    try HostMapping(MappingRequest(descriptor: nil, length: 8192), on: LinuxKernel())
  }

  private func ram(
    _ memory: borrowing HostMapping, at base: UInt64, isReadOnly: Bool = false
  ) -> MemoryRegion {
    MemoryRegion(
      name: "ram", base: base, size: 8192,
      kind: .ram(hostAddress: memory.address, isReadOnly: isReadOnly))
  }

  @Test(arguments: [1, 2, 4, 8])
  func memoryKeepsWhatWasWritten(size: Int) throws {
    let memory = try makeMemory()
    space.add(ram(memory, at: 0x10000))
    let value: UInt64 = 0xf1e2_d3c4_b5a6_9788
    space.write(0x10010, size: size, value: value)
    let expected = size == 8 ? value : value & (1 << UInt64(8 * size) - 1)
    #expect(space.read(0x10010, size: size) == expected)
    #expect(space.read(0x10010, size: 8) == expected)
  }

  @Test func readOnlyMemoryDropsWrites() throws {
    let memory = try makeMemory()
    space.add(ram(memory, at: 0, isReadOnly: true))
    space.write(0, size: 4, value: 0x1234)
    space.writeBytes(0, [1, 2, 3])
    #expect(space.read(0, size: 4) == 0)
  }

  @Test(arguments: zip([1, 2, 4, 8], [0xff, 0xffff, 0xffff_ffff, UInt64.max]))
  func whereNothingAnswersAllBitsAreOne(size: Int, ones: UInt64) {
    #expect(space.read(0x5000, size: size) == ones)
    space.write(0x5000, size: size, value: 0)
    #expect(space.read(0x5000, size: size) == ones)
    #expect(space.read(.max, size: size) == ones)
  }

  @Test(arguments: [0, 3, 5, 16, -1])
  func otherSizesReadAsOnesAndWriteNothing(size: Int) {
    space.add(MemoryRegion(name: "io", base: 0, size: 0x1000, kind: .io(device)))
    #expect(space.read(0, size: size) == .max)
    space.write(0, size: size, value: 1)
    #expect(device.log == [])
  }

  @Test func aDeviceIsAskedByOffsetInItsRegion() {
    space.add(MemoryRegion(name: "io", base: 0xfec0_0000, size: 0x1000, kind: .io(device)))
    #expect(space.read(0xfec0_0010, size: 4) == 0x5566_7798)
    space.write(0xfec0_0020, size: 2, value: 0x12345)
    #expect(device.log == ["r4@10", "w2@20=2345"])
  }

  @Test func theOffsetCountsFromTheStartOfTheRegionWhenItsStartIsCovered() {
    space.add(MemoryRegion(name: "io", base: 0x1000, size: 0x1000, kind: .io(device)))
    space.add(
      MemoryRegion(
        name: "cover", base: 0x1000, size: 0x800, priority: 1, kind: .io(RecordingHandler())))
    _ = space.read(0x1804, size: 1)
    #expect(device.log == ["r1@804"])
  }

  @Test func anAccessOverTheEndOfASectionIsSplit() throws {
    let memory = try makeMemory()
    space.add(ram(memory, at: 0))
    space.add(MemoryRegion(name: "io", base: 0x2000, size: 2, kind: .io(device)))
    space.write(0x1ffe, size: 8, value: 0x8877_6655_4433_2211)
    #expect(device.log == ["w1@0=33", "w1@1=44"])
    #expect(space.read(0x1ffe, size: 2) == 0x2211)
    #expect(space.read(0x1ffe, size: 8) == 0xffff_ffff_8988_2211)
    #expect(space.read(0x3000, size: 8) == .max)
  }

  @Test func nothingAnswersBeyondTheLastAddress() {
    space.add(MemoryRegion(name: "low", base: 0, size: 4, kind: .io(RecordingHandler())))
    space.add(MemoryRegion(name: "top", base: .max, size: 1, kind: .io(device)))
    #expect(space.read(.max, size: 4) == 0xffff_ff88)
    space.write(.max, size: 8, value: 0x1122)
    space.writeBytes(.max, [3, 4])
    #expect(space.readBytes(.max, count: 2) == [0x88, 0xff])
    #expect(device.log == ["r1@0", "w1@0=22", "w1@0=3", "r1@0"])
  }

  @Test func anAccessFromNowhereIntoASectionIsSplit() {
    space.add(MemoryRegion(name: "io", base: 0x2000, size: 2, kind: .io(device)))
    #expect(space.read(0x1fff, size: 2) == 0x88ff)
    space.write(0x1fff, size: 2, value: 0x0102)
    #expect(device.log == ["r1@0", "w1@0=1"])
  }

  @Test func aSpaceThatDoesNotSplitGivesADeviceTheWholeAccess() {
    let ports = AddressSpace(splitsDeviceAccesses: false)
    let other = RecordingHandler()
    ports.add(MemoryRegion(name: "index", base: 0xcf8, size: 4, kind: .io(device)))
    ports.add(MemoryRegion(name: "reset", base: 0xcf9, size: 1, priority: 1, kind: .io(other)))
    ports.write(0xcf8, size: 4, value: 0x8000_0000)
    #expect(ports.read(0xcf8, size: 4) == 0x5566_7788)
    ports.write(0xcf9, size: 1, value: 6)
    #expect(device.log == ["w4@0=80000000", "r4@0"])
    #expect(other.log == ["w1@0=6"])
  }

  @Test func bulkAccessesCopyMemoryAndAskDevicesInAlignedPieces() throws {
    let memory = try makeMemory()
    space.add(ram(memory, at: 0))
    space.add(MemoryRegion(name: "io", base: 0x2000, size: 7, kind: .io(device)))
    space.writeBytes(0x1ffe, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    #expect(device.log == ["w4@0=6050403", "w2@4=807", "w1@6=9"])
    #expect(
      space.readBytes(0x1ffd, count: 12)
        == [0, 1, 2, 0x88, 0x77, 0x66, 0x55, 0x8c, 0x77, 0x8e, 0xff, 0xff])
    #expect(space.readBytes(0x9000, count: 3) == [0xff, 0xff, 0xff])
    #expect(space.readBytes(0, count: -1) == [])
  }

  @Test func listenersHearOfOneUpdateOnceRemovalsFirst() {
    let listener = RecordingListener()
    let bar = space.add(
      MemoryRegion(name: "bar", base: 0x1000, size: 0x1000, kind: .io(device)))
    space.add(
      MemoryRegion(name: "map", base: 0, size: 0x800, kind: .ram(hostAddress: 0x1000)), over: bar)
    space.register(listener)
    #expect(listener.log == ["add 1000-17ff map", "add 1800-1fff bar"])
    listener.clear()
    space.update {
      space.move(bar, to: 0x8000)
      space.setEnabled(bar, false)
      space.move(bar, to: 0x4000)
      space.setEnabled(bar, true)
    }
    #expect(
      listener.log == [
        "del 1000-17ff map", "del 1800-1fff bar", "add 4000-47ff map", "add 4800-4fff bar",
      ])
    listener.clear()
    space.setEnabled(bar, true)
    space.move(bar, to: 0x4000)
    #expect(listener.log == [])
    space.remove(bar)
    #expect(listener.log == ["del 4000-47ff map", "del 4800-4fff bar"])
    #expect(space.flatView.sections.isEmpty)
  }

  @Test func aListenerThatLeavesHearsThatAllIsGone() {
    let listener = RecordingListener()
    space.add(MemoryRegion(name: "io", base: 0, size: 0x10, kind: .io(device)))
    space.register(listener)
    space.unregister(listener)
    space.add(MemoryRegion(name: "more", base: 0x100, size: 0x10, kind: .io(device)))
    #expect(listener.log == ["add 0-f io", "del 0-f io"])
  }

  @Test func tearingDownLetsGoOfHandlersAndListenersSilently() {
    final class Owner: MemoryHandler, MemoryListener {
      let space: AddressSpace
      let onEnd: () -> Void
      var sections = 0
      init(space: AddressSpace, onEnd: @escaping () -> Void) {
        self.space = space
        self.onEnd = onEnd
      }
      deinit { onEnd() }
      func read(offset: UInt64, size: Int) -> UInt64 { 0 }
      func write(offset: UInt64, size: Int, value: UInt64) {}
      func regionAdded(_ section: MemorySection) { sections += 1 }
      func regionRemoved(_ section: MemorySection) { sections -= 1 }
    }
    var isGone = false
    var owner: Owner? = Owner(space: space) { isGone = true }
    if let owner {
      space.register(owner)
      space.add(MemoryRegion(name: "io", base: 0, size: 0x10, kind: .io(owner)))
      #expect(owner.sections == 1)
      space.tearDown()
      #expect(owner.sections == 1)
    }
    owner = nil
    #expect(isGone)
    #expect(space.flatView.sections.isEmpty)
  }

  @Test func aRegionThatGrowsIsRemovedAndAdded() {
    let listener = RecordingListener()
    space.register(listener)
    let id = space.add(MemoryRegion(name: "ecam", base: 0x1000, size: 0x100, kind: .io(device)))
    space.resize(id, to: 0x200)
    #expect(
      listener.log == ["add 1000-10ff ecam", "del 1000-10ff ecam", "add 1000-11ff ecam"])
    #expect(space.region(id)?.size == 0x200)
  }

  @Test func aSectionKnowsItsMemoryAndFile() throws {
    let file = MemoryFile(descriptor: 9, offset: 0x4000)
    space.add(
      MemoryRegion(
        name: "ram", base: 0, size: 0x4000, kind: .ram(hostAddress: 0x10000, file: file)))
    space.add(MemoryRegion(name: "io", base: 0, size: 0x1000, priority: 1, kind: .io(device)))
    let section = try #require(space.flatView.sections.last)
    #expect(section.hostAddress == 0x11000)
    #expect(section.file == MemoryFile(descriptor: 9, offset: 0x5000))
    #expect(section.isRAM && !section.isDeviceRAM && !section.isReadOnly)
    #expect(space.flatView.sections.first?.isRAM == false)
  }
}
