import CLinux
import HostKernel
import SimulatedKernel
import SystemPackage
import Testing

@Suite struct DMABufferTests {
  private static let getBuffer =
    UInt32(VFIO_DEVICE_FEATURE_GET) | UInt32(VFIO_DEVICE_FEATURE_DMA_BUF)

  /// Asks for a dma-buf of ranges of a region, with this many of them said to be there.
  private static func export(
    _ test: TestDeviceHost, region: UInt32, _ ranges: [(UInt64, UInt64)], flags: UInt32 = getBuffer,
    count: Int? = nil, reserved: UInt32 = 0
  ) throws -> Int32 {
    let words: [UInt32] =
      [0, flags, region, clinux_dma_buf_open_flags(), reserved, UInt32(count ?? ranges.count)]
      + ranges.flatMap { offset, length in
        [offset, length].flatMap { [UInt32(truncatingIfNeeded: $0), UInt32($0 >> 32)] }
      }
    var bytes = ContractHost.bytes(words)
    bytes.replaceSubrange(0..<4, with: ContractHost.bytes([UInt32(bytes.count)]))
    return try test.host.kernel.control(test.device, UInt(VFIO_DEVICE_FEATURE), on: &bytes)
  }

  @Test func aKernelWithoutThemSaysSo() throws {
    let test = try TestDeviceHost()
    #expect(throws: Errno.inappropriateIOCTLForDevice) {
      try Self.export(test, region: 2, [(0, 4096)])
    }
  }

  struct Refusal: Sendable {
    var region: UInt32 = 2
    var ranges: [(UInt64, UInt64)] = [(0, 4096)]
    var flags = getBuffer
    var count: Int?
    var reserved: UInt32 = 0
    var error: Errno
  }

  static let refusals = [
    Refusal(region: 6, error: .operationNotSupportedByDevice),
    Refusal(region: 7, error: .operationNotSupportedByDevice),
    Refusal(region: 1, error: .invalidArgument), Refusal(region: 4, error: .invalidArgument),
    Refusal(ranges: [(0x800, 4096)], error: .invalidArgument),
    Refusal(ranges: [(0, 2048)], error: .invalidArgument),
    Refusal(ranges: [(0, 0)], error: .invalidArgument),
    Refusal(ranges: [(0xff000, 0x2000)], error: .invalidArgument),
    Refusal(ranges: [(1 << 63, 1 << 63)], error: .invalidArgument),
    Refusal(ranges: [], error: .invalidArgument), Refusal(count: 2, error: .badAddress),
    Refusal(reserved: 1, error: .invalidArgument),
    Refusal(
      flags: UInt32(VFIO_DEVICE_FEATURE_SET) | UInt32(VFIO_DEVICE_FEATURE_DMA_BUF),
      error: .invalidArgument),
    Refusal(flags: UInt32(VFIO_DEVICE_FEATURE_DMA_BUF), error: .invalidArgument),
  ]

  @Test(arguments: refusals.indices)
  func whatCannotBeExportedIsRefused(_ index: Int) throws {
    let refusal = Self.refusals[index]
    let test = try TestDeviceHost(exportsDMABuffers: true)
    #expect(throws: refusal.error) {
      try Self.export(
        test, region: refusal.region, refusal.ranges, flags: refusal.flags, count: refusal.count,
        reserved: refusal.reserved)
    }
  }

  @Test func aProbeMakesNone() throws {
    let test = try TestDeviceHost(exportsDMABuffers: true)
    let before = test.host.kernel.openObjects
    let probe = UInt32(VFIO_DEVICE_FEATURE_PROBE) | Self.getBuffer
    #expect(try Self.export(test, region: 2, [(0, 4096)], flags: probe) == 0)
    #expect(test.host.kernel.openObjects == before)
  }

  @Test func aDeviceReachesTheBARUntilItIsRevoked() throws {
    let test = try TestDeviceHost(exportsDMABuffers: true)
    let buffer = try Self.export(test, region: 2, [(0x2000, 0x2000)])
    let memory = try test.host.memory(pages: 1)
    try test.map(memory, at: 0)
    try pokeWords(memory, (0..<1024).map { $0 &* 0x9e37_79b9 })
    try test.map(file: buffer, start: 0x1000, pages: 1, at: 0x10_0000)
    #expect(try test.transfer(from: 0, to: 0x10_0000, count: 4096) == 2)
    #expect(try test.transfer(.deviceToMemory, from: 0x3000, to: 0, count: 4096) == 2)
    #expect(try peekWord(memory + 4) == 0x9e37_79b9)
    #expect(throws: Errno.invalidArgument) {
      try test.map(file: buffer, start: 0x1000, pages: 2, at: 0x20_0000)
    }
    // Decoding off revokes for good what was mapped, and lets nothing be mapped.
    try test.setCommand(0x104)
    #expect(throws: Errno.operationNotSupportedByDevice) {
      try test.map(file: buffer, start: 0, pages: 1, at: 0x20_0000)
    }
    try test.setCommand(0x107)
    #expect(try test.transfer(from: 0, to: 0x10_0000, count: 4096) == 0x400)
    try test.map(file: buffer, start: 0, pages: 1, at: 0x20_0000)
    #expect(try test.transfer(from: 0, to: 0x20_0000, count: 4096) == 2)
    // So does a reset.
    _ = try test.host.kernel.control(test.device, UInt(VFIO_DEVICE_RESET), value: 0)
    try test.setCommand(0x107)
    #expect(try test.transfer(from: 0, to: 0x20_0000, count: 4096) == 0x400)
    try test.unmap(at: 0x20_0000)
    try test.map(file: buffer, start: 0, pages: 1, at: 0x20_0000)
    #expect(try test.transfer(from: 0, to: 0x20_0000, count: 4096) == 2)
    // What is mapped keeps it after its descriptor.
    test.host.kernel.close(buffer)
    #expect(try test.transfer(from: 0, to: 0x20_0000, count: 4096) == 2)
  }

  @Test func severalRangesAreNoAddressSpacesToHave() throws {
    let test = try TestDeviceHost(exportsDMABuffers: true)
    let buffer = try Self.export(test, region: 2, [(0, 4096), (0x2000, 4096)])
    #expect(throws: Errno(rawValue: 95)) {
      try test.map(file: buffer, start: 0, pages: 1, at: 0)
    }
  }
}
