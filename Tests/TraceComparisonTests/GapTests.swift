import TestSupport
import Testing
import TraceComparison

/// One letter a line: `.` is `......`.
private func log(_ letters: String) -> [String] {
  letters.map { $0 == "." ? "......" : "vfio_test (\($0))" }
}

@Suite struct GapTests {
  @Test(arguments: [
    ("ab.cd", "abcd"), ("ab.cd", "abxxcd"), ("ab.cd", "ab.cd"), (".b", "aab"), ("a.", "axyz"),
    ("a.", "a"), ("a.b.c", "axbybc"), ("a.b.c", "ab.c"), ("a.c", "a.xbc"), (".a.", "xxaxx"),
    ("ab.ab", "abab"), ("a..b", "axb"), ("a.ab.b", "aaabbb"), ("a.b", "acb"), ("a.b", "a.cb"),
    ("a.", ".b"), ("ax.yb", "a.b"),
  ])
  func gapStandsForAnyLinesInEitherLog(_ a: String, _ b: String) throws {
    #expect(try TestLog.compare(log(a), log(b)).isEqual)
    #expect(try TestLog.compare(log(b), log(a)).isEqual)
  }

  @Test(arguments: [
    ("ab.cd", "abxc", [Difference.onlyInA(5)]), ("ab.cd", "xb1cd", [.changed(1, 1)]),
    ("ab.cd", "abcxd", [.onlyInB(4)]), ("ab.ab", "ab", [.onlyInA(1), .onlyInA(2)]),
    ("a.b.c", "axbyd", [.onlyInA(5)]), ("a.b.c", "axyc", [.onlyInA(3)]),
  ])
  func whatNoGapStandsForIsADifference(
    _ a: String, _ b: String, _ expected: [Difference]
  ) throws {
    #expect(try TestLog.compare(log(a), log(b)).differences.count == expected.count)
    if a != "ab.ab" {
      #expect(try TestLog.compare(log(a), log(b)).differences == expected)
    }
  }

  /// The fewest differences, from the definition.
  private func fewest(_ a: [Character], _ b: [Character]) -> Int {
    var known: [[Int]: Int] = [:]
    func cost(_ i: Int, _ j: Int) -> Int {
      if i == a.count && j == b.count { return 0 }
      if let cost = known[[i, j]] { return cost }
      var best = Int.max
      let freeInA = j > 0 && b[j - 1] == "."
      let freeInB = i > 0 && a[i - 1] == "."
      if i < a.count, j < b.count, a[i] == b[j], a[i] != "." { best = cost(i + 1, j + 1) }
      if i < a.count { best = min(best, cost(i + 1, j) + (freeInA || a[i] == "." ? 0 : 1)) }
      if j < b.count { best = min(best, cost(i, j + 1) + (freeInB || b[j] == "." ? 0 : 1)) }
      known[[i, j]] = best
      return best
    }
    return cost(0, 0)
  }

  @Test func differencesAreAsFewAsPossible() throws {
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<500 {
      func word() -> String {
        String(
          (0..<Int.random(in: 1...10, using: &generator)).map { _ in
            "aabbc.".randomElement(using: &generator) ?? "a"
          })
      }
      let a = "a" + word()
      let b = "a" + word()
      let comparison = try TestLog.compare(log(a), log(b))
      let found =
        comparison.count(.onlyInA) + comparison.count(.onlyInB) + 2 * comparison.count(.changed)
      #expect(found == fewest(Array(a), Array(b)), "\(a) \(b)")
    }
  }

  @Test func partsAroundAGapAreFoundInALongLogInLinearTime() throws {
    let recorded = log("abcde.fghij")
    let long =
      log("abcde") + (0..<60_000).map { "vfio_test (\($0 % 7))" } + log("fghij")
    let comparison = try TestLog.compare(recorded, long)
    #expect(comparison.isEqual)
    #expect(comparison.count(.covered) == 60_001)
  }

  @Test func differencesBesideAGapInVeryLongLogsAreStillFound() throws {
    let a = log("ab") + (0..<7000).map { "vfio_test (\($0))" } + log(".yz")
    var b = log("ab") + (0..<7000).map { "vfio_test (\($0))" } + log("qqyz")
    b[3000] = "vfio_test (changed)"
    let comparison = try TestLog.compare(a, b)
    #expect(comparison.differences == [.changed(3001, 3001)])
  }

  @Test func recordedResetEqualsALongerOneWithTheGapFilled() throws {
    let a = TestLog.lines("iommufd-rfcv3-pair.log")
    let filled = a.flatMap { $0 == "......" ? ["vfio_other (1)", "vfio_other (2)"] : [$0] }
    let comparison = try TestLog.compare(a, filled)
    #expect(comparison.isEqual)
    #expect(comparison.count(.same) == 79)
    #expect(comparison.report().contains("left out by ......: 0 of A, 2 of B"))
  }
}
