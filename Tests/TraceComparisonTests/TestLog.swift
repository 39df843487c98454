import Glibc
import Testing
import TraceComparison

/// Logs for tests: recorded ones and ones written in place.
enum TestLog {
  static let recorded = [
    "iommufd-rfcv3-pair.log", "qemu-11.1.3/nvme-iommufd.log", "qemu-11.1.3/pair-iommufd.log",
    "qemu-11.1.3/pair-legacy.log", "qemu-11.1.3/pair-qtest.log",
    "qemu-11.1.3/single-of-pair-iommufd.log",
  ]

  /// The lines of a recorded log of `Tests/Traces`.
  static func lines(_ name: String) -> [String] {
    lines(ofFile: "Tests/Traces/\(name)")
  }

  /// The lines of `machines/lab/comparison.rules`.
  static func shippedRules() -> [String] {
    lines(ofFile: "machines/lab/comparison.rules")
  }

  private static func lines(ofFile path: String) -> [String] {
    let folder = #filePath.split(separator: "/", omittingEmptySubsequences: false)
      .dropLast(3).joined(separator: "/")
    guard let file = unsafe fopen("\(folder)/\(path)", "r") else { return [] }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    while true {
      let byte = unsafe fgetc(file)
      guard byte >= 0 else { break }
      bytes.append(UInt8(truncatingIfNeeded: byte))
    }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  static func file(_ lines: [String], path: String = "test.log") -> LogFile {
    LogFile(path: path, bytes: Array((lines.joined(separator: "\n") + "\n").utf8))
  }

  static func compare(
    _ a: [String], _ b: [String], _ configure: (inout ComparisonOptions) throws -> Void = { _ in }
  ) throws -> Comparison {
    var options = try ComparisonOptions()
    try configure(&options)
    return try Comparison(file(a, path: "a.log"), file(b, path: "b.log"), options)
  }

  static func rules(_ lines: String...) throws -> ComparisonRules {
    try ComparisonRules(file(lines, path: "test.rules"))
  }
}

/// One difference as the report tells it, for short expectations.
struct Difference: Equatable, CustomStringConvertible {
  let kind: Comparison.Row.Kind
  let a: Int?
  let b: Int?

  static func changed(_ a: Int, _ b: Int) -> Self { Self(kind: .changed, a: a, b: b) }
  static func onlyInA(_ line: Int) -> Self { Self(kind: .onlyInA, a: line, b: nil) }
  static func onlyInB(_ line: Int) -> Self { Self(kind: .onlyInB, a: nil, b: line) }

  var description: String {
    "\(kind) \(a.map(String.init) ?? "-") \(b.map(String.init) ?? "-")"
  }
}

extension Comparison: CustomTestStringConvertible {
  public var testDescription: String { report() }

  /// The differences with the line numbers of both files.
  var differences: [Difference] {
    rows.filter(\.isDifference).map {
      Difference(kind: $0.kind, a: lineOfA($0), b: lineOfB($0))
    }
  }

  /// The whole side-by-side report.
  func report(width: Int = 100, color: Bool = false) -> String {
    var report = SideBySideReport()
    report.width = width
    report.usesColor = color
    let text = Collected()
    report.write(self) { text.bytes += $0 }
    return String(decoding: text.bytes, as: UTF8.self)
  }

  var json: String {
    let text = Collected()
    JSONReport().write(self) { text.bytes += $0 }
    return String(decoding: text.bytes, as: UTF8.self)
  }
}

private final class Collected {
  var bytes: [UInt8] = []
}
