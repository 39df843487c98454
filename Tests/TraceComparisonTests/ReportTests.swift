import Testing
import TraceComparison

@Suite struct ReportTests {
  private func example() throws -> Comparison {
    try TestLog.compare(
      ["vfio_mdev (x) is_mdev 0", "vfio_a (x, @0x4, len=0x2) 0x103", "vfio_b (x)", "vfio_c (x)"],
      ["vfio_mdev (x) is_mdev 0", "vfio_a (x, @0x4, len=0x2) 0x100", "vfio_c (x)", "vfio_d (x)"])
  }

  @Test func differencesStandSideBySideWithTheLineNumbersOfBoth() throws {
    let expected = """
           A: a.log                                      B: b.log
         1 vfio_mdev (x) is_mdev 0                     1 vfio_mdev (x) is_mdev 0
         2 vfio_a (x, @0x4, len=0x2) 0x103        |    2 vfio_a (x, @0x4, len=0x2) 0x100
            differs: 0x103 | 0x100
         3 vfio_b (x)                             <
         4 vfio_c (x)                                  3 vfio_c (x)
                                                  >    4 vfio_d (x)

      different: 3 differences (1 changed, 1 only in A, 1 only in B), 2 lines agree

      """
    #expect(try example().report(width: 90) == expected)
  }

  @Test(arguments: [40, 80, 81, 120, 200])
  func noLineOfThePartSideBySideIsWiderThanAsked(_ width: Int) throws {
    let a = TestLog.lines("qemu-11.1.3/pair-iommufd.log")
    let b = TestLog.lines("qemu-11.1.3/pair-legacy.log")
    let report = try TestLog.compare(a, b).report(width: width)
    let lines = report.split(separator: "\n").filter { !$0.hasPrefix("      differs: ") }
    let sides = lines.prefix { !$0.hasPrefix("different:") }
    #expect(sides.count > 100)
    #expect(sides.allSatisfy { $0.utf8.count <= width || $0.hasPrefix("  ...") })
    for text in ["iommufd_cdev_getfd", "vfio_device_attach"] where width >= 80 {
      #expect(report.contains(text))
    }
  }

  @Test func nothingOfALineThatDiffersIsCutOff() throws {
    let words = (0..<40).map { "word\($0)" }.joined(separator: " ")
    let long = String(repeating: "x", count: 300)
    let report = try TestLog.compare(["vfio_a 1"], ["vfio_a \(words) \(long)"]).report(width: 60)
    let right = report.split(separator: "\n").prefix { !$0.contains("differs:") }
      .dropFirst().map { $0.dropFirst(32).filter { $0 != " " } }.joined()
    #expect(right.contains((0..<40).map { "word\($0)" }.joined()))
    #expect(right.filter { $0 == "x" }.count == 300)
  }

  @Test func colorIsUsedOnRequestOnly() throws {
    #expect(try example().report(color: true).contains("\u{1b}[31m"))
    #expect(try !example().report(color: false).utf8.contains(0x1b))
  }

  @Test func controlBytesOfALogDoNotReachTheTerminal() throws {
    let report = try TestLog.compare(["vfio_a \u{1b}[31m"], ["vfio_a é"]).report()
    #expect(report.contains("\\x1b[31m"))
    #expect(report.contains("\\xc3\\xa9"))
    #expect(report.utf8.allSatisfy { $0 == 0x0a || ($0 >= 0x20 && $0 < 0x7f) })
  }

  @Test func jsonHoldsDifferencesRenamingAndRules() throws {
    let dependent = "iommufd_cdev_pci_hot_reset_dep_devices 0000:81:00.0 devid "
    let comparison = try TestLog.compare(
      ["vfio_a \"x\\y\"", "vfio_m 1", dependent + "1"], ["vfio_a (x)", "vfio_m 2", dependent + "4"]
    ) { $0.rules = try TestLog.rules("ignore vfio_m because \"why\"") }
    let expected = """
      {"equal": false,
       "a": {"path": "a.log", "lines": 3, "events": 3, "compared": 3, "otherText": 0, "withoutCounterpart": 0},
       "b": {"path": "b.log", "lines": 3, "events": 3, "compared": 3, "otherText": 0, "withoutCounterpart": 0},
       "counts": {"same": 1, "changed": 1, "onlyInA": 0, "onlyInB": 0, "excused": 2, "covered": 0},
       "renamed": [{"kind": "devid", "a": 1, "b": 4}],
       "rules": [{"file": "test.rules", "line": 1, "rule": "ignore vfio_m", "reason": "\\"why\\"", "linesOfA": 1, "linesOfB": 1}],
       "differences": [
        {"kind": "changed", "a": {"line": 1, "text": "vfio_a \\"x\\\\y\\""}, "b": {"line": 1, "text": "vfio_a (x)"}, "contradictions": []}]}

      """
    #expect(comparison.json == expected)
  }
}
