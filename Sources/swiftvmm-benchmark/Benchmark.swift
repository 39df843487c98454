internal import CTwin
internal import Glibc
internal import Tracing

/// Measures trace points against their twin in C and prints rows of a Markdown table.
///
/// Called by `machines/benchmark`; with a host description as argument it measures the simulated host,
/// with `exits` it measures exits of a guest under KVM, with `starts COUNT STATUS WORD...` it starts as
/// many guests with swiftvmm's words, all of which have to end with the status. Rounds of both sides alternate and the fastest
/// round of each counts, so that other work on the machine disturbs the ratio least.
@main struct Benchmark {
  private static let device = "0000:81:00.0"
  private static let rounds = 25

  /// The fastest of several rounds of calls.
  private struct Fastest {
    let calls: UInt64
    /// Nanoseconds of one call.
    private(set) var nanoseconds = Double.infinity

    init(calls: UInt64) { self.calls = calls }

    mutating func take(_ round: (UInt64) -> UInt64) {
      nanoseconds = min(nanoseconds, Double(round(calls)) / Double(calls))
    }
  }

  static func main() throws {
    let words = Swift.CommandLine.arguments.dropFirst()
    if words == ["exits"] { return try measureExits() }
    if words.count > 3, words.first == "starts" { return measureStarts(Array(words.dropFirst())) }
    if let path = words.first {
      let benchmark = try SimulatorBenchmark(template: path)
      let calls = try benchmark.callsPerSecond(rounds: 50)
      print(
        "| simulated host, \(SimulatorBenchmark.functionCount) functions in use, calls |"
          + " \(Int(calls / 1000)) thousand/s | - | - |")
      return
    }
    guard linesAgree() else {
      print("swiftvmm-benchmark: the C twin prints another line than the trace point")
      exit(1)
    }
    let tracer = Tracer(to: DroppingSink())
    let point = TracePoint(tracer: tracer, device: device)

    var empty = Fastest(calls: 2_000_000)
    var emptyTwin = empty
    var disabled = empty
    var disabledTwin = empty
    for _ in 0..<rounds {
      empty.take(point.timeOfEmpty)
      emptyTwin.take(ctwin_time_empty)
      disabled.take(point.timeOfDisabled)
      disabledTwin.take(ctwin_time_disabled)
    }
    let points = Double(TracePoint.pointsPerCall)
    row(
      "trace point, off", (disabled.nanoseconds - empty.nanoseconds) / points,
      "relaxed load and branch in C",
      (disabledTwin.nanoseconds - emptyTwin.nanoseconds) / points)

    tracer.set("*", enabled: true)
    var enabled = Fastest(calls: 100_000)
    var formatTwin = enabled
    for _ in 0..<rounds {
      enabled.take(point.timeOfEnabled)
      formatTwin.take { calls in
        unsafe device.withCString { unsafe ctwin_time_format($0, calls) }
      }
    }
    row(
      "trace point, on, line formatted and dropped", enabled.nanoseconds - empty.nanoseconds,
      "snprintf of the same line in C", formatTwin.nanoseconds - emptyTwin.nanoseconds)
  }

  /// Starts guests: how many, the status that each ends with, and swiftvmm's words.
  private static func measureStarts(_ words: [String]) {
    do {
      guard let count = Int(words[0]), count > 0, let status = Int32(words[1]) else {
        throw StartBenchmark.Failure("starts COUNT STATUS WORD...")
      }
      try StartBenchmark(words: Array(words.dropFirst(2)), count: count, status: status).run()
    } catch let error as StartBenchmark.Failure {
      print("swiftvmm-benchmark: \(error.message)")
      exit(1)
    } catch {
      print("swiftvmm-benchmark: \(error)")
      exit(1)
    }
  }

  /// Exits per second of processor time, and their ratio to those of a bare loop around `KVM_RUN`.
  private static func measureExits() throws {
    for access in ExitBenchmark.Access.allCases {
      let exits: UInt64 = 5_000
      var best = UInt64.max
      var bestTwin = UInt64.max
      for _ in 0..<60 {
        best = min(best, try ExitBenchmark.time(access, exits: exits))
        guard let twin = ExitBenchmark.timeOfTwin(access, exits: exits) else {
          print("swiftvmm-benchmark: the C twin could not run its guest")
          exit(1)
        }
        bestTwin = min(bestTwin, twin)
      }
      func rate(_ time: UInt64) -> Int { Int(Double(exits) / Double(time) * 1e6) }
      print(
        "| exits, \(access.name) | \(rate(best)) thousand/s | KVM_RUN in C: \(rate(bestTwin))"
          + " thousand/s | \(text(Double(bestTwin) / Double(best))) |")
    }
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
