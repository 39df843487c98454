import CLinux
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import VFIOUser

@Suite struct FuzzTests {
  private static let commands: [UInt16] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0xFFFF,
  ]

  /// A number that a check may be wrong about.
  private static func number<Number: FixedWidthInteger & UnsignedInteger>(
    _ random: inout SeededGenerator
  ) -> Number {
    let edges: [UInt64] = [
      0, 1, 2, 4, 7, 8, 9, 16, 20, 24, 32, 0x24, 0x29, 0x40, 0x54, 0x88, 0x104, 0x106, 0x1000,
      0x2000, 4093,
      4096, 0x10000, 1 << 20, 1 << 31, 0xFFFF_F000, 0xFFFF_FFFF, ~0xFFF, .max - 1, .max,
    ]
    return switch Int.random(in: 0..<4, using: &random) {
    case 0: Number(truncatingIfNeeded: random.next())
    case 1: Number(truncatingIfNeeded: UInt64.random(in: 0..<64, using: &random))
    default: Number(truncatingIfNeeded: edges[Int.random(in: edges.indices, using: &random)])
    }
  }

  /// Fields as the command has them, with values from anywhere, sometimes too few or too many bytes.
  private static func payload(_ command: UInt16, _ random: inout SeededGenerator) -> [UInt8] {
    func n4() -> UInt32 { number(&random) }
    func n8() -> UInt64 { number(&random) }
    var bytes: [UInt8]
    switch command {
    case 1: bytes = pack(UInt16(n4() & 1), UInt16(0)) + Array("{\"capabilities\":{}}".utf8) + [0]
    case 2: bytes = pack(UInt32(32), n4() & 7, n8() & ~0xFFF, n8() & ~0xFFF, n8() & ~0xFFF)
    case 3: bytes = pack(UInt32(24), n4() & 3, n8() & ~0xFFF, n8() & ~0xFFF)
    case 5: bytes = pack(n4(), n4() & 1, n4(), n4() & 1, n8(), n8())
    case 8: bytes = pack(UInt32(20), n4() & 0x3F, n4() & 7, n4(), n4())
    case 9: bytes = pack(n8(), n4() & 15, n4())
    case 10:
      let count = Int.random(in: 0..<12, using: &random)
      let data = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      bytes = pack(n8(), n4() & 15, UInt32(count)) + data
    case 13: bytes = []
    default: bytes = pack(UInt32(16), n4() & 1, n4() & 15, n4())
    }
    switch Int.random(in: 0..<16, using: &random) {
    case 0: bytes = Array(bytes.dropLast(Int.random(in: 0...bytes.count, using: &random)))
    case 1: bytes += (0..<8).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    case 2 where !bytes.isEmpty:
      bytes[Int.random(in: bytes.indices, using: &random)] = UInt8(
        truncatingIfNeeded: random.next())
    default: break
    }
    return bytes
  }

  /// Descriptors that are what is wanted, something else, or not there.
  private static func descriptors(
    _ pool: [Int32], _ random: inout SeededGenerator
  ) -> [Int32] {
    guard Int.random(in: 0..<3, using: &random) == 0 else { return [] }
    return (0..<Int.random(in: 1...3, using: &random)).map { _ in
      pool[Int.random(in: pool.indices, using: &random)]
    }
  }

  @Test(arguments: [
    ("0000:00:09.0", "pasid.yaml"), ("0000:81:00.0", "x710-pair.yaml"),
    ("0000:84:00.0", "test-device.yaml"), ("0000:81:00.0", "contract.yaml"),
  ])
  func everyMessageIsAnsweredOrEndsTheSession(address: String, file: String) throws {
    var random = SeededGenerator(seed: 0x5EED)
    let memory = TestMemory(1 << 20)
    let events = (0..<3).map { _ in TestEvent() }
    let pool = [memory.descriptor] + events.map(\.descriptor)
    var done = 0
    for _ in 0..<20 {
      let client = try TestSession(address, of: file)
      for _ in 0..<1000 {
        let command = Self.commands[Int.random(in: Self.commands.indices, using: &random)]
        let payload = Self.payload(command, &random)
        let outcome = client.outcome(
          command, payload, descriptors: Self.descriptors(pool, &random))
        guard case .reply(let bytes, _) = outcome else {
          Issue.record("no reply to \(command) \(payload)")
          continue
        }
        // A reply is as long as it says, and no longer than its command can make it.
        #expect(bytes.field(at: 4, as: UInt32.self) == UInt32(bytes.count))
        #expect(bytes.count <= Limit.message)
        if bytes.field(at: 8, as: UInt32.self) & 0x20 == 0 { done += 1 }
      }
    }
    // Enough of it was good to get somewhere, and nothing was held that need not be.
    #expect(done > 2000)
    #expect(memory.uses == 1)
    withExtendedLifetime(events) {}
  }

  @Test func bytesOfAnyKindLeaveTheServerAlive() throws {
    var random = SeededGenerator(seed: 0xBAD)
    let memory = TestMemory(1 << 16)
    let event = TestEvent()
    let pool = [memory.descriptor, event.descriptor]
    let server = try RunningServer(keep: true)
    for round in 0..<60 {
      let client = try Connection(server)
      if round % 4 != 0 { client.send(message(1, versionPayload)) }
      for _ in 0..<50 {
        let command = Self.commands[Int.random(in: Self.commands.indices, using: &random)]
        var bytes = message(
          command, Self.payload(command, &random), flags: Bool.random(using: &random) ? 0x10 : 0)
        if Int.random(in: 0..<20, using: &random) == 0 {
          for _ in 0..<4 {
            bytes[Int.random(in: 0..<16, using: &random)] = UInt8(truncatingIfNeeded: random.next())
          }
        }
        if Int.random(in: 0..<40, using: &random) == 0 {
          bytes = Array(bytes.prefix(Int.random(in: 1...bytes.count, using: &random)))
        }
        guard client.send(bytes, descriptors: Self.descriptors(pool, &random)) else { break }
      }
      // What the client never reads must not keep the server from the next one.
      shutdown(client.socket, Int32(SHUT_RDWR))
    }
    let client = try Connection(server)
    #expect(client.call(1, versionPayload) != nil)
    let read = client.call(9, pack(UInt64(0), UInt32(7), UInt32(4)))
    #expect(read?.bytes.suffix(4) == [0x34, 0x12, 0x56, 0x56])
    server.end()
    #expect(memory.uses == 1)
    withExtendedLifetime(event) {}
  }
}
