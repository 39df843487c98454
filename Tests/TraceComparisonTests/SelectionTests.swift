import Testing
import TraceComparison

@Suite struct SelectionTests {
  static let patterns: [([String], [String])] = [
    ([], ["vfio_a_x", "vfio_b_x", "iommufd_c"]),
    (["vfio_*"], ["vfio_a_x", "vfio_b_x"]),
    (["vfio_?_x", "-vfio_b*"], ["vfio_a_x"]),
    (["-vfio_b*"], ["vfio_a_x", "iommufd_c"]),
    (["-vfio_*", "vfio_b_x"], ["vfio_b_x", "iommufd_c"]),
    (["iommufd_c"], ["iommufd_c"]),
  ]

  @Test(arguments: patterns)
  func lastPatternThatFitsDecides(_ patterns: [String], _ selected: [String]) throws {
    let names = ["vfio_a_x", "vfio_b_x", "iommufd_c"]
    let events = try EventPatterns(patterns)
    #expect(names.filter { events.select(Array($0.utf8).span) } == selected)
  }

  @Test(arguments: ["", "-", "vfio pci", "vfio[ab]", "--vfio", "vfio_pci_reset,"])
  func patternThatNoEventNameFitsIsRefused(_ pattern: String) {
    #expect(throws: ComparisonError.self) { try EventPatterns([pattern]) }
  }

  @Test func unselectedEventsMayDiffer() throws {
    let a = TestLog.lines("qemu-11.1.3/pair-iommufd.log")
    let b = TestLog.lines("qemu-11.1.3/pair-qtest.log")
    let comparison = try TestLog.compare(a, b) {
      $0.events = try EventPatterns(["-vfio_intx_*_kvm"])
    }
    #expect(comparison.isEqual)
    #expect(comparison.report().contains("not compared in A: 18 events not selected"))
  }

  @Test func selectingNothingIsNoVerdict() {
    let lines = ["vfio_pci_reset (x)"]
    #expect(throws: ComparisonError.nothingSelected) {
      try TestLog.compare(lines, lines) { $0.events = try EventPatterns(["nosuch*"]) }
    }
  }

  @Test func selectingEventsOfOneLogOnlyIsADifference() throws {
    let comparison = try TestLog.compare(["vfio_a (x)"], ["vfio_b (x)"]) {
      $0.events = try EventPatterns(["vfio_a"])
    }
    #expect(comparison.differences == [.onlyInA(1)])
  }

  @Test(arguments: ["0000:81:00.0", "81:00.0", "0000:81:00.0 "])
  func deviceSelectsLinesThatNameIt(_ address: String) throws {
    guard let device = try? DeviceAddress(address) else {
      #expect(address.hasSuffix(" "))
      return
    }
    let a = ["vfio_a (0000:81:00.0)", "vfio_a (0000:81:00.1)", "vfio_b Region 0000:81:00.0 BAR 1"]
    let b = ["vfio_a (0000:81:00.0)", "vfio_b Region 0000:81:00.0 BAR 2", "vfio_x (10000:81:00.0)"]
    let comparison = try TestLog.compare(a, b) { $0.devices = [device] }
    #expect(comparison.differences == [.changed(3, 2)])
  }

  @Test(arguments: ["", "x", "0000:81:00", "0000:81:00.0.0", "zz:00.0", "0000-81:00.0"])
  func malformedAddressIsRefused(_ text: String) {
    #expect(throws: ComparisonError.invalidAddress(text)) { try DeviceAddress(text) }
  }

  @Test func mappedAddressesCountAsEqualEvenWhenExchanged() throws {
    let a = ["vfio_a (0000:81:00.0)", "vfio_a (0000:81:00.1)", "vfio_a (0000:82:00.0)"]
    let b = ["vfio_a (0000:81:00.1)", "vfio_a (0000:81:00.0)", "vfio_a (0000:82:00.0)"]
    let map = try AddressMap(["81:00.0=81:00.1", "0000:81:00.1=0000:81:00.0"])
    #expect(try TestLog.compare(a, b) { $0.addresses = map }.isEqual)
    let one = try TestLog.compare(a, b) {
      $0.addresses = map
      $0.devices = [try DeviceAddress("81:00.0")]
    }
    #expect(one.isEqual)
    #expect(one.count(.same) == 1)
  }

  @Test(arguments: [
    ["a"], ["81:00.0"], ["81:00.0=82:00.0", "81:00.0=83:00.0"],
    ["81:00.0=82:00.0", "81:00.1=82:00.0"], ["81:00.0=82:00.0=83:00.0"],
  ])
  func addressMapThatIsNotOneToOneIsRefused(_ values: [String]) {
    #expect(throws: ComparisonError.self) { try AddressMap(values) }
  }

  static let sections: [(String, String, [Int])] = [
    ("reset", "enable", [2, 3, 4]), ("^", "enable", [1, 2, 3, 4]),
    ("reset", "$", [2, 3, 4, 5, 6, 7]),
    ("reset#2", "$", [5, 6, 7]), ("reset#last", "enable", [5, 6, 7]),
    ("reset", "enable#2", [2, 3, 4, 5, 6, 7]),
    ("reset", "reset", [2, 3, 4, 5]), ("vfio_r?set  (x)", "en*b", [2, 3, 4]),
    ("reset", "enable#last", [2, 3, 4, 5, 6, 7]),
  ]

  @Test(arguments: sections)
  func sectionRunsFromMarkToNextMarkBothIncluded(
    _ first: String, _ last: String, _ lines: [Int]
  ) throws {
    let log = [
      "vfio_mdev (x)", "vfio_reset   (x)", "vfio_middle (x)",
      "2026-11-21T02:48:24Z vfio_enable (x)",
      "vfio_reset (x)", "vfio_other (x)", "vfio_enable (x)",
    ]
    let comparison = try TestLog.compare(log, log) {
      $0.sectionOfA = try Section(from: first, to: last)
      $0.sectionOfB = $0.sectionOfA
    }
    #expect(comparison.isEqual)
    #expect(comparison.rows.compactMap { comparison.lineOfA($0) } == lines)
    #expect(comparison.rows.compactMap { comparison.lineOfB($0) } == lines)
  }

  @Test func missingMarkNamesTheFileAndWhatWasFound() throws {
    let log = ["vfio_reset (x)", "vfio_enable (x)"]
    func error(_ first: String, _ last: String) -> ComparisonError? {
      #expect(throws: ComparisonError.self) {
        try TestLog.compare(log, log) { $0.sectionOfB = try Section(from: first, to: last) }
      }
    }
    #expect(
      error("reset#2", "$") == .markNotFound(path: "b.log", mark: "reset", found: 1, after: nil))
    #expect(
      error("reset", "reset") == .markNotFound(path: "b.log", mark: "reset", found: 0, after: 1))
    #expect(error("", "$") == .invalidMark(""))
    #expect(error("reset#0", "$") == .invalidMark("reset#0"))
  }
}
