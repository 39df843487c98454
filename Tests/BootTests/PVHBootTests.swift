import Hypervisor
import Testing

@testable import Boot

@Suite struct PVHBootTests {
  @Test(arguments: [true, false])
  func anImageStartsWhereItsNoteSays(is64Bit: Bool) throws {
    let plan = try Planning.plan(
      Images.pvh(is64Bit: is64Bit), initrd: "disk", files: ["disk": 9000], commandLine: "quiet")
    #expect(plan.bootProtocol == .pvh)
    #expect(plan.cpu.rip == 0x10_0010)
    #expect(plan.cpu.cr0 & 0x8000_0001 == 1)
    let start = try plan.bytes(at: plan.cpu.general.rbx, count: 56)
    #expect(start.load(UInt32.self, at: 0) == 0x336e_c578)
    #expect(start.load(UInt32.self, at: 4) == 1)
    #expect(start.load(UInt32.self, at: 12) == 1)
    #expect(start.load(UInt64.self, at: 32) == 0xe_0000)
    #expect(start.load(UInt32.self, at: 48) == UInt32(plan.memoryMap.count))
    let commandLine = try #require(start.load(UInt64.self, at: 24))
    #expect(try plan.bytes(at: commandLine, count: 10) == [UInt8]("quiet".utf8) + [0])
    let modules = try #require(start.load(UInt64.self, at: 16))
    let module = try plan.bytes(at: modules, count: 32)
    #expect(module.load(UInt64.self, at: 0) == 0x1fff_d000)
    #expect(module.load(UInt64.self, at: 8) == 9000)
    let map = try #require(start.load(UInt64.self, at: 40))
    let entry = try plan.bytes(at: map, count: 24)
    #expect(entry.load(UInt64.self, at: 8) == 0x9_fc00)
    #expect(entry.load(UInt32.self, at: 16) == 1)
  }

  @Test func memoryBehindASegmentsFileBytesIsZero() throws {
    let plan = try Planning.plan(Images.pvh())
    #expect(try plan.bytes(at: 0x10_0000, count: 64) == [UInt8](repeating: 0x90, count: 64))
    #expect(try plan.bytes(at: 0x10_0040, count: 9000) == [UInt8](repeating: 0, count: 8192))
  }

  @Test func anImageWithoutTheNoteIsRefusedInQEMUsWords() {
    #expect(Planning.failure(Images.pvh(note: ("Xen", 17, [0, 0, 0, 0]))) == .noPVHNote)
    #expect(Planning.failure(Images.pvh(note: ("Zen", 18, [0, 0, 0, 0]))) == .noPVHNote)
    #expect(Planning.failure(Images.pvh(note: ("Xen", 18, [1]))) == .noPVHNote)
  }

  @Test func anEntryOutsideTheImageIsRefused() {
    let note: [UInt8] = [0, 0, 0x20, 0, 0, 0, 0, 0]
    #expect(Planning.failure(Images.pvh(note: ("Xen", 18, note))) == .invalidELF(.entry(0x20_0000)))
    let high: [UInt8] = [0x10, 0, 0x10, 0, 1, 0, 0, 0]
    #expect(
      Planning.failure(Images.pvh(note: ("Xen", 18, high))) == .invalidELF(.entry(0x1_0010_0010)))
  }

  @Test func aSegmentThatIsNotInTheFileIsRefused() {
    let image = Images.pvh()
    #expect(
      Planning.failure(Array(image.dropLast()))
        == .endsEarly(needed: UInt64(image.count), size: UInt64(image.count - 1)))
  }

  @Test func aKernelMayBeInLowMemoryButNotOnTheTables() throws {
    func image(_ address: UInt64) -> [UInt8] {
      var note: [UInt8] = []
      note.append(little: UInt32(address))
      return Images.elf(
        is64Bit: false, entry: address,
        [Images.Segment(physical: address, virtual: address, contents: [1, 2, 3, 4])],
        note: ("Xen", 18, note))
    }
    for address in [0, 0x7000, 0x7c00, 0x9_fc00, 0xf_f000] as [UInt64] {
      let plan = try Planning.plan(image(address), initrd: "disk", files: ["disk": 1])
      #expect(plan.cpu.rip == address)
      BootPropertyTests.check(plan, memory: 512 << 20, "at \(address)")
    }
    #expect(
      throws: BootError("kernel", .kernelOnTables(0xe_1000..<0xe_1004))
    ) { try Planning.plan(image(0xe_1000)) }
  }

  @Test func segmentsThatOverlapAreRefused() {
    let segment = Images.Segment(physical: 0x10_0000, virtual: 0, contents: [0xf4, 0xf4])
    var second = segment
    second.physical += 1
    let image = Images.elf(
      is64Bit: false, entry: 0, [segment, second], note: ("Xen", 18, [0, 0, 0x10, 0]))
    #expect(Planning.failure(image) == .invalidELF(.overlap(0x10_0001)))
  }

  @Test func otherMachinesAreRefused() {
    var image = Images.pvh()
    image[18] = 183
    #expect(Planning.failure(image) == .invalidELF(.machine(183)))
  }
}
