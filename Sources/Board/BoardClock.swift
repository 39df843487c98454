internal import Glibc

/// The host's time as devices of the board see it, given to them so that a test can turn it.
package struct BoardClock {
  /// Nanoseconds from some point in the past, never going back. A machine that stops its guest may
  /// let this stand still.
  package let monotonic: () -> UInt64

  /// Nanoseconds since 1970-01-01 00:00 UTC.
  package let wallClock: () -> Int64

  package init(monotonic: @escaping () -> UInt64, wallClock: @escaping () -> Int64) {
    self.monotonic = monotonic
    self.wallClock = wallClock
  }

  /// The host's own clocks.
  package static var host: BoardClock {
    BoardClock(
      monotonic: { UInt64(truncatingIfNeeded: nanoseconds(CLOCK_MONOTONIC)) },
      wallClock: { nanoseconds(CLOCK_REALTIME) })
  }

  private static func nanoseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    guard unsafe clock_gettime(clock, &time) == 0 else { return 0 }
    return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
  }
}
