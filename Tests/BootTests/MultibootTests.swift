import Hypervisor
import Testing

@testable import Boot

@Suite struct MultibootTests {
  /// An image for 1 MiB, loaded by the addresses in its header, which is at byte 32.
  static let flat =
    [UInt8](repeating: 0x90, count: 32)
    + Images.multibootHeader([0x10_0020, 0x10_0000, 0x10_0050, 0x10_1000, 0x10_0040])
    + [UInt8](repeating: 0xf4, count: 16)

  @Test func anImageWithAddressesIsLoadedByThem() throws {
    let plan = try Planning.plan(Self.flat, commandLine: "a b")
    #expect(plan.bootProtocol == .multiboot)
    #expect(plan.cpu.rip == 0x10_0040)
    #expect(plan.cpu.general.rax == 0x2bad_b002)
    #expect(try plan.bytes(at: 0x10_0000, count: 200) == Self.flat)
    #expect(try plan.bytes(at: 0x10_0050, count: 5000) == [UInt8](repeating: 0, count: 0xfb0))
    let information = try plan.bytes(at: plan.cpu.general.rbx, count: 120)
    #expect(information.load(UInt32.self, at: 0) == 0x245)
    #expect(information.load(UInt32.self, at: 4) == 639)
    #expect(information.load(UInt32.self, at: 8) == 511 << 10)
    let commandLine = try #require(information.load(UInt32.self, at: 16))
    #expect(
      try plan.bytes(at: UInt64(commandLine), count: 99) == [UInt8]("kernel a b".utf8) + [0])
    #expect(information.load(UInt32.self, at: 44) == UInt32(24 * plan.memoryMap.count))
    let map = try #require(information.load(UInt32.self, at: 48))
    let entry = try plan.bytes(at: UInt64(map), count: 24)
    #expect(entry.load(UInt32.self, at: 0) == 20)
    #expect(entry.load(UInt64.self, at: 12) == 0x9_fc00)
  }

  @Test func anELFImageIsLoadedByItsSegmentsAndStartsAtItsPhysicalEntry() throws {
    let contents = Images.multibootHeader() + [0xf4, 0, 0, 0]
    let image = Images.elf(
      is64Bit: false, entry: 0xc010_000c,
      [Images.Segment(physical: 0x10_0000, virtual: 0xc010_0000, contents: contents)])
    let plan = try Planning.plan(image)
    #expect(plan.bootProtocol == .multiboot)
    #expect(plan.cpu.rip == 0x10_000c)
  }

  @Test func a64BitELFImageIsRefusedInQEMUsWords() {
    let image = Images.elf(
      is64Bit: true, entry: 0x10_000c,
      [Images.Segment(physical: 0x10_0000, virtual: 0, contents: Images.multibootHeader())])
    #expect(Planning.failure(image) == .multibootELF64)
  }

  @Test func modulesFollowTheKernelPageAligned() throws {
    let plan = try Planning.plan(
      Self.flat, initrd: "one first,two,,2", files: ["one": 5000, "two,2": 1])
    let information = try plan.bytes(at: plan.cpu.general.rbx, count: 120)
    #expect(information.load(UInt32.self, at: 20) == 2)
    let list = try #require(information.load(UInt32.self, at: 24))
    let modules = try plan.bytes(at: UInt64(list), count: 32)
    #expect(modules.load(UInt32.self, at: 0) == 0x10_1000)
    #expect(modules.load(UInt32.self, at: 4) == 0x10_2388)
    #expect(modules.load(UInt32.self, at: 16) == 0x10_3000)
    #expect(modules.load(UInt32.self, at: 20) == 0x10_3001)
    let text = try #require(modules.load(UInt32.self, at: 8))
    #expect(try plan.bytes(at: UInt64(text), count: 99) == [UInt8]("one first".utf8) + [0])
  }

  @Test(arguments: [
    ("a", ["a"]), ("a x y,b", ["a x y", "b"]), ("a,,b", ["a,b"]), ("a,,,b", ["a,", "b"]),
    (" a", ["a"]), ("", [""]),
  ])
  func aListOfModulesIsSplitAtSingleCommas(list: String, modules: [String]) {
    #expect(MultibootModule.list(list).map(\.text) == modules)
  }

  @Test(arguments: [
    ([0x10_0000, 0x10_0004, 0, 0, 0x10_0000], BootError.MultibootFault.loadAddress),
    ([0x10_0004, 0x10_0000, 0, 0, 0x10_0000], .headerAddress),
    ([0x10_0000, 0x10_0000, 0x0f_0000, 0, 0x10_0000], .loadEndAddress),
    ([0x10_0000, 0x10_0000, 0, 0x10_0001, 0x10_0000], .bssEndAddress),
    ([0x10_0000, 0x10_0000, 0, 0, 0x20_0000], .entryAddress),
    ([0x10_0000], .truncated),
  ])
  func addressesThatContradictEachOtherAreRefused(
    addresses: [UInt32], fault: BootError.MultibootFault
  ) {
    #expect(
      Planning.failure(Images.multibootHeader(addresses)) == .invalidMultiboot(fault))
  }

  @Test func theHeaderIsLookedForInTheFirst8KiB() {
    func image(_ offset: Int) -> [UInt8] {
      let header = Images.multibootHeader([0x10_0000, 0x10_0000, 0, 0, 0x10_0000])
      return [UInt8](repeating: 0, count: offset) + header
    }
    #expect(Planning.failure(image(8192 - 32)) == nil)
    #expect(Planning.failure(image(8192)) == .notAKernel)
    #expect(Planning.failure(image(2)) == .notAKernel)
  }
}
