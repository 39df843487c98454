import Glibc
import SystemPackage
import Testing

@testable import VFIOUser

@Suite struct SessionTests {
  @Test func theDeviceIsAPCIFunctionThatCanBeReset() throws {
    let client = try TestSession()
    #expect(
      try client.call(4, pack(UInt32(16), UInt32(0), UInt32(0), UInt32(0)))
        == pack(UInt32(16), UInt32(3), UInt32(9), UInt32(5)))
  }

  /// Sizes are those of `machines/pasid.yaml`; registers are left out of what can be mapped.
  @Test(arguments: [
    (UInt32(0), UInt64(0x4000), UInt32(0xF)), (1, 0, 0), (2, 0x10000, 0x7), (3, 0, 0), (6, 0, 0),
    (7, 4096, 0x3), (8, 0, 0),
  ])
  func regionsAreThoseOfTheDescription(index: UInt32, size: UInt64, flags: UInt32) throws {
    let client = try TestSession()
    let request = pack(UInt32(256), UInt32(0), index, UInt32(0), UInt64(0), UInt64(0))
    let reply = try client.call(5, request)
    #expect(reply.field(at: 16, as: UInt64.self) == size)
    #expect(reply.field(at: 4, as: UInt32.self) == flags)
    guard case .reply(_, let descriptor) = client.outcome(5, request) else {
      Issue.record("no reply")
      return
    }
    #expect((descriptor != nil) == (flags & 4 != 0))
  }

  @Test func areasOfARegionComeOnceThereIsRoom() throws {
    let client = try TestSession()
    func request(_ room: UInt32) -> [UInt8] {
      pack(room, UInt32(0), UInt32(0), UInt32(0), UInt64(0), UInt64(0))
    }
    let short = try client.call(5, request(32))
    #expect(short.count == 32)
    let needed: UInt32 = short.field(at: 0)
    guard case .reply(_, let early) = client.outcome(5, request(32)) else { return }
    #expect(early == nil)
    let whole = try client.call(5, request(needed))
    #expect(whole.count == Int(needed))
    // The first page holds registers, the third the pending bits: the second and the fourth are left.
    #expect(
      Array(whole.dropFirst(32))
        == pack(UInt16(1), UInt16(1), UInt32(0), UInt32(2), UInt32(0))
        + pack(UInt64(0x1000), UInt64(0x1000), UInt64(0x3000), UInt64(0x1000)))
  }

  @Test(arguments: [
    ("0000:00:06.0", UInt64(0x1400), UInt64(1)), ("0000:00:07.0", 0x1402, 3),
    ("0000:00:08.0", 0x1404, 5), ("0000:00:09.0", 0x1406, 7), ("0000:00:0a.0", 0x1000, 1),
    ("0000:00:0d.0", 0x1006, 7),
  ])
  func pasidIsOffUntilItsControlIsWritten(
    address: String, capability: UInt64, control: UInt64
  ) throws {
    let client = try TestSession(address)
    #expect(try client.read(7, 0x104, 2) == capability)
    #expect(try client.read(7, 0x106, 2) == 0)
    try client.write(7, 0x106, 0xFFFF, 2)
    #expect(try client.read(7, 0x106, 2) == control)
    try client.write(7, 0x104, 0xFFFF, 2)
    #expect(try client.read(7, 0x104, 2) == capability)
    try client.call(13, [])
    #expect(try client.read(7, 0x106, 2) == 0)
  }

  @Test func barsTakeAddressesOfTheirSize() throws {
    let client = try TestSession()
    try client.write(7, 0x10, 0xFFFF_FFFF, 4)
    #expect(try client.read(7, 0x10, 4) == 0xFFFF_C000)
    try client.write(7, 0x18, 0xFFFF_FFFF_FFFF_FFFF, 8)
    #expect(try client.read(7, 0x18, 8) == 0xFFFF_FFFF_FFFF_000C)
    try client.write(7, 0x14, 0xFFFF_FFFF, 4)
    #expect(try client.read(7, 0x14, 4) == 0)
  }

  @Test func functionLevelResetComesByConfigSpaceOnlyWhereTheFunctionHasIt() throws {
    let capable = try TestSession()
    try capable.write(7, 0x04, 0x6, 2)
    try capable.write(7, 0x88, 0x8000, 2)
    #expect(try capable.read(7, 0x04, 2) == 0)
    #expect(try capable.read(0, 0x18, 4) == 1)
    let without = try TestSession("0000:81:00.0", of: "x710-pair.yaml")
    try without.write(7, 0x04, 0x6, 2)
    try without.write(7, 0xA8, 0x8000, 2)
    #expect(try without.read(7, 0x04, 2) == 0x6)
  }

  @Test func memoryOfABARIsGoneAfterAReset() throws {
    let client = try TestSession()
    try client.write(2, 0x100, 0x1122_3344, 4)
    #expect(try client.read(2, 0x100, 4) == 0x1122_3344)
    try client.call(13, [])
    #expect(try client.read(2, 0x100, 4) == 0)
  }

  @Test func messageVectorsOfSeveralMessagesAllArrive() throws {
    let client = try TestSession()
    try client.write(7, 0x04, 0x6, 2)
    let events = (0..<8).map { _ in TestEvent() }
    defer { withExtendedLifetime(events) {} }
    // QEMU sends as many as one message takes, then the others.
    try client.setEvents(2, events[..<5].map(\.descriptor))
    try client.setEvents(2, start: 5, events[5...].map(\.descriptor))
    for vector in 0..<8 { try client.write(0, 0x28, UInt64(vector), 4) }
    #expect(events.map { $0.take() } == Array(repeating: 1, count: 8))
    // A vector without an event pends, and comes when it has one.
    try client.call(8, pack(UInt32(20), UInt32(0x24), UInt32(2), UInt32(3), UInt32(1)))
    try client.write(0, 0x28, 3, 4)
    #expect(try client.read(0, 0x2000, 8) == 8)
    try client.setEvents(2, start: 3, [events[3].descriptor])
    #expect(events[3].take() == 1)
    #expect(try client.read(0, 0x2000, 8) == 0)
  }

  @Test func anAssertedPinSignalsOnceUntilItIsUnmasked() throws {
    let client = try TestSession()
    let event = TestEvent()
    try client.setEvents(0, [event.descriptor])
    try client.write(0, 0x24, 4, 4)
    try client.write(0, 0x28, 0, 4)
    #expect(event.take() == 1)
    #expect(try client.read(7, 0x06, 2) & 8 == 8)
    let unmask = pack(UInt32(20), UInt32(0x11), UInt32(0), UInt32(0), UInt32(1))
    try client.call(8, unmask)
    #expect(event.take() == 1)
    try client.write(0, 0x20, 4, 4)
    try client.call(8, unmask)
    #expect(event.take() == 0)
  }

  @Test func theFunctionReachesWhatTheClientMapped() throws {
    let client = try TestSession()
    let memory = TestMemory(0x8000)
    let pattern = (0..<0x2000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    memory.write(pattern, at: 0x1000)
    // Two maps of one file that meet: the transfer crosses from one to the other.
    func map(_ address: UInt64, _ size: UInt64, _ offset: UInt64, _ flags: UInt32) -> [UInt8] {
      pack(UInt32(32), flags, offset, address, size)
    }
    try client.call(2, map(0x10000, 0x1000, 0x1000, 1), descriptors: [memory.descriptor])
    try client.call(2, map(0x11000, 0x1000, 0x2000, 1), descriptors: [memory.descriptor])
    try client.call(2, map(0x20000, 0x2000, 0x4000, 3), descriptors: [memory.descriptor])
    try client.write(7, 0x04, 0x6, 2)
    func transfer(_ source: UInt64, _ destination: UInt64) throws -> UInt64 {
      try client.write(0, 0x40, source, 8)
      try client.write(0, 0x48, destination, 8)
      try client.write(0, 0x50, 0x2000, 4)
      try client.write(0, 0x54, 1, 4)
      return try client.read(0, 0x58, 4)
    }
    #expect(try transfer(0x10000, 0x20000) == 2)
    #expect(memory.read(at: 0x4000, count: 0x2000) == pattern)
    // Read-only memory takes no write, and what is unmapped no access.
    #expect(try transfer(0x20000, 0x10000) >> 8 == 4)
    let unmap = pack(UInt32(24), UInt32(0), UInt64(0x11000), UInt64(0x1000))
    #expect(try client.call(3, unmap).field(at: 16, as: UInt64.self) == 0x1000)
    #expect(try transfer(0x10000, 0x20000) >> 8 == 3)
    #expect(try client.read(0, 0x64, 8) == 0x11000)
    // Memory that the client cut off is a fault, not a signal.
    _ = memory.cut()
    #expect(try transfer(0x20000, 0x20000) >> 8 == 3)
  }

  /// Messages that ask for what cannot be: each is refused, and the session goes on.
  static let wrong: [(UInt16, [UInt8], Errno)] = [
    (0, [], .notSupported), (14, [], .notSupported), (11, [], .notSupported),
    (0xFFFF, [], .notSupported), (1, versionPayload, .invalidArgument),
    (4, [], .invalidArgument), (4, pack(UInt32(16)), .invalidArgument),
    (4, pack(UInt32(8), UInt32(0), UInt32(0), UInt32(0)), .invalidArgument),
    (5, pack(UInt32(31), UInt32(0), UInt32(0), UInt32(0), UInt64(0), UInt64(0)), .invalidArgument),
    (5, pack(UInt32(32), UInt32(0), UInt32(9), UInt32(0), UInt64(0), UInt64(0)), .invalidArgument),
    (5, pack(UInt32(32), UInt32(0), UInt32.max, UInt32(0), UInt64(0), UInt64(0)), .invalidArgument),
    (6, pack(UInt32(16), UInt32(0), UInt32(9), UInt32(0)), .invalidArgument),
    (7, pack(UInt32(16), UInt32(0), UInt32(5), UInt32(0)), .invalidArgument),
    (8, pack(UInt32(20), UInt32(0x21), UInt32(2), UInt32(9), UInt32(0)), .invalidArgument),
    (8, pack(UInt32(20), UInt32(0x24), UInt32(2), UInt32(0), UInt32.max), .invalidArgument),
    (8, pack(UInt32(20), UInt32(0x24), UInt32(2), UInt32.max, UInt32(1)), .invalidArgument),
    (8, pack(UInt32(20), UInt32(0x22), UInt32(2), UInt32(0), UInt32(2)), .invalidArgument),
    (8, pack(UInt32(20), UInt32(0x40), UInt32(2), UInt32(0), UInt32(1)), .invalidArgument),
    (8, pack(UInt32(20), UInt32(0x09), UInt32(1), UInt32(0), UInt32(1)), Errno(rawValue: 25)),
    (9, pack(UInt64(0), UInt32(1), UInt32(4)), .invalidArgument),
    (9, pack(UInt64(0), UInt32(42), UInt32(4)), .invalidArgument),
    (9, pack(UInt64(4093), UInt32(7), UInt32(4)), .invalidArgument),
    (9, pack(UInt64.max, UInt32(7), UInt32(4)), .invalidArgument),
    (9, pack(UInt64(0), UInt32(2), UInt32.max), .invalidArgument),
    (9, pack(UInt64(0), UInt32(7)), .invalidArgument),
    (10, pack(UInt64(0), UInt32(7), UInt32(4), UInt16(0)), .invalidArgument),
    (10, pack(UInt64(0), UInt32(7), UInt32.max, UInt32(0)), .invalidArgument),
    (10, pack(UInt64(4094), UInt32(7), UInt32(4), UInt32(0)), .invalidArgument),
    (2, pack(UInt32(32), UInt32(3), UInt64(0), UInt64(0), UInt64(0)), .invalidArgument),
    (2, pack(UInt32(32), UInt32(3), UInt64(0), UInt64(0x800), UInt64(4096)), .invalidArgument),
    (2, pack(UInt32(32), UInt32(0), UInt64(0), UInt64(0), UInt64(4096)), .invalidArgument),
    (2, pack(UInt32(32), UInt32(7), UInt64(0), UInt64(0), UInt64(4096)), .invalidArgument),
    (
      2, pack(UInt32(32), UInt32(3), UInt64(0), ~UInt64(4095), UInt64(8192)), .invalidArgument
    ),
    (3, pack(UInt32(24), UInt32(1), UInt64(0), UInt64(4096)), .notSupported),
    (3, pack(UInt32(24), UInt32(0), UInt64(0), UInt64(0)), .invalidArgument),
    (13, [0], .invalidArgument),
  ]

  @Test(arguments: wrong)
  func whatCannotBeIsRefused(command: UInt16, payload: [UInt8], error: Errno) throws {
    let client = try TestSession()
    #expect(throws: error) { try client.call(command, payload) }
    #expect(try client.read(7, 0, 4) == 0x5656_1234)
  }

  @Test func descriptorsComeOnlyWhereTheyBelong() throws {
    let client = try TestSession()
    let event = TestEvent()
    let memory = TestMemory(4096)
    defer { withExtendedLifetime((event, memory)) {} }
    let order = pack(UInt32(20), UInt32(0x24), UInt32(2), UInt32(0), UInt32(2))
    #expect(throws: Errno.invalidArgument) {
      try client.call(8, order, descriptors: [event.descriptor])
    }
    #expect(throws: Errno.invalidArgument) {
      try client.call(9, pack(UInt64(0), UInt32(7), UInt32(4)), descriptors: [event.descriptor])
    }
    // An eventfd is no memory, memory no eventfd.
    #expect(throws: Errno.invalidArgument) {
      try client.call(
        2, pack(UInt32(32), UInt32(3), UInt64(0), UInt64(0), UInt64(4096)),
        descriptors: [event.descriptor])
    }
    #expect(throws: Errno.invalidArgument) { try client.setEvents(2, [memory.descriptor]) }
    // Past the end of its file.
    #expect(throws: Errno.invalidArgument) {
      try client.call(
        2, pack(UInt32(32), UInt32(3), UInt64(0), UInt64(0), UInt64(8192)),
        descriptors: [memory.descriptor])
    }
  }

  @Test func aCommandWithoutReplyIsDoneInSilence() throws {
    let client = try TestSession()
    let payload = pack(UInt64(0x10), UInt32(0), UInt32(4), UInt32(0xABCD))
    #expect(client.outcome(10, payload, flags: 0x10) == .silence)
    #expect(try client.read(0, 0x10, 4) == 0xABCD)
    #expect(client.outcome(99, [], flags: 0x10) == .silence)
    // Nobody asked the client anything, so a reply means nothing.
    #expect(client.outcome(9, payload, flags: 0x1) == .silence)
  }
}

extension TestMemory {
  /// Takes all memory away.
  func cut() -> Bool { Glibc.ftruncate(descriptor, 0) == 0 }
}
