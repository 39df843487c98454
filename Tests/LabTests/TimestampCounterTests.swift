import Lab
import Testing

@Suite struct TimestampCounterTests {
  @Test(arguments: [
    (ticks: UInt64(259_609_700), nanoseconds: UInt64(100_000_000), kilohertz: UInt64(2_596_097)),
    (ticks: 1, nanoseconds: 1_000_000, kilohertz: 1),
    (ticks: 3_000_000_000, nanoseconds: 999_999_999, kilohertz: 3_000_000),
  ])
  func frequencyIsTicksByTime(ticks: UInt64, nanoseconds: UInt64, kilohertz: UInt64) {
    let first = TimestampCounter.Sample(ticks: 77, nanoseconds: 5)
    let last = TimestampCounter.Sample(ticks: 77 + ticks, nanoseconds: 5 + nanoseconds)
    #expect(TimestampCounter.kilohertz(from: first, to: last) == kilohertz)
  }

  @Test(arguments: [(UInt64(10), UInt64(20)), (9, 20), (20, 10), (20, 9)])
  func clockThatStandsOrGoesBackHasNoFrequency(ticks: UInt64, nanoseconds: UInt64) {
    let first = TimestampCounter.Sample(ticks: 10, nanoseconds: 10)
    let last = TimestampCounter.Sample(ticks: ticks, nanoseconds: nanoseconds)
    #expect(TimestampCounter.kilohertz(from: first, to: last) == nil)
  }

  @Test func twoMeasurementsAgree() throws {
    let first = try #require(TimestampCounter.measureKilohertz())
    let second = try #require(TimestampCounter.measureKilohertz())
    #expect(first.distance(to: second).magnitude < first / 100)
  }
}
