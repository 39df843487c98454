import HostKernel
import SystemPackage
import Testing

@testable import VFIO

/// What a device asks of the kernel, byte by byte.
@Suite struct DeviceCallTests {
  private let kernel = ScriptedVFIO([{ _ in nil }])
  private let device: VFIODevice

  init() throws { device = try kernel.makeDevice() }

  /// The one structure that was handed to an ioctl.
  private func argument(of request: UInt) throws -> [UInt8] {
    let call = try #require(kernel.calls.first)
    #expect(kernel.calls.count == 1 && call.request == request)
    return try #require(call.argument)
  }

  private static func region(size: UInt64 = 0x1000, offset: UInt64 = 4) throws -> RegionInfo {
    let kernel = ScriptedVFIO([
      { bytes in
        bytes.put(little(UInt32(32), UInt32(7), UInt32(2), UInt32(0), size, offset), at: 0)
        return nil
      }
    ])
    return try kernel.makeDevice().regionInfo(2)
  }

  // MARK: - Interrupts

  @Test func anEventIsSetUpForAnAction() throws {
    try device.setEvent(55, 4, .trigger, start: 3)
    #expect(
      try argument(of: 0x3b6e)
        == little(UInt32(24), UInt32(0x24), UInt32(4), UInt32(3), UInt32(1), Int32(55)))
  }

  @Test(
    arguments: [
      (InterruptSetting.Action.mask, 0x0c), (.unmask, 0x14), (.trigger, 0x24),
    ] as [(InterruptSetting.Action, UInt32)])
  func anEventIsTornDownWithMinusOne(_ action: InterruptSetting.Action, _ flags: UInt32) throws {
    try device.setEvent(-1, 0, action)
    #expect(
      try argument(of: 0x3b6e)
        == little(UInt32(24), flags, UInt32(0), UInt32(0), UInt32(1), Int32(-1)))
  }

  @Test(
    arguments: [
      (InterruptSetting.Action.mask, 0x09), (.unmask, 0x11), (.trigger, 0x21),
    ] as [(InterruptSetting.Action, UInt32)])
  func anActionIsPerformedWithoutData(_ action: InterruptSetting.Action, _ flags: UInt32) throws {
    try device.perform(action, 0)
    #expect(
      try argument(of: 0x3b6e)
        == little(UInt32(20), flags, UInt32(0), UInt32(0), UInt32(1)))
  }

  @Test func severalVectorsAreTiedFromTheFirstOn() throws {
    #expect(try device.setEvents([55, -1, 56], 2) == 0)
    #expect(
      try argument(of: 0x3b6e)
        == little(
          UInt32(32), UInt32(0x24), UInt32(2), UInt32(0), UInt32(3), Int32(55), Int32(-1), Int32(56)
        ))
  }

  @Test func anIndexIsTurnedOffByACountOfNone() throws {
    try device.disableInterrupts(2)
    #expect(
      try argument(of: 0x3b6e)
        == little(UInt32(20), UInt32(0x21), UInt32(2), UInt32(0), UInt32(0)))
  }

  @Test(arguments: [(0x7, false), (0x9, true)] as [(UInt32, Bool)])
  func anInterruptsCountAndFlagsAreDecoded(_ flags: UInt32, _ isNotResizable: Bool) throws {
    let kernel = ScriptedVFIO([
      { bytes in
        bytes.put(little(UInt32(16), flags, UInt32(2), UInt32(129)), at: 0)
        return nil
      }
    ])
    #expect(
      try kernel.makeDevice().interruptInfo(2)
        == InterruptInfo(count: 129, isNotResizable: isNotResizable))
    #expect(kernel.calls.first?.request == 0x3b6d)
    #expect(
      kernel.calls.first?.argument == little(UInt32(16), UInt32(0), UInt32(2), UInt32(0)))
  }

  // MARK: - Reset

  @Test func aResetTakesNoArgument() throws {
    try device.reset()
    #expect(kernel.calls == [.init(request: 0x3b6f, argument: nil, value: 0)])
  }

  @Test func aHotResetByContextShowsNoGroups() throws {
    try device.hotReset(groups: [])
    #expect(try argument(of: 0x3b71) == little(UInt32(12), UInt32(0), UInt32(0)))
  }

  // MARK: - Regions

  @Test(arguments: [1, 2, 4, 8])
  func aWordIsReadAndWrittenLittleEndianAtItsPlaceInTheRegion(_ size: Int) throws {
    kernel.arrange { $0.memory = Array(0x10..<0x30) }
    let region = try Self.region()
    let expected = UInt64(0x1d1c_1b1a_1918_1716) & (UInt64.max >> UInt64(64 - 8 * size))
    #expect(try device.readWord(region, at: 2, size: size) == expected)
    try device.writeWord(region, at: 2, size: size, value: expected)
    #expect(kernel.writes.map(\.offset) == [6])
    #expect(kernel.writes.map(\.bytes) == [Array(0x16..<0x16 + UInt8(size))])
  }

  @Test func anAccessThatIsCutShortIsAnError() throws {
    kernel.arrange { $0.memory = [0, 0, 0, 0, 1, 2] }
    let region = try Self.region()
    #expect(throws: Errno.ioError) { try device.readWord(region, at: 0, size: 4) }
    #expect(throws: Errno.ioError) { try device.writeWord(region, at: 0, size: 4, value: 1) }
    #expect(throws: Errno.ioError) { try device.readWord(region, at: 100, size: 4) }
  }

  @Test(arguments: [Int.min, -1, 0, 9, Int.max])
  func aWordHasOneToEightBytes(_ size: Int) throws {
    let region = try Self.region()
    #expect(throws: Errno.invalidArgument) { try device.readWord(region, at: 0, size: size) }
    #expect(throws: Errno.invalidArgument) {
      try device.writeWord(region, at: 0, size: size, value: 0)
    }
    #expect(kernel.writes.isEmpty)
  }

  @Test(arguments: [(-1, 0), (0, 0), (3, 3), (6, 6), (7, 6)])
  func bytesAreAsManyAsTheDeviceGives(_ wanted: Int, _ given: Int) throws {
    kernel.arrange { $0.memory = Array(0..<10) }
    let bytes = try device.readBytes(try Self.region(), count: wanted)
    #expect(bytes == Array(4..<4 + UInt8(given)))
  }

  @Test func anExportNamesItsAreasAndOwnsTheBuffer() throws {
    kernel.arrange { $0.result = 77 }
    do {
      let buffer = try device.exportDMABuffer(
        region: 3, [.init(offset: 0, size: 0x1000), .init(offset: 0x3000, size: 0x2000)])
      #expect(buffer.rawValue == 77)
    }
    #expect(kernel.closed.suffix(1) == [77])
    let argument = try argument(of: 0x3b75)
    // Everything but the open flags, which are the C library's.
    #expect(argument.prefix(12).elementsEqual(little(UInt32(56), UInt32(0x1000b), UInt32(3))))
    #expect(
      argument.dropFirst(16).elementsEqual(
        little(
          UInt32(0), UInt32(2), UInt64(0), UInt64(0x1000), UInt64(0x3000), UInt64(0x2000))))
  }

  // MARK: - The argument's bytes

  @Test(arguments: [Int.min, -1, 9, 12, Int.max - 1, Int.max])
  func bytesOutsideAnArgumentAreNeitherReadNorWritten(_ offset: Int) {
    var argument = ArgumentBytes(UInt64(0x1122_3344_5566_7788), trailing: 4)
    let before = argument.bytes
    argument.store(UInt32(1), at: offset)
    #expect(argument.bytes == before)
    #expect(argument.load(UInt32.self, at: offset) == nil)
  }

  @Test func bytesInsideAnArgumentMayBeUnaligned() {
    var argument = ArgumentBytes(UInt32(0), trailing: 4)
    argument.store(UInt32(0x0403_0201), at: 3)
    #expect(argument.bytes == [0, 0, 0, 1, 2, 3, 4, 0])
    #expect(argument.load(UInt32.self, at: 3) == 0x0403_0201)
    #expect(argument.load(UInt32.self, at: 4) == 0x0004_0302)
  }

  @Test func aNegativeTrailerIsNone() {
    #expect(ArgumentBytes(UInt16(0), trailing: -5).bytes == [0, 0])
  }
}
