import Hypervisor
import Testing

@testable import Boot

@Suite struct LinuxBootTests {
  @Test func aKernelStartsIn64BitModeWithItsZeroPageInRSI() throws {
    let plan = try Planning.plan(Images.Linux().bytes)
    #expect(plan.bootProtocol == .linux64)
    #expect(plan.cpu.rip == 0x100_0200)
    #expect(plan.cpu.efer == 0x500)
    let descriptor = try plan.bytes(at: plan.cpu.gdt.base + 0x10, count: 16)
    let code = try #require(descriptor.load(UInt64.self, at: 0))
    let data = try #require(descriptor.load(UInt64.self, at: 8))
    #expect(CPUSegment(selector: 0x10, descriptor: code) == plan.cpu.cs)
    #expect(CPUSegment(selector: 0x18, descriptor: data) == plan.cpu.ds)
  }

  @Test func aKernelWithout64BitEntryStartsIn32BitMode() throws {
    var image = Images.Linux()
    image.extendedFlags = 0
    let plan = try Planning.plan(image.bytes)
    #expect(plan.bootProtocol == .linux32)
    #expect(plan.cpu.rip == 0x100_0000)
    #expect(plan.cpu.cr0 & 1 << 31 == 0)
    let descriptor = try plan.bytes(at: plan.cpu.gdt.base + 0x10, count: 8)
    let code = try #require(descriptor.load(UInt64.self, at: 0))
    #expect(CPUSegment(selector: 0x10, descriptor: code) == plan.cpu.cs)
  }

  @Test func theZeroPageSaysWhereEverythingIs() throws {
    let plan = try Planning.plan(
      Images.Linux().bytes, initrd: "disk", files: ["disk": 5000], commandLine: "console=ttyS0")
    let page = try plan.bytes(at: plan.cpu.general.rsi, count: 4096)
    #expect(page.load(UInt32.self, at: 0x202) == 0x5372_6448)
    #expect(page[0x210] == 0xff)
    #expect(page.load(UInt64.self, at: 0x70) == 0xe_0000)
    #expect(page.load(UInt32.self, at: 0x218) == 0x1fff_e000)
    #expect(page.load(UInt32.self, at: 0x21c) == 5000)
    let commandLine = try #require(page.load(UInt32.self, at: 0x228))
    let text = try plan.bytes(at: UInt64(commandLine), count: 100)
    #expect(text == [UInt8]("console=ttyS0".utf8) + [0])
    #expect(Int(page[0x1e8]) == plan.memoryMap.count)
    for (index, entry) in plan.memoryMap.enumerated() {
      let offset = 0x2d0 + 20 * index
      #expect(page.load(UInt64.self, at: offset) == entry.range.lowerBound)
      #expect(page.load(UInt64.self, at: offset + 8) == UInt64(entry.range.count))
      #expect(page.load(UInt32.self, at: offset + 16) == entry.kind.rawValue)
    }
  }

  @Test func theBodyOfTheImageLiesAtThePreferredAddress() throws {
    let image = Images.Linux().bytes
    let plan = try Planning.plan(image)
    #expect(try plan.bytes(at: 0x100_0000, count: 0x400) == Array(image[2048...]))
  }

  @Test func pageTablesMapTheFirst4GiBToItself() throws {
    let plan = try Planning.plan(Images.Linux().bytes)
    let tables = plan.cpu.cr3
    func entry(_ table: UInt64, _ index: UInt64) throws -> UInt64 {
      let bytes = try plan.bytes(at: table + 8 * index, count: 8)
      return try #require(bytes.load(UInt64.self, at: 0))
    }
    for address in [0, 0x1234_5678, 0xfec0_0010, 0xffff_ffff] as [UInt64] {
      var table = tables
      for shift in [39, 30] as [UInt64] {
        let next = try entry(table, address >> shift & 0x1ff)
        #expect(next & 0x83 == 3)
        table = next & ~0xfff
      }
      let page = try entry(table, address >> 21 & 0x1ff)
      #expect(page & 0x83 == 0x83)
      #expect(page & ~0x1f_ffff | address & 0x1f_ffff == address)
    }
  }

  @Test func aRelocatableKernelIsAlignedUpFromItsPreferredAddress() throws {
    var image = Images.Linux()
    image.preferredAddress = 0x100_0001
    #expect(try Planning.plan(image.bytes).cpu.rip == 0x120_0200)
    image.preferredAddress = 0
    #expect(try Planning.plan(image.bytes).cpu.rip == 0x20_0200)
  }

  @Test(arguments: [
    (0x7fff_ffff as UInt32, 0x7d as UInt16, 0x2000_0000 as UInt64),
    (0x0fff_ffff, 0x7d, 0x1000_0000),
    (0x0fff_ffff, 0x7f, 0x2000_0000),
  ])
  func theDiskIsAsHighAsTheHeaderAndMemoryAllow(last: UInt32, flags: UInt16, end: UInt64) throws {
    var image = Images.Linux()
    image.diskLast = last
    image.extendedFlags = flags
    let plan = try Planning.plan(image.bytes, initrd: "disk", files: ["disk": 4096])
    #expect(plan.segments.last?.range == end - 4096..<end)
  }

