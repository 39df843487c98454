import Glibc
import TestSupport
import Testing

@testable import Tracing

@Suite struct TimeStampTests {
  private func stamp(_ microseconds: Int64) -> String {
    var line: [UInt8] = []
    TimeStamp.append(microseconds: microseconds, to: &line)
    return String(decoding: line, as: UTF8.self)
  }

  @Test(
    arguments: [
      (0, "1970-01-01T00:00:00Z "),
      (1, "1970-01-01T00:00:00.000001Z "),
      (999_999, "1970-01-01T00:00:00.999999Z "),
      (1_000_000, "1970-01-01T00:00:01Z "),
      (86_399_000_000, "1970-01-01T23:59:59Z "),
      (68_169_600_000_000, "1972-02-29T00:00:00Z "),
      (951_782_400_000_000, "2000-02-29T00:00:00Z "),
      (951_868_800_000_000, "2000-03-01T00:00:00Z "),
      (1_709_164_800_000_000, "2024-02-29T00:00:00Z "),
      (1_798_761_599_500_000, "2026-12-31T23:59:59.500000Z "),
      (1_798_761_600_000_000, "2027-01-01T00:00:00Z "),
      (1_795_229_304_424_463, "2026-11-21T02:48:24.424463Z "),
      (2_147_483_648_000_000, "2038-01-19T03:14:08Z "),
      (4_107_542_400_000_000, "2100-03-01T00:00:00Z "),
      (4_107_455_999_000_000, "2100-02-27T23:59:59Z "),
      (4_107_456_000_000_000, "2100-02-28T00:00:00Z "),
      (253_402_300_799_000_000, "9999-12-31T23:59:59Z "),
    ] as [(Int64, String)])
  func aTimeIsWrittenInUTC(_ microseconds: Int64, _ text: String) {
    #expect(stamp(microseconds) == text)
  }

  @Test(arguments: 0..<4 as Range<UInt64>)
  func everyDayIsTheCLibrarysDay(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<500 {
      var seconds = time_t.random(in: 0..<253_402_300_800, using: &generator)
      let microseconds = Int64(seconds) * 1_000_000
      var parts = unsafe tm()
      _ = unsafe gmtime_r(&seconds, &parts)
      var buffer = [CChar](repeating: 0, count: 64)
      let count = unsafe strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%SZ ", &parts)
      let expected = buffer.prefix(count).map { UInt8(bitPattern: $0) }
      #expect(stamp(microseconds) == String(decoding: expected, as: UTF8.self))
    }
  }

  @Test func theCurrentTimeLiesBetweenTwoLooksAtTheClock() {
    let before = Int64(time(nil))
    var line: [UInt8] = []
    TimeStamp.append(to: &line)
    let after = Int64(time(nil)) + 1
    let text = String(decoding: line, as: UTF8.self).prefix(19)
    // The coarse clock may lag behind by a tick.
    let first = stamp((before - 1) * 1_000_000).prefix(19)
    let last = stamp(after * 1_000_000).prefix(19)
    #expect(first <= text && text <= last)
  }
}
