internal import CTwin
internal import Tracing

/// A trace point as the VFIO client has them, in calls that the compiler cannot fold away.
///
/// The line is that of a BAR read: a text and four numbers. `ctwin_format` prints the same bytes in C.
struct TracePoint {
  /// How many points one call of `disabled` passes.
  static let pointsPerCall: UInt64 = 16

  let tracer: Tracer
  let device: String

  /// Emits one line when events are on.
  @inline(never)
  func emit(_ value: UInt64) {
    point(value)
    ctwin_keep(value)
  }

  /// Nanoseconds for calls of a function that does nothing.
  func timeOfEmpty(calls: UInt64) -> UInt64 { time(calls) { empty($0) } }

  /// Nanoseconds for calls that each emit one line.
  func timeOfEnabled(calls: UInt64) -> UInt64 { time(calls) { emit($0) } }

  /// Nanoseconds for calls that each pass `pointsPerCall` points.
  func timeOfDisabled(calls: UInt64) -> UInt64 { time(calls) { disabled($0) } }

  @inline(never)
  private func empty(_ value: UInt64) { ctwin_keep(value) }

  @inline(never)
  private func disabled(_ value: UInt64) {
    ctwin_keep(value)
    point(value)
    point(value)
    point(value)
    point(value)
    point(value)
    point(value)
    point(value)
    point(value)
    point(value)
    point(value)
    point(value)
    point(value)
    point(value)
    point(value)
    point(value)
    point(value)
  }

  @inline(__always)
  private func point(_ value: UInt64) {
    tracer.emit(
      .vfioRegionRead,
      [.text(device), .number(0), .number(value & 0xfff), .number(4), .number(value)])
  }

  @inline(__always)
  private func time(_ calls: UInt64, _ body: (UInt64) -> Void) -> UInt64 {
    let duration = ContinuousClock().measure {
      for value in 0..<calls { body(value) }
    }
    let (seconds, attoseconds) = duration.components
    return UInt64(clamping: seconds) * 1_000_000_000 + UInt64(clamping: attoseconds / 1_000_000_000)
  }
}