  @Test func anEmptyDiskIsNoDisk() throws {
    let plan = try Planning.plan(Images.Linux().bytes, initrd: "disk", files: ["disk": 0])
    let page = try plan.bytes(at: plan.cpu.general.rsi, count: 4096)
    #expect(page.load(UInt64.self, at: 0x218) == 0)
  }

  @Test func aKernelThatMemoryCannotHoldIsRefusedWithTheMemoryThatCan() throws {
    #expect(
      Planning.failure(Images.Linux().bytes, memory: 16 << 20)
        == .kernelTooLarge(end: 0x140_0000, memory: 16 << 20))
    #expect(
      BootError("k", .kernelTooLarge(end: 0x140_0001, memory: 16 << 20)).hints
        == ["The guest needs more memory: -m 21M is enough to load this kernel."])
    #expect(Planning.failure(Images.Linux().bytes, memory: 21 << 20) == nil)
  }

  @Test func aDiskThatMemoryCannotHoldIsRefusedWithTheMemoryThatCan() {
    let failure = Planning.failure(
      Images.Linux().bytes, initrd: "disk", files: ["disk": 100 << 20], memory: 64 << 20)
    #expect(
      failure
        == .initialRAMDiskTooLarge(
          size: 100 << 20, largest: 64 << 20 - 0x140_0000, enough: 120 << 20))
    #expect(
      Planning.failure(
        Images.Linux().bytes, initrd: "disk", files: ["disk": 100 << 20], memory: 120 << 20)
        == nil)
  }

  @Test func noMemoryIsPromisedForADiskBeyondTheHeadersLimit() {
    var image = Images.Linux()
    image.extendedFlags = 0x7d
    image.diskLast = 0x2ff_ffff
    #expect(
      Planning.failure(image.bytes, initrd: "disk", files: ["disk": 100 << 20])
        == .initialRAMDiskTooLarge(
          size: 100 << 20, largest: 0x300_0000 - 0x140_0000, enough: nil))
  }

  @Test func theCommandLineIsLimitedByTheHeader() {
    func failure(_ count: Int) -> BootError.Failure? {
      Planning.failure(
        Images.Linux().bytes, commandLine: String(repeating: "x", count: count))
    }
    #expect(failure(2047) == nil)
    #expect(failure(2048) == .commandLineTooLong(length: 2048, limit: 2047))
  }

  @Test func headersThatMakeNoSenseAreRefused() {
    func failure(_ change: (inout Images.Linux) -> Void) -> BootError.Failure? {
      var image = Images.Linux()
      change(&image)
      return Planning.failure(image.bytes)
    }
    #expect(failure { $0.version = 0x209 } == .protocolTooOld(version: 0x209))
    #expect(failure { $0.loadFlags = 0 } == .invalidLinuxHeader(.loadedLow))
    #expect(failure { $0.alignment = 0x30_0000 } == .invalidLinuxHeader(.alignment(0x30_0000)))
    #expect(failure { $0.alignment = 0 } == .invalidLinuxHeader(.alignment(0)))
    #expect(failure { $0.preferredAddress = .max } == .invalidLinuxHeader(.address(.max)))
    #expect(
      failure {
        $0.isRelocatable = 0
        $0.preferredAddress = 0x1000
      } == .invalidLinuxHeader(.address(0x1000)))
    #expect(failure { $0.bodyCount = 0 } == .invalidLinuxHeader(.setupBeyondFile))
  }

  @Test(arguments: [0x208, 0x240, 0x263, 0x300, 2048])
  func aFileThatEndsInItsHeaderIsRefused(count: Int) {
    let image = Array(Images.Linux().bytes[..<count])
    let expected: BootError.LinuxHeaderFault = count < 0x264 ? .truncated : .setupBeyondFile
    #expect(Planning.failure(image) == .invalidLinuxHeader(expected))
  }

  @Test func aFileThatEndsInTheKernelIsRefused() {
    let image = Images.Linux().bytes
    #expect(
      Planning.failure(Array(image.dropLast(100)))
        == .endsEarly(needed: UInt64(image.count), size: UInt64(image.count - 100)))
  }

  @Test func aFileThatShrankSinceThePlanFailsTheWrite() throws {
    var large = Images.Linux()
    large.bodyCount = 0x4000
    let image = large.bytes
    let plan = try BootPlan(
      GuestPayload(kernel: "kernel"), on: Planning.platform(512 << 20)
    ) { path, _ throws(BootError) in
      MemorySource(path, Array(image[..<0x3000]), size: UInt64(image.count))
    }
    let failure = BootError.Failure.endsEarly(needed: UInt64(image.count), size: 0x3000)
    #expect(throws: BootError("kernel", failure)) { try plan.write { _, _ in } }
  }
}
