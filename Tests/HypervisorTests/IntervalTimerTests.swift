import Hypervisor
import TestSupport
import Testing

@Suite struct IntervalTimerTests {
  private let second: UInt64 = 1_000_000_000

  /// Time of a number of ticks, rounded up.
  private func time(_ ticks: UInt64) -> UInt64 {
    (ticks * second + IntervalTimer.frequency - 1) / IntervalTimer.frequency
  }

  private func write(
    _ timer: inout IntervalTimer, _ writes: [(UInt64, UInt8)], at now: UInt64
  ) {
    for (port, value) in writes { timer.write(port: port, value: value, at: now) }
  }

  @Test func calibrationThroughChannel2SeesItsOutputRise() {
    var timer = IntervalTimer()
    let start: UInt64 = 5 * second
    // Gate on, speaker off; mode 0, both bytes: 50 milliseconds.
    write(&timer, [(0x61, 1), (0x43, 0xb0), (0x42, 0x0c), (0x42, 0xe9)], at: start)
    let due = start + time(0xe90c)
    #expect(timer.read(port: 0x61, at: start) & 0x21 == 1)
    #expect(timer.read(port: 0x61, at: due - 1000) & 0x20 == 0)
    #expect(timer.read(port: 0x61, at: due) & 0x20 == 0x20)
    #expect(timer.read(port: 0x61, at: due + second) & 0x20 == 0x20)
  }

  @Test func aClosedGateHoldsChannel2() {
    var timer = IntervalTimer()
    write(&timer, [(0x43, 0xb0), (0x42, 0x10), (0x42, 0)], at: 0)
    #expect(timer.read(port: 0x42, at: 0) == 0x10)
    timer.write(port: 0x43, value: 0x80, at: second)
    #expect(timer.read(port: 0x42, at: second) == 0)
    #expect(timer.read(port: 0x42, at: second) == 0x10)
  }

  @Test(arguments: [(0x34, 1193), (0x36, 1193), (0x34, 65536), (0x36, 2)] as [(UInt8, UInt64)])
  func aPeriodicCounterTicksOnceAPeriod(mode: UInt8, period: UInt64) throws {
    var timer = IntervalTimer()
    let (low, high) = (UInt8(period & 0xff), UInt8(period >> 8 & 0xff))
    write(&timer, [(0x43, mode), (0x40, low), (0x40, high)], at: 7)
    var now: UInt64 = 7
    for tick in 1...100 as ClosedRange<UInt64> {
      let next = try #require(timer.nextTick(after: now))
      #expect(next > now && next >= 7 + tick * period * second / IntervalTimer.frequency)
      #expect(next <= 7 + time(tick * period) + 1)
      now = next
    }
  }

  @Test func itTicksAfterAMonthToo() throws {
    var timer = IntervalTimer()
    write(&timer, [(0x43, 0x34), (0x40, 0xa9), (0x40, 4)], at: 0)
    let month = 30 * 86400 * second
    let next = try #require(timer.nextTick(after: month))
    #expect(next > month && next <= month + time(1193) + 1)
  }

  @Test func aSingleCountTicksOnce() throws {
    var timer = IntervalTimer()
    #expect(timer.nextTick(after: 0) == nil)
    write(&timer, [(0x43, 0x30), (0x40, 0xe8), (0x40, 3)], at: 0)
    let tick = try #require(timer.nextTick(after: 0))
    #expect(tick >= time(1000) && tick <= time(1000) + 1)
    #expect(timer.nextTick(after: tick) == nil)
  }

  @Test func aLatchedCountStandsUntilItIsRead() {
    var timer = IntervalTimer()
    write(&timer, [(0x43, 0x34), (0x40, 0), (0x40, 0)], at: 0)
    timer.write(port: 0x43, value: 0, at: time(0x1234))
    let later = time(0x2000)
    let latched =
      UInt16(timer.read(port: 0x40, at: later)) | UInt16(
        timer.read(port: 0x40, at: later)) << 8
    #expect(latched == 0x10000 - 0x1234)
    let present =
      UInt16(timer.read(port: 0x40, at: later)) | UInt16(
        timer.read(port: 0x40, at: later)) << 8
    #expect(present == 0x10000 - 0x2000)
  }

  @Test func theReadBackCommandTellsModeAndCount() {
    var timer = IntervalTimer()
    write(&timer, [(0x43, 0x36), (0x40, 0), (0x40, 1), (0x43, 0xc2)], at: 0)
    #expect(timer.read(port: 0x40, at: 0) == 0xb6)
    #expect(timer.read(port: 0x40, at: 0) == 0 && timer.read(port: 0x40, at: 0) == 1)
    write(&timer, [(0x43, 0x74), (0x43, 0xe4)], at: 0)
    // Nothing loaded yet.
    #expect(timer.read(port: 0x41, at: 0) & 0x7f == 0x74)
  }

  @Test func whateverAGuestWritesItAnswers() {
    var generator = SeededGenerator(seed: 5)
    var timer = IntervalTimer()
    var now: UInt64 = 0
    for _ in 0..<50_000 {
      let bits = UInt64.random(in: 0...40, using: &generator)
      now &+= UInt64.random(in: 0...(1 << bits), using: &generator)
      let port = [0x40, 0x41, 0x42, 0x43, 0x61].randomElement(using: &generator)! as UInt64
      if Bool.random(using: &generator) {
        timer.write(port: port, value: .random(in: 0...255, using: &generator), at: now)
      } else {
        _ = timer.read(port: port, at: now)
      }
      if let next = timer.nextTick(after: now) { #expect(next > now) }
    }
    _ = timer.nextTick(after: .max)
    _ = timer.read(port: 0x40, at: .max)
  }
}
