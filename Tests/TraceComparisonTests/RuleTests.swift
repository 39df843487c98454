import Testing
import TraceComparison

@Suite struct RuleTests {
  private let a = [
    "vfio_mdev (x)", "vfio_listener_region_add_ram region_add [ram] 0x0 - 0xf [0x1]",
    "iommufd_backend_map_dma  iommufd=3 ioas=2 iova=0x0 size=0x10 addr=0x1 readonly=0 (0)",
    "vfio_listener_region_skip SKIPPING region_add 0xa0000 - 0xbffff", "vfio_reset (x)",
  ]
  private let b = [
    "vfio_mdev (x)", "vfio_listener_region_skip SKIPPING region_add 0xa0000 - 0xbffff",
    "vfio_reset (x)", "vfio_listener_region_del region_del 0x0 - 0xf",
  ]

  @Test func excusedLinesAreCountedByRuleAndSide() throws {
    let rules = try TestLog.rules(
      "# comment", "", "ignore vfio_listener_*_ram, *_map_dma because boards differ in memory",
      "  may-ignore vfio_listener_* when region_del because of the same  reason")
    let comparison = try TestLog.compare(a, b) { $0.rules = rules }
    #expect(comparison.isEqual)
    #expect(comparison.count(.same) == 3)
    #expect(
      comparison.excuses.map { [$0.rule.line, $0.linesOfA, $0.linesOfB] } == [
        [3, 2, 0], [4, 0, 1],
      ])
    #expect(comparison.excuses[1].rule.reason == "of the same reason")
    #expect(comparison.unusedRule == nil)
    #expect(
      comparison.report().contains(
        "excused: 2 of A, 0 of B by test.rules:3 ignore vfio_listener_*_ram, *_map_dma: "
          + "boards differ in memory"))
  }

  @Test func linesOutsideARuleStillDiffer() throws {
    let comparison = try TestLog.compare(a, b) {
      $0.rules = try TestLog.rules("ignore vfio_listener_* because boards differ")
    }
    #expect(comparison.differences == [.onlyInA(3)])
  }

  @Test func placeOfExcusableLinesDoesNotMatterAndTheirNumberDoesNotHideOthers() throws {
    let map = (0..<10).map { "vfio_listener_region_del \($0)" }
    let comparison = try TestLog.compare(
      map + ["vfio_a (x)", "vfio_b (x)"], ["vfio_a (x)"] + map + ["vfio_b (x)"]
    ) { $0.rules = try TestLog.rules("may-ignore vfio_listener_* because boards differ") }
    #expect(comparison.isEqual)
    #expect(comparison.count(.same) == 2)
    #expect(comparison.count(.excused) == 20)
  }

  @Test func conditionLimitsARule() throws {
    let comparison = try TestLog.compare(
      ["vfio_a (x) 1", "vfio_a (y) 1"], ["vfio_a (x) 2", "vfio_a (y) 2"]
    ) {
      $0.rules = try TestLog.rules("ignore vfio_a when (x) because x is noisy")
    }
    #expect(comparison.differences == [.changed(2, 2)])
  }

  @Test func ruleThatMustApplyAndDoesNotIsAnError() throws {
    let rules = try TestLog.rules("may-ignore vfio_c because x", "ignore vfio_b when y because z")
    let comparison = try TestLog.compare(["vfio_a (x)"], ["vfio_a (x)"]) { $0.rules = rules }
    #expect(comparison.isEqual)
    let error = try #require(comparison.unusedRule)
    #expect(error == .unusedRule(path: "test.rules", line: 2, rule: "ignore vfio_b when y"))
    #expect(error.message.hasPrefix("test.rules:2: "))
  }

  @Test func contradictoryIdentifiersCanBeExcused() throws {
    let line = "iommufd_cdev_pci_hot_reset_dep_devices \t0000:81:00.0 devid "
    let comparison = try TestLog.compare(
      [line + "1", line + "1", line + "1"], [line + "4", line + "4", line + "7"]
    ) {
      $0.rules = try TestLog.rules("ignore *_dep_devices because test")
    }
    #expect(comparison.isEqual)
    #expect(comparison.excuses[0].linesOfA == 1)
  }

  static let invalid: [(String, ComparisonError.RuleProblem)] = [
    ("allow vfio_a because b", .unknownVerb("allow")),
    ("ignore", .noPattern), ("ignore because x", .noPattern),
    ("ignore vfio_a", .noReason), ("ignore vfio_a because", .noReason),
    ("ignore vfio_a vfio_b because x", .unexpected("vfio_b")),
    ("ignore vfio_a when because x", .emptyCondition),
    ("ignore vfio_a when y", .noReason),
    ("ignore vfio[ because x", .invalidPattern("vfio[")),
    ("ignore vfio_a,, vfio_b because x", .invalidPattern("")),
    ("may-ignore vfio_first because again", .repeats(line: 1)),
  ]

  @Test(arguments: invalid)
  func invalidRuleIsNamedByItsLine(_ rule: String, _ problem: ComparisonError.RuleProblem) {
    let expected = ComparisonError.invalidRule(path: "test.rules", line: 3, problem: problem)
    #expect(throws: expected) {
      try TestLog.rules("ignore vfio_first because x", "# comment", rule)
    }
    #expect(expected.message.hasPrefix("test.rules:3: "))
  }

  @Test func shippedRulesExcuseMemoryMapsOnly() throws {
    let rules = try ComparisonRules(TestLog.file(TestLog.shippedRules(), path: "comparison.rules"))
    let a = TestLog.lines("qemu-11.1.3/pair-iommufd.log")
    let without = a.filter {
      !$0.hasPrefix("vfio_listener_") && !$0.contains("map_dma ")
    }
    #expect(without.count < a.count)
    let legacy = TestLog.lines("qemu-11.1.3/pair-legacy.log")
    #expect(try TestLog.compare(legacy, legacy) { $0.rules = rules }.unusedRule == nil)
    for (index, line) in a.enumerated() where without.contains(line) {
      var edited = a
      edited.remove(at: index)
      #expect(try !TestLog.compare(a, edited) { $0.rules = rules }.isEqual, "\(line)")
    }
  }
}
