import HostKernel
import TestSupport
import Testing

@testable import Board

@Suite struct RealTimeClockTests {
  private final class Line {
    var isHigh = false
    var rises = 0
  }

  private let events = ManualEventSources()
  private let line = Line()
  private let clock: ManualClock
  private let chip: RealTimeClock

  /// 2024-02-29 23:59:50 UTC, a Thursday.
  private static let start: Int64 = 1_709_251_190

  init() {
    clock = ManualClock(epoch: Self.start * 1_000_000_000)
    chip = RealTimeClock(
      memory: RAMLayout(size: 5 << 30), clock: clock.clock, events: events
    ) { [line] level in
      line.isHigh = level
      if level { line.rises += 1 }
    }
  }

  private func read(_ register: UInt64) -> UInt64 {
    chip.write(offset: 0, size: 1, value: register)
    return chip.read(offset: 1, size: 1)
  }

  private func write(_ register: UInt64, _ value: UInt64) {
    chip.write(offset: 0, size: 1, value: register)
    chip.write(offset: 1, size: 1, value: value)
  }

  private func pass(milliseconds: UInt32) {
    for _ in 0..<milliseconds {
      clock.now += 1_000_000
      events.advance(milliseconds: 1)
    }
  }

  /// Century, year, month, day, weekday, hour, minute, second.
  private var fields: [UInt64] { [0x32, 9, 8, 7, 6, 4, 2, 0].map { read($0) } }

  @Test func theTimeIsTheHostsInUTC() {
    #expect(fields == [0x20, 0x24, 0x02, 0x29, 5, 0x23, 0x59, 0x50])
    #expect(read(0x37) == 0x20)
    clock.now += 10_000_000_000
    #expect(fields == [0x20, 0x24, 0x03, 0x01, 6, 0x00, 0x00, 0x00])
  }

  @Test(
    arguments: [
      (0x02, 0x23), (0x06, 23), (0x00, 0x91), (0x04, 0x8b),
    ] as [(UInt64, UInt64)])
  func theHourIsWrittenAsTheModeSays(mode: UInt64, hour: UInt64) {
    write(0x0b, mode)
    #expect(read(4) == hour)
    // And means the same when it is written back.
    write(4, hour)
    #expect(read(4) == hour)
  }

  @Test func theStatusRegistersAreAsAfterPowerOn() {
    #expect([0x0a, 0x0b, 0x0c, 0x0d].map { read($0) } == [0x26, 0x02, 0, 0x80])
    #expect(chip.read(offset: 0, size: 1) == 0xff)
  }

  @Test(
    arguments: [
      (0x14, [0x02]), (0x15, [0x80, 0x02]), (0x17, [0xff, 0xff]), (0x30, [0xff, 0xff]),
      (0x34, [0x00, 0x7f]), (0x5b, [0x00, 0xc0, 0x00]),
    ] as [(UInt64, [UInt64])])
  func memorySizesAreWhereFirmwareLooks(register: UInt64, bytes: [UInt64]) {
    #expect(bytes.indices.map { read(register + UInt64($0)) } == bytes)
  }

  @Test(
    arguments: [
      (1 << 20, 0x0000, 0x0000), (16 << 20, 0x3c00, 0x0000), (64 << 20, 0xfc00, 0x0300),
      (512 << 10, 0x0000, 0x0000),
    ] as [(UInt64, UInt64, UInt64)])
  func smallMemorySizesAreRight(size: UInt64, kilobytes: UInt64, blocks: UInt64) {
    let chip = RealTimeClock(
      memory: RAMLayout(size: size), clock: clock.clock, events: events, setLine: { _ in })
    func word(_ register: UInt64) -> UInt64 {
      ([0, 1] as [UInt64]).reduce(0) { value, byte in
        chip.write(offset: 0, size: 1, value: register + byte)
        return value | chip.read(offset: 1, size: 1) << (8 * byte)
      }
    }
    #expect(word(0x17) == kilobytes)
    #expect(word(0x34) == blocks)
  }

  @Test func theGuestSetsTheTimeWhileTheClockStandsStill() {
    // From the 29th of February to the 31st of January, month first.
    write(0x0b, 0x82)
    for (register, value) in [
      (8, 0x01), (7, 0x31), (9, 0x99), (0x32, 0x19), (4, 0x12), (2, 0x34), (0, 0x56),
    ]
      as [(UInt64, UInt64)]
    {
      write(register, value)
      clock.now += 3_000_000_000
    }
    #expect(fields == [0x19, 0x99, 0x01, 0x31, 5, 0x12, 0x34, 0x56])
    write(0x0b, 0x02)
    clock.now += 5_000_000_000
    #expect(fields == [0x19, 0x99, 0x01, 0x31, 1, 0x12, 0x35, 0x01])
  }

