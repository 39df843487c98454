private import CLinux
import Glibc

/// The processor's time stamp counter, measured against the kernel's raw monotonic clock.
package enum TimestampCounter {
  /// One look at both clocks: counter ticks, and nanoseconds of CLOCK_MONOTONIC_RAW.
  package struct Sample: Equatable, Sendable {
    package var ticks: UInt64
    package var nanoseconds: UInt64

    package init(ticks: UInt64, nanoseconds: UInt64) {
      self.ticks = ticks
      self.nanoseconds = nanoseconds
    }
  }

  /// The counter's frequency in kHz, rounded; nil when one of the clocks did not go forward.
  package static func kilohertz(from first: Sample, to last: Sample) -> UInt64? {
    guard last.ticks > first.ticks, last.nanoseconds > first.nanoseconds else { return nil }
    let ticks = Double(last.ticks - first.ticks)
    return UInt64((ticks * 1e6 / Double(last.nanoseconds - first.nanoseconds)).rounded())
  }

  /// Measures the frequency in kHz, within a tenth of a second or what the host makes of it; nil when
  /// the counter stands. How busy the host is does not matter.
  package static func measureKilohertz() -> UInt64? {
    let first = sample()
    usleep(100_000)
    return kilohertz(from: first, to: sample())
  }

  /// Looks at both clocks several times and takes the look that was interrupted least.
  private static func sample() -> Sample {
    var best = Sample(ticks: 0, nanoseconds: 0)
    var shortest = UInt64.max
    for _ in 0..<50 {
      var time = timespec()
      let before = clinux_timestamp_counter()
      unsafe clock_gettime(CLOCK_MONOTONIC_RAW, &time)
      let took = clinux_timestamp_counter() &- before
      guard took < shortest else { continue }
      shortest = took
      best.ticks = before &+ took / 2
      best.nanoseconds = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
    return best
  }
}
