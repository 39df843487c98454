import HostKernel
import SystemPackage
import TestSupport
import Testing

@testable import VFIO

@Suite struct RegionInfoTests {
  private static let request: UInt = 0x3b6c

  /// `vfio_region_info` with read, write, mmap and, where there is a chain, caps.
  private static func header(
    argsz: Int, flags: UInt32 = 0xf, first: UInt32 = 32, size: UInt64 = 0x80_0000
  ) -> [UInt8] {
    little(UInt32(argsz), flags, UInt32(3), first, size, UInt64(0x300_0000_0000))
  }

  private static func sparse(
    next: UInt32, _ areas: [(UInt64, UInt64)], count: UInt32? = nil
  ) -> [UInt8] {
    little(UInt16(1), UInt16(1), next, count ?? UInt32(areas.count), UInt32(0))
      + areas.flatMap { little($0.0, $0.1) }
  }

  private static func capability(id: UInt16, next: UInt32) -> [UInt8] {
    little(id, UInt16(1), next)
  }

  /// Answers as Linux does: the needed size first, then everything.
  private static func answering(_ whole: [UInt8]) -> ScriptedVFIO.Answer {
    { bytes in
      if bytes.count < whole.count {
        bytes.put(header(argsz: whole.count, first: 0), at: 0)
      } else {
        bytes.put(whole, at: 0)
      }
      return nil
    }
  }

  /// What is decoded from a chain that begins after the structure.
  private func info(
    _ chain: [UInt8], flags: UInt32 = 0xf, first: UInt32 = 32
  ) throws -> RegionInfo {
    let whole = Self.header(argsz: 32 + chain.count, flags: flags, first: first) + chain
    return try ScriptedVFIO([Self.answering(whole)]).makeDevice().regionInfo(3)
  }

  // MARK: - The calls

