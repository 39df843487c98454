internal import Glibc

/// A point in wall-clock time, as QMP's `timestamp` has it.
package struct WallClockTime: Equatable, Sendable {
  /// Since the epoch.
  package let seconds: Int64

  /// Into the second, below one million.
  package let microseconds: Int64

  package init(seconds: Int64, microseconds: Int64) {
    self.seconds = seconds
    self.microseconds = microseconds
  }

  package static func now() -> WallClockTime {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    return WallClockTime(
      seconds: Int64(time.tv_sec), microseconds: Int64(time.tv_nsec / 1000))
  }
}
