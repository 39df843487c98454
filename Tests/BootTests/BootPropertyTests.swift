import TestSupport
import Testing

@testable import Boot

@Suite struct BootPropertyTests {
  /// All that holds of any plan.
  static func check(_ plan: BootPlan, memory: UInt64, _ note: String) {
    let platform = Planning.platform(memory)
    var end: UInt64 = 0
    for segment in plan.segments {
      #expect(segment.address >= end, "\(note): segments overlap")
      end = segment.range.upperBound
    }
    #expect(end <= platform.memoryBelow4G, "\(note): a segment outside RAM")

    var last: UInt64 = 0
    var covered: UInt64 = 0
    let high: UInt64 = 1 << 32
    let ram = [0..<platform.memoryBelow4G, high..<(high + platform.memoryAbove4G)]
    for entry in plan.memoryMap {
      #expect(entry.range.lowerBound >= last && !entry.range.isEmpty, "\(note): map order")
      last = entry.range.upperBound
      let inRAM = ram.map { UInt64($0.clamped(to: entry.range).count) }.reduce(0, +)
      #expect(inRAM == 0 || inRAM == UInt64(entry.range.count), "\(note): half in RAM")
      #expect(inRAM > 0 || entry.kind == .reserved, "\(note): usable without RAM")
      covered += inRAM
    }
    #expect(covered == memory, "\(note): map covers RAM")
  }

  @Test func everyPlanStaysInRAMAndReportsItOnce() throws {
    var random = SeededGenerator(seed: 4)
    var planned = 0
    for round in 0..<300 {
      // From 1 MiB to 64 GiB, evenly over the orders of magnitude.
      let bits = UInt64.random(in: 20...35, using: &random)
      let memory = UInt64.random(in: 1 << bits...1 << (bits + 1), using: &random) & ~0x1fff
      let diskBits = UInt64.random(in: 0...31, using: &random)
      let disk = UInt64.random(in: 0...1 << diskBits, using: &random)
      var image = Images.Linux()
      image.bodyCount = 16 * Int.random(in: 1...100, using: &random)
      image.initSize = UInt32.random(in: 0...1 << 28, using: &random)
      image.preferredAddress = UInt64.random(in: 0...1 << 28, using: &random)
      image.alignment = 1 << UInt32.random(in: 12...24, using: &random)
      image.diskLast = UInt32.random(in: 1 << 24...UInt32.max, using: &random)
      image.extendedFlags = UInt16.random(in: 0...0x7f, using: &random)
      let kernel = [image.bytes, Images.pvh(), MultibootTests.flat][round % 3]
      guard
        let plan = try? Planning.plan(
          kernel, initrd: "disk", files: ["disk": disk], commandLine: "x", memory: memory)
      else { continue }
      planned += 1
      Self.check(plan, memory: memory, "round \(round)")
    }
    #expect(planned > 75)
  }

  @Test func aRefusedSizeOfMemoryIsEnoughWhenItIsWhatWasAdvised() throws {
    var random = SeededGenerator(seed: 5)
    var advised = 0
    for round in 0..<300 {
      var image = Images.Linux()
      image.initSize = UInt32.random(in: 0...1 << 28, using: &random)
      let disk = UInt64.random(in: 1...1 << 30, using: &random)
      let kernel = [image.bytes, Images.pvh(), MultibootTests.flat][round % 3]
      func failure(_ memory: UInt64) -> BootError.Failure? {
        Planning.failure(kernel, initrd: "disk", files: ["disk": disk], memory: memory)
      }
      switch failure(32 << 20) {
      case .kernelTooLarge(let end, _):
        let memory = try #require(BootPlatform.memoryWith(lowMemory: end))
        if case .kernelTooLarge = failure(memory) { Issue.record("round \(round)") }
      case .initialRAMDiskTooLarge(_, let largest, let enough):
        #expect(failure(try #require(enough)) == nil, "round \(round)")
        #expect(largest < disk)
        advised += 1
      default: continue
      }
    }
    #expect(advised > 30)
  }

  @Test func noBytesOfAKernelAreTooMuch() throws {
    var random = SeededGenerator(seed: 6)
    let elf = Images.elf(
      is64Bit: false, entry: 0x10_000c,
      [
        Images.Segment(physical: 0x10_0000, virtual: 0, contents: Images.multibootHeader()),
        Images.Segment(physical: 0x20_0000, virtual: 0, contents: [1, 2, 3], zeros: 77),
      ])
    var small = Images.Linux()
    small.bodyCount = 64
    let seeds = [small.bytes, Images.pvh(), Images.pvh(is64Bit: false), MultibootTests.flat, elf]
    for round in 0..<3000 {
      var image = seeds[round % seeds.count]
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        // Mostly in the headers, which the first bytes of each image and of Linux's are.
        let first = image.count > 0x280 ? Int.random(in: 0..<0x98, using: &random) + 0x1f1 : 0
        let index =
          first > 0 ? first : Int.random(in: 0..<min(image.count, 0x140), using: &random)
        image[index] =
          Bool.random(using: &random)
          ? UInt8.random(in: 0...255, using: &random) : [0, 1, 0x7f, 0x80, 0xff][round % 5]
      }
      if Int.random(in: 0..<8, using: &random) == 0 {
        image.removeLast(Int.random(in: 0...image.count, using: &random))
      }
      guard
        let plan = try? Planning.plan(
          image, initrd: "disk", files: ["disk": 12345], memory: 64 << 20, hasTables: false)
      else { continue }
      Self.check(plan, memory: 64 << 20, "round \(round)")
    }
  }
}
