internal import CTwin
internal import Glibc
internal import Tracing

/// Measures trace points against their twin in C and prints rows of a Markdown table.
///
/// Called by `machines/benchmark`. Rounds of both sides alternate and the fastest round of each counts,
/// so that other work on the machine disturbs the ratio least.
@main struct Benchmark {
  private static let device = "0000:81:00.0"
  private static let rounds = 9
  private static let shortCalls: UInt64 = 4_000_000
  private static let longCalls: UInt64 = 200_000

  static func main() {
    guard linesAgree() else {
      print("swiftvmm-benchmark: the C twin prints another line than the trace point")
      exit(1)
    }
    let tracer = Tracer(to: DroppingSink())
    let point = TracePoint(tracer: tracer, device: device)

    let empty = best(shortCalls) { point.timeOfEmpty(calls: $0) }
    let emptyTwin = best(shortCalls) { ctwin_time_empty($0) }
    let disabled = best(shortCalls) { point.timeOfDisabled(calls: $0) }
    let disabledTwin = best(shortCalls) { ctwin_time_disabled($0) }
    row(
      "trace point, off", (disabled - empty) / Double(TracePoint.pointsPerCall),
      "relaxed load and branch in C",
      (disabledTwin - emptyTwin) / Double(TracePoint.pointsPerCall))

    tracer.set("*", enabled: true)
    let enabled = best(longCalls) { point.timeOfEnabled(calls: $0) }
    let formatTwin = best(longCalls) { calls in
      unsafe device.withCString { unsafe ctwin_time_format($0, calls) }
    }
    row(
      "trace point, on, line formatted and dropped", enabled - empty,
      "snprintf of the same line in C", formatTwin - emptyTwin)
  }

  /// Nanoseconds of one call in the fastest round.
  private static func best(_ calls: UInt64, _ round: (UInt64) -> UInt64) -> Double {
    let fastest = (0..<rounds).map { _ in round(calls) }.min() ?? 0
    return Double(fastest) / Double(calls)
  }

  /// Whether the trace point and its twin print the same bytes.
  private static func linesAgree() -> Bool {
    let ring = RingSink(capacity: 1)
    let tracer = Tracer(to: ring)
    tracer.set("*", enabled: true)
    let value: UInt64 = 0x1234_5678
    TracePoint(tracer: tracer, device: device).emit(value)
    var line = [CChar](repeating: 0, count: 256)
    let length = unsafe Int(ctwin_format(&line, line.count, device, value))
    guard (1..<line.count).contains(length) else { return false }
    let text = String(
      decoding: line[..<(length - 1)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return ring.lines == [text]
  }

  private static func row(_ what: String, _ time: Double, _ twin: String, _ twinTime: Double) {
    let ratio = twinTime > 0 ? time / twinTime : .nan
    print("| \(what) | \(text(time)) ns | \(twin): \(text(twinTime)) ns | \(text(ratio)) |")
  }

  /// A number with two digits after the point, without Foundation.
  private static func text(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    let hundredths = Int((value.magnitude * 100).rounded())
    let fraction = hundredths % 100
    let sign = value < 0 && hundredths > 0 ? "-" : ""
    return "\(sign)\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction)"
  }
}