  @Test func otherRegistersAreMemory() {
    for register in [0x10, 0x40, 0x7f, 0x33] as [UInt64] {
      write(register, register ^ 0x5a)
      #expect(read(register) == register ^ 0x5a)
    }
    write(0x0d, 0)
    #expect(read(0x0d) == 0x80)
    chip.reset()
    #expect(read(0x40) == 0x1a)
  }

  @Test func aChangeIsAnnounced() {
    #expect(read(0x0a) == 0x26)
    clock.now += 999_800_000
    #expect(read(0x0a) == 0xa6)
    clock.now += 300_000
    #expect(read(0x0a) == 0x26)
  }

  @Test func eachSecondInterruptsOnce() {
    write(0x0b, 0x12)
    pass(milliseconds: 999)
    #expect(!line.isHigh)
    pass(milliseconds: 1)
    #expect(line.isHigh)
    pass(milliseconds: 2000)
    #expect(line.rises == 1)
    #expect(read(0x0c) == 0x90)
    #expect(!line.isHigh)
    #expect(read(0x0c) == 0)
    pass(milliseconds: 1000)
    #expect(line.rises == 2)
    write(0x0b, 0x02)
    #expect(!line.isHigh)
    #expect(events.timerCount == 0)
  }

  @Test func updatesCanBePolled() {
    _ = read(0x0c)
    clock.now += 1_000_000_000
    #expect(read(0x0c) == 0x10)
    #expect(read(0x0c) == 0)
    #expect(line.rises == 0)
  }

  @Test(
    arguments: [
      (0x00, 0x00, 0x00, 10), (0xff, 0xff, 0x55, 5), (0x00, 0x01, 0xff, 70), (0xc0, 0xc0, 0xc0, 1),
    ] as [(UInt64, UInt64, UInt64, UInt32)])
  func anAlarmInterruptsAtItsTime(hour: UInt64, minute: UInt64, second: UInt64, after: UInt32) {
    write(5, hour)
    write(3, minute)
    write(1, second)
    write(0x0b, 0x22)
    pass(milliseconds: after * 1000 - 1)
    #expect(!line.isHigh)
    pass(milliseconds: 1)
    #expect(line.isHigh)
    #expect(read(0x0c) == 0xb0)
    #expect(!line.isHigh)
  }

  @Test(arguments: [(0x2f, 500), (0x2d, 125), (0x2a, 16)] as [(UInt64, UInt32)])
  func periodsInterrupt(rate: UInt64, milliseconds: UInt32) {
    write(0x0a, rate)
    write(0x0b, 0x42)
    for _ in 0..<3 {
      pass(milliseconds: milliseconds)
      #expect(line.isHigh)
      #expect(read(0x0c) & 0xc0 == 0xc0)
      #expect(!line.isHigh)
    }
    #expect(line.rises == 3)
    chip.reset()
    pass(milliseconds: 1000)
    #expect(line.rises == 3)
    #expect(events.timerCount == 0)
  }

  @Test func timesGoBackAndForth() {
    var generator = SeededGenerator(seed: 5)
    for _ in 0..<2000 {
      let second = Int64.random(in: -62_167_219_200...253_402_300_799, using: &generator)
      #expect(CMOSTime(secondsSinceEpoch: second).secondsSinceEpoch == second)
    }
    let known: [(Int64, [Int])] = [
      (0, [1970, 1, 1, 5]), (951_782_400, [2000, 2, 29, 3]), (4_107_542_400, [2100, 3, 1, 2]),
      (-62_167_219_200, [0, 1, 1, 7]), (253_402_300_799, [9999, 12, 31, 6]),
    ]
    for (second, fields) in known {
      let time = CMOSTime(secondsSinceEpoch: second)
      #expect([time.year, time.month, time.day, time.weekday] == fields)
    }
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func noSequenceOfAccessesTraps(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<20_000 {
      switch UInt8.random(in: 0..<10, using: &generator) {
      case 0:
        let milliseconds = UInt32.random(in: 0..<3000, using: &generator)
        clock.now += UInt64(milliseconds) * 1_000_000
        events.advance(milliseconds: milliseconds)
      case 1...3:
        _ = chip.read(
          offset: UInt64.random(in: 0...3, using: &generator),
          size: [1, 2, 4, 8, 0].randomElement(using: &generator) ?? 1)
      case 4:
        chip.write(
          offset: UInt64.random(in: 0...3, using: &generator),
          size: [1, 2, 4, 8, 0].randomElement(using: &generator) ?? 1,
          value: UInt64.random(in: 0 ... .max, using: &generator))
      default:
        write(
          UInt64.random(in: 0...0x3f, using: &generator),
          UInt64.random(in: 0...255, using: &generator))
      }
      #expect(events.timerCount <= 2)
    }
  }
}
