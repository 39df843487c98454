import HostKernel
import PCI
import SystemPackage
import TestSupport
import Testing

@testable import VFIO

@Suite struct HotResetInfoTests {
  private static let request: UInt = 0x3b70

  private static func entry(_ identifier: UInt32, bus: UInt8, devfn: UInt8) -> [UInt8] {
    little(identifier, UInt16(0), bus, devfn)
  }

  /// Answers as Linux does: `ENOSPC` with the count as long as there is no room for all.
  private static func answering(flags: UInt32, _ entries: [[UInt8]]) -> ScriptedVFIO.Answer {
    { bytes in
      bytes.put(little(flags, UInt32(entries.count)), at: 4)
      guard bytes.count >= 12 + 8 * entries.count else { return .noSpace }
      bytes.put(entries.flatMap { $0 }, at: 12)
      return nil
    }
  }

  private static func full(count: UInt32) -> ScriptedVFIO.Answer {
    { bytes in
      bytes.put(little(UInt32(0), count), at: 4)
      return .noSpace
    }
  }

  private static func failing(_ error: Errno) -> ScriptedVFIO.Answer {
    { _ in error }
  }

  // MARK: - The two forms

  @Test func aGroupsReportNamesGroups() throws {
    let kernel = ScriptedVFIO([
      Self.answering(
        flags: 0,
        [Self.entry(12, bus: 0x81, devfn: 0), Self.entry(13, bus: 0x81, devfn: 1)])
    ])
    let info = try kernel.makeDevice().hotResetInfo()
    #expect(
      info
        == .groups([
          .init(address: PCIAddress(bus: 0x81, devfn: 0), identifier: .init(number: 12)),
          .init(address: PCIAddress(bus: 0x81, devfn: 1), identifier: .init(number: 13)),
        ]))
    #expect(kernel.calls.map(\.request) == [Self.request, Self.request])
    #expect(
      kernel.calls.map(\.argument) == [
        little(UInt32(12), UInt32(0), UInt32(0)),
        little(UInt32(28), UInt32(0), UInt32(0)) + [UInt8](repeating: 0, count: 16),
      ])
  }

  @Test(arguments: [(1, false), (3, true), (2 | 1 | 0x80, true)] as [(UInt32, Bool)])
  func aDevicesReportNamesDeviceIdentifiers(_ flags: UInt32, _ areAllOwned: Bool) throws {
    let kernel = ScriptedVFIO([
      Self.answering(
        flags: flags,
        [
          Self.entry(1, bus: 0x81, devfn: 0), Self.entry(0, bus: 0x81, devfn: 1),
          Self.entry(.max, bus: 0x81, devfn: 8), Self.entry(7, bus: 0x82, devfn: 0xff),
        ])
    ])
    #expect(
      try kernel.makeDevice().hotResetInfo()
        == .devices(
          [
            .init(address: PCIAddress(bus: 0x81, devfn: 0), identifier: .opened(1)),
            .init(address: PCIAddress(bus: 0x81, devfn: 1), identifier: .ownedByGroup),
            .init(address: PCIAddress(bus: 0x81, devfn: 8), identifier: .notOwned),
            .init(address: PCIAddress(bus: 0x82, devfn: 0xff), identifier: .opened(7)),
          ], areAllOwned: areAllOwned))
  }

  @Test(
    arguments: [
      (0, .ownedByGroup, 0), (.max, .notOwned, -1), (1, .opened(1), 1),
      (0x8000_0000, .opened(0x8000_0000), .min),
    ] as [(UInt32, HotResetInfo.DeviceID, Int32)])
  func aDeviceIdentifierKeepsTheKernelsNumber(
    _ number: UInt32, _ identifier: HotResetInfo.DeviceID, _ shown: Int32
  ) {
    #expect(HotResetInfo.DeviceID(rawValue: number) == identifier)
    #expect(identifier.rawValue == shown)
  }

  @Test func theSegmentIsPartOfTheAddress() throws {
    let kernel = ScriptedVFIO([
      Self.answering(flags: 0, [little(UInt32(5), UInt16(0xabcd), UInt8(1), UInt8(2))])
    ])
    #expect(
      try kernel.makeDevice().hotResetInfo()
        == .groups([
          .init(address: PCIAddress(domain: 0xabcd, bus: 1, devfn: 2), identifier: .init(number: 5))
        ]))
  }

  // MARK: - Asking until it fits

  @Test func anEmptySetTakesOneCall() throws {
    let kernel = ScriptedVFIO([Self.answering(flags: 0, [])])
    #expect(try kernel.makeDevice().hotResetInfo() == .groups([]))
    #expect(kernel.calls.count == 1)
  }

  @Test func aSetThatGrowsBetweenTheCallsIsAskedForAgain() throws {
    let entries = (0..<4).map { Self.entry(1, bus: 0, devfn: UInt8($0)) }
    let kernel = ScriptedVFIO([
      Self.full(count: 2), Self.full(count: 3), Self.answering(flags: 0, entries),
    ])
    guard case .groups(let found) = try kernel.makeDevice().hotResetInfo() else {
      Issue.record("not by group")
      return
    }
    #expect(found.map(\.address.devfn) == [0, 1, 2, 3])
    #expect(kernel.calls.map { $0.argument?.word(at: 0) } == [12, 28, 36, 44])
  }

  @Test func aSetThatNeverFitsEnds() throws {
    let kernel = ScriptedVFIO([
      { bytes in
        bytes.put(little(UInt32(0), UInt32((bytes.count - 12) / 8 + 1)), at: 4)
        return .noSpace
      }
    ])
    let device = try kernel.makeDevice()
    #expect(throws: Errno.noSpace) { try device.hotResetInfo() }
    #expect(kernel.calls.count == 8)
  }

  @Test(arguments: [0, 65537, UInt32.max])
  func aCountThatCannotBeIsNotBelieved(_ count: UInt32) throws {
    let kernel = ScriptedVFIO([Self.full(count: count)])
    let device = try kernel.makeDevice()
    #expect(throws: Errno.noSpace) { try device.hotResetInfo() }
    #expect(kernel.calls.count == 1)
  }

  @Test func aSetThatIsChangingIsAskedForAgain() throws {
    let kernel = ScriptedVFIO([
      Self.full(count: 1), Self.failing(.resourceTemporarilyUnavailable),
      Self.failing(.resourceTemporarilyUnavailable),
      Self.answering(flags: 0, [Self.entry(12, bus: 0x81, devfn: 0)]),
    ])
    guard case .groups(let found) = try kernel.makeDevice().hotResetInfo() else {
      Issue.record("not by group")
      return
    }
    #expect(found.count == 1)
    #expect(kernel.calls.map { $0.argument?.count } == [12, 20, 20, 20])
  }

  @Test func aSetThatIsAlwaysChangingEndsInTheKernelsError() throws {
    let kernel = ScriptedVFIO([Self.failing(.resourceTemporarilyUnavailable)])
    let device = try kernel.makeDevice()
    #expect(throws: Errno.resourceTemporarilyUnavailable) { try device.hotResetInfo() }
    #expect(kernel.calls.count == 8)
  }

  @Test(arguments: [Errno.ioError, .inappropriateIOCTLForDevice, .notPermitted])
  func anyOtherErrorIsThrownAtOnce(_ error: Errno) throws {
    let kernel = ScriptedVFIO([Self.failing(error)])
    let device = try kernel.makeDevice()
    #expect(throws: error) { try device.hotResetInfo() }
    #expect(kernel.calls.count == 1)
  }

  // MARK: - Bad answers

  @Test(arguments: [3, UInt32.max])
  func entriesThatDoNotFitAreLeftOut(_ count: UInt32) throws {
    let kernel = ScriptedVFIO([
      Self.full(count: 2),
      { bytes in
        let entries = Self.entry(1, bus: 2, devfn: 3) + Self.entry(4, bus: 5, devfn: 6)
        bytes.put(little(UInt32(0), count) + entries, at: 4)
        return nil
      },
    ])
    #expect(
      try kernel.makeDevice().hotResetInfo()
        == .groups([
          .init(address: PCIAddress(bus: 2, devfn: 3), identifier: .init(number: 1)),
          .init(address: PCIAddress(bus: 5, devfn: 6), identifier: .init(number: 4)),
        ]))
  }

  @Test(arguments: 0..<100 as Range<UInt64>)
  func anyBytesGiveNoMoreEntriesThanTheyHold(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var bytes = (0..<Int.random(in: 0...100, using: &generator)).map { _ in
      UInt8.random(in: 0...255, using: &generator)
    }
    let count = UInt32.random(in: 0...16, using: &generator)
    bytes.put(little(UInt32.random(in: 0...3, using: &generator), count), at: 4)
    var argument = ArgumentBytes(UInt8(0))
    argument.bytes = bytes
    let fitting = min(Int(bytes.word(at: 8)), max(0, (bytes.count - 12) / 8))
    switch HotResetInfo(argument) {
    case .groups(let entries):
      #expect(bytes.count < 12 || bytes.word(at: 4) & 1 == 0)
      #expect(entries.count == (bytes.count < 12 ? 0 : fitting))
    case .devices(let entries, let areAllOwned):
      #expect(bytes.word(at: 4) & 1 == 1)
      #expect(areAllOwned == (bytes.word(at: 4) & 2 == 2))
      #expect(entries.count == fitting)
      for (index, entry) in entries.enumerated() {
        #expect(
          UInt32(bitPattern: entry.identifier.rawValue) == bytes.word(at: 12 + 8 * index))
      }
    }
  }
}