  @Test func aRegionWithoutCapabilitiesTakesOneCall() throws {
    let kernel = ScriptedVFIO([Self.answering(Self.header(argsz: 32, flags: 0x3, first: 0))])
    let info = try kernel.makeDevice().regionInfo(3)
    #expect(
      kernel.calls == [
        .init(
          request: Self.request,
          argument: little(UInt32(32), UInt32(0), UInt32(3), UInt32(0), UInt64(0), UInt64(0)))
      ])
    #expect(info.flags == 3 && info.size == 0x80_0000 && info.fileOffset == 0x300_0000_0000)
    #expect(info.isReadable && info.isWritable && !info.isMappable)
    #expect(info.sparseAreas == nil && !info.isMSIXMappable)
  }

  @Test func theArgumentGrowsToWhatTheKernelAsksFor() throws {
    let chain =
      Self.sparse(next: 32 + 48, [(0, 0x1000), (0x3000, 0x5000)])
      + Self.capability(id: 3, next: 0)
    let kernel = ScriptedVFIO([Self.answering(Self.header(argsz: 88) + chain)])
    let info = try kernel.makeDevice().regionInfo(3)
    #expect(kernel.calls.map { $0.argument?.count } == [32, 88])
    #expect(kernel.calls.map { $0.argument?.word(at: 0) } == [32, 88])
    #expect(kernel.calls.map { $0.argument?.word(at: 8) } == [3, 3])
    #expect(
      info.sparseAreas == [.init(offset: 0, size: 0x1000), .init(offset: 0x3000, size: 0x5000)])
    #expect(info.isMSIXMappable)
  }

  @Test func aSizeThatNoKernelAsksForIsNotBelieved() throws {
    for needed in [65537, Int(UInt32.max)] {
      let kernel = ScriptedVFIO([
        { bytes in
          bytes.put(Self.header(argsz: needed, first: 0), at: 0)
          return nil
        }
      ])
      let info = try kernel.makeDevice().regionInfo(3)
      #expect(kernel.calls.count == 1)
      #expect(info.size == 0x80_0000 && info.sparseAreas == nil)
    }
  }

  @Test func aKernelThatKeepsAskingForMoreIsAskedTwice() throws {
    let kernel = ScriptedVFIO([
      { bytes in
        bytes.put(Self.header(argsz: bytes.count + 16, first: 0), at: 0)
        return nil
      }
    ])
    _ = try kernel.makeDevice().regionInfo(3)
    #expect(kernel.calls.count == 2)
  }

  @Test(arguments: [0, 1])
  func anErrorOfEitherCallIsThrown(_ failing: Int) throws {
    var answers: [ScriptedVFIO.Answer] = [
      Self.answering(Self.header(argsz: 40) + Self.capability(id: 3, next: 0)),
      { _ in .ioError },
    ]
    answers.removeFirst(1 - failing)
    let device = try ScriptedVFIO(answers).makeDevice()
    #expect(throws: Errno.ioError) { try device.regionInfo(3) }
  }

  // MARK: - The chain

  @Test func aChainWithoutTheFlagIsNotLookedAt() throws {
    let info = try info(Self.capability(id: 3, next: 0), flags: 0x7)
    #expect(!info.isMSIXMappable)
  }

  @Test func unknownCapabilitiesAreSkipped() throws {
    let info = try info(
      Self.capability(id: 2, next: 40) + Self.capability(id: 77, next: 48)
        + Self.capability(id: 3, next: 0))
    #expect(info.isMSIXMappable && info.sparseAreas == nil)
  }

  @Test func aSparseCapabilityWithoutAreasIsNotTheSameAsNone() throws {
    #expect(try info(Self.sparse(next: 0, [])).sparseAreas == [])
  }

  /// Chains whose second link is bad; what stands before it counts.
  @Test(arguments: [
    ("itself", 32), ("backwards", 8), ("just before", 31), ("the end", 48), ("outside", 4096),
    ("a cut header", 44), ("far outside", UInt32.max),
  ])
  func aBadLinkEndsTheChain(_ name: String, _ next: UInt32) throws {
    let kernel = ScriptedVFIO([
      Self.answering(
        Self.header(argsz: 48) + Self.capability(id: 3, next: next)
          + Self.capability(id: 9, next: 0))
    ])
    let info = try kernel.makeDevice().regionInfo(3)
    #expect(info.isMSIXMappable && info.sparseAreas == nil)
  }

  @Test(arguments: [0, 41, 48, 4096, UInt32.max])
  func aChainThatBeginsOutsideIsEmpty(_ first: UInt32) throws {
    let info = try info(
      Self.capability(id: 3, next: 0) + Self.capability(id: 3, next: 0), first: first)
    #expect(!info.isMSIXMappable)
  }

  @Test(arguments: [3, 1000, UInt32.max])
  func areasThatAreNotThereAreNotMadeUp(_ count: UInt32) throws {
    let info = try info(Self.sparse(next: 0, [(0x1000, 0x2000), (0x4000, 0x1000)], count: count))
    #expect(info.sparseAreas?.map(\.offset) == [0x1000, 0x4000])
  }

  @Test func aCutSparseHeaderHasNoAreas() throws {
    #expect(try info(Self.capability(id: 1, next: 0)).sparseAreas == [])
  }

  @Test(
    arguments: [
      (0, 0x1000, 0xfff), (0x1000, 1, 0x1000), (0x8000, 0, 0x7fff), (.max, 2, 0),
    ] as [(UInt64, UInt64, UInt64)])
  func anAreasLastOffsetIsInside(_ offset: UInt64, _ size: UInt64, _ last: UInt64) {
    #expect(RegionInfo.Area(offset: offset, size: size).last == last)
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func anyBytesAreWalkedForwardsAndInside(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let count = Int.random(in: 0...96, using: &generator)
    var bytes = (0..<count).map { _ in UInt8.random(in: 0...8, using: &generator) }
    // Small links, so that many of them lead somewhere.
    for place in stride(from: 4, to: count, by: 4) where Bool.random(using: &generator) {
      bytes.put(little(UInt32.random(in: 0...UInt32(count), using: &generator)), at: place)
    }
    var argument = ArgumentBytes(UInt8(0))
    argument.bytes = bytes
    let first = UInt32.random(in: 0...UInt32(count + 8), using: &generator)
    let chain = InfoCapability.walk(argument, from: first)
    let offsets = chain.map(\.offset)
    #expect(offsets == Array(Set(offsets)).sorted())
    #expect(offsets.allSatisfy { $0 > 0 && $0 + 8 <= count })
    #expect(offsets.first == (first > 0 && Int(first) + 8 <= count ? Int(first) : nil))
    for (capability, following) in zip(chain, chain.dropFirst()) {
      #expect(bytes.word(at: capability.offset + 4) == UInt32(following.offset))
      #expect(UInt32(capability.id) == bytes.word(at: capability.offset) & 0xffff)
      #expect(UInt32(capability.version) == bytes.word(at: capability.offset) >> 16)
    }
    if let last = chain.last {
      // It could not have gone on.
      let next = bytes.word(at: last.offset + 4)
      #expect(Int(next) <= last.offset || Int(next) + 8 > count)
    }
  }
}
