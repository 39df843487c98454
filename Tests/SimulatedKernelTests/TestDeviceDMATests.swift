import HostKernel
import SimulatedKernel
import SystemPackage
import Testing

@Suite("DMA of a test device")
struct TestDeviceDMATests {
  typealias Backend = TestDeviceHost.Backend

  private static func fill(_ address: UInt64, words: Int, seed: UInt32) throws -> [UInt32] {
    let words = (0..<UInt32(words)).map { $0 &* 0x9E37_79B9 ^ seed }
    try pokeWords(address, words)
    return words
  }

  private static func words(_ address: UInt64, _ count: Int) throws -> [UInt32] {
    try (0..<UInt64(count)).map { try peekWord(address + 4 * $0) }
  }

  /// FNV-1a with 32 bits.
  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    bytes.reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
  }

  @Test("a copy arrives with its checksum, across pages mapped apart", arguments: Backend.allCases)
  func copy(_ backend: Backend) throws {
    let test = try TestDeviceHost(backend)
    let source = try test.host.memory(pages: 2)
    let (low, high) = (try test.host.memory(pages: 1), try test.host.memory(pages: 1))
    let data = try Self.fill(source, words: 2048, seed: 7)
    try test.map(source, pages: 2, at: 0x10_0000)
    // The destination's second page is elsewhere in memory, the first one of the two in I/O space.
    try test.map(high, at: 0x1_0000_0000)
    try test.map(low, at: 0x1_0000_1000)
    #expect(try test.transfer(from: 0x10_0800, to: 0x1_0000_0800, count: 4096) == 2)
    #expect(try Self.words(high + 0x800, 512) == Array(data[512..<1024]))
    #expect(try Self.words(low, 512) == Array(data[1024..<1536]))
    #expect(try Self.words(low + 0x800, 1) == [0])
    #expect(
      try test.register(0x60) == Self.checksum(ContractHost.bytes(Array(data[512..<1536]))))
    #expect(try test.register(0x5C) == 0)
    #expect(try test.register(0x6C) == 1)
    #expect(try test.faults.isEmpty)
  }

  @Test("the device's own memory is what a mapping of BAR 2 shows", arguments: Backend.allCases)
  func deviceMemory(_ backend: Backend) throws {
    let test = try TestDeviceHost(backend)
    let memory = try test.host.memory(pages: 2)
    let data = try Self.fill(memory, words: 1024, seed: 3)
    try test.map(memory, pages: 2, at: 0)
    #expect(try test.transfer(.memoryToDevice, from: 0, to: 0xFF000, count: 4096) == 2)
    let view = try test.host.kernel.map(
      MappingRequest(descriptor: test.device, offset: 2 << 40 | 0xFF000, length: 4096))
    #expect(try Self.words(UInt64(view), 1024) == data)
    try pokeWords(UInt64(view), [0xC0FF_EE00])
    #expect(try test.transfer(.deviceToMemory, from: 0xFF000, to: 0x1000, count: 8) == 2)
    #expect(try Self.words(memory + 4096, 3) == [0xC0FF_EE00, data[1], 0])
    test.host.kernel.unmap(address: view, length: 4096)
    #expect(try test.transfer(.memoryToDevice, from: 0, to: 0xFF001, count: 4096) == 0x500)
  }

  @Test("a memory file is reached at its offset, also after the caller closed it")
  func file() throws {
    let test = try TestDeviceHost()
    let file = try MemoryCalls.makeMemoryDescriptor(name: "guest", size: 0x8000)
    let view = try MemoryCalls.map(MappingRequest(descriptor: file, length: 0x8000))
    defer { MemoryCalls.unmap(address: view, length: 0x8000) }
    let data = try Self.fill(UInt64(view) + 0x3000, words: 1024, seed: 11)
    try test.map(file: file, start: 0x2000, pages: 4, at: 0x8000_0000)
    LinuxKernel().close(file)
    #expect(try test.transfer(from: 0x8000_1000, to: 0x8000_2FF0, count: 0x1000) == 2)
    #expect(try Self.words(UInt64(view) + 0x4FF0, 1024) == data)
  }

  @Test("what is not mapped is a fault at its first byte, said once", arguments: Backend.allCases)
  func unmapped(_ backend: Backend) throws {
    let test = try TestDeviceHost(backend)
    let memory = try test.host.memory(pages: 2)
    let data = try Self.fill(memory, words: 1024, seed: 5)
    try test.map(memory, pages: 2, at: 0x4000)
    #expect(try test.transfer(from: 0x4000, to: 0x5800, count: 4096) == 0x400)
    #expect(try test.faultAddress == 0x6000)
    // Up to the fault the bytes have arrived, as from a device that writes packet after packet.
    #expect(try Self.words(memory + 0x1800, 512) == Array(data[..<512]))
    #expect(try test.transfer(from: 0x3FFC, to: 0x4000, count: 8) == 0x300)
    #expect(try test.faultAddress == 0x3FFC)
    try test.unmap(at: 0x4000, pages: 2)
    #expect(try test.transfer(from: 0x4000, to: 0x5000, count: 4) == 0x300)
    let notAllowed = DMAFault.Reason.notAllowed
    #expect(
      try test.faults == [
        DMAFault(address: 0x6000, isWrite: true, reason: notAllowed),
        DMAFault(address: 0x3FFC, isWrite: false, reason: notAllowed),
        DMAFault(address: 0x4000, isWrite: false, reason: notAllowed),
      ])
    let lines = test.host.reports.filter { $0.contains("DMAR") }
    #expect(lines.count == 1)
    #expect(
      lines.first?.contains(
        "DMAR: [DMA Write NO_PASID] Request device [84:00.0] fault addr 0x6000 "
          + "[fault reason 0x05] PTE Write access is not set") ?? false)
  }

  @Test("a mapping lets through only its directions", arguments: Backend.allCases)
  func permissions(_ backend: Backend) throws {
    let test = try TestDeviceHost(backend)
    let memory = try test.host.memory(pages: 2)
    try test.map(memory, at: 0x1000, isWritable: false)
    try test.map(memory + 4096, at: 0x2000, isReadable: false)
    #expect(try test.transfer(from: 0x1000, to: 0x2000, count: 4096) == 2)
    #expect(try test.transfer(from: 0x2000, to: 0x2000, count: 4) == 0x300)
    #expect(try test.transfer(from: 0x1000, to: 0x1000, count: 4) == 0x400)
    #expect(try test.faults.map(\.isWrite) == [false, true])
  }

  @Test("nothing attached is a blocked address, memory that went a fault like an unmapped one")
  func blocked() throws {
    let test = try TestDeviceHost()
    let hole = try test.host.hole()
    var request = MappingRequest(descriptor: nil, length: 4096)
    request.isWritable = true
    let memory = try MemoryCalls.map(request)
    try test.map(UInt64(memory), at: 0x1000)
    MemoryCalls.unmap(address: memory, length: 4096)
    #expect(try test.transfer(from: 0x1000, to: 0x1000, count: 4) == 0x300)
    try test.host.detach(test.device)
    #expect(try test.transfer(from: hole, to: 0x1000, count: 4) == 0x300)
    #expect(try test.faults.map(\.reason) == [.memoryGone, .blocked])
  }

  @Test(
    "without bus mastering nothing moves and the IOMMU sees nothing", arguments: Backend.allCases)
  func notMaster(_ backend: Backend) throws {
    let test = try TestDeviceHost(backend, isMaster: false)
    let memory = try test.host.memory(pages: 1)
    try pokeWords(memory, [1, 2])
    try test.map(memory, at: 0)
    #expect(try test.register(0x0C) == 0)
    #expect(try test.transfer(from: 0, to: 4, count: 4) == 0x100)
    #expect(try Self.words(memory, 2) == [1, 2])
    #expect(try test.faults.isEmpty)
    try test.setCommand(0x107)
    #expect(try test.register(0x0C) == 4)
    #expect(try test.transfer(from: 0, to: 4, count: 4) == 2)
    #expect(try Self.words(memory, 2) == [1, 1])
  }

  @Test(
    "a length or command that makes no sense moves nothing",
    arguments: [(0, 1, 0x200), (1 << 20 + 1, 1, 0x200), (4, 0, 0x600), (4, 4, 0x600)])
  func nonsense(_ length: UInt32, _ command: UInt32, _ status: UInt32) throws {
    let test = try TestDeviceHost()
    try test.set(0x50, length)
    try test.set(0x54, command)
    #expect(try test.register(0x58) == status)
    #expect(try test.register(0x6C) == 0)
  }

  @Test("a paced transfer moves a page with each look, and stops when mastering ends")
  func paced() throws {
    let test = try TestDeviceHost()
    let memory = try test.host.memory(pages: 8)
    let data = try Self.fill(memory, words: 4096, seed: 9)
    try test.map(memory, pages: 8, at: 0)
    #expect(try test.transfer(from: 0, to: 0x4000, count: 0x3000, isPaced: true) == 1)
    #expect(try test.register(0x5C) == 0x2000)
    try test.set(0x54, 1)
    #expect(try test.register(0x0C) & 1 == 1)
    #expect(try test.register(0x58) == 0x701)
    try test.setCommand(0x103)
    #expect(try test.register(0x58) == 0x100)
    #expect(try test.register(0x5C) == 0x1000)
    #expect(try Self.words(memory + 0x4000, 2048) == Array(data[..<2048]))
    #expect(try Self.words(memory + 0x6000, 1) == [0])
  }

  @Test(
    "a reset ends a transfer where it is", arguments: ["FLR", "VFIO_DEVICE_RESET", "hot reset"])
  func reset(_ kind: String) throws {
    let test = try TestDeviceHost()
    let memory = try test.host.memory(pages: 8)
    let data = try Self.fill(memory, words: 4096, seed: 13)
    try test.map(memory, pages: 8, at: 0)
    try test.set(0x10, 0x1234)
    let resets = try test.register(0x18)
    let events = try test.enable(2, vectors: 1)
    #expect(try test.transfer(from: 0, to: 0x4000, count: 0x4000, isPaced: true) == 1)
    switch kind {
    case "FLR": try test.host.setConfig(test.device, 0x88, 0x8000, width: 2)
    case "VFIO_DEVICE_RESET": try test.host.call(test.device, 0x3B6F)
    default: try test.host.call(test.device, 0x3B71, [12, 0, 0])
    }
    #expect(try test.register(0x18) == resets + 1)
    #expect(try test.register(0x10) == 0)
    #expect(try test.register(0x58) == 0)
    #expect(try Self.words(memory + 0x4000, 1024) == Array(data[..<1024]))
    #expect(try Self.words(memory + 0x5000, 1) == [0])
    #expect(!EventDescriptor.drain(events[0]))
  }
}
