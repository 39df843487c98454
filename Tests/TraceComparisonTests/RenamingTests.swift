import Testing
import TraceComparison

@Suite struct RenamingTests {
  /// The log with every pointer, descriptor and identifier of the recorded runs replaced, each kind one to one.
  private func renamed(_ lines: [String]) -> [String] {
    lines.map { line in
      var line = line
      for label in [
        "iommufd=", "(fd=", " fd=", "dmabuf fd ", "00.0 (", "00.1 (", "devid ", "devid=", "dev_id=",
        "ioas=", "ioasid=", "pt_id=", "out_hwpt=", "to id=",
      ] {
        line = Self.shift(line, after: label)
      }
      return Self.movePointers(line)
    }
  }

  /// Adds 100 to the number behind each `label`; 0 is no identifier.
  private static func shift(_ line: String, after label: String) -> String {
    var output = ""
    var rest = Substring(line)
    while let range = rest.firstRange(of: label) {
      output += rest[..<range.upperBound]
      rest = rest[range.upperBound...]
      let digits = rest.prefix(while: \.isNumber)
      if let number = Int(digits), number > 0, !rest.dropFirst(digits.count).hasPrefix("x") {
        output += String(number + 100)
        rest = rest.dropFirst(digits.count)
      }
    }
    return output + rest
  }

  private static func movePointers(_ line: String) -> String {
    line.split(separator: "0x7f", omittingEmptySubsequences: false).joined(separator: "0x5a")
  }

  @Test(arguments: TestLog.recorded)
  func consistentlyRenamedLogIsEqual(_ name: String) throws {
    let lines = TestLog.lines(name)
    let copy = renamed(lines)
    try #require(lines != copy || name.contains("legacy"))
    let comparison = try TestLog.compare(lines, copy)
    #expect(comparison.isEqual, "\(comparison.report())")
    #expect(comparison.renaming.pairs.allSatisfy { $0.b == $0.a + 100 })
  }

  @Test func twoDevicesMustNotShareAnIdentifier() throws {
    let a = TestLog.lines("iommufd-rfcv3-pair.log")
    let b = a.map { $0.replacing("devid 5", with: "devid 2") }
    let comparison = try TestLog.compare(a, b) { $0.mapsDialects = true }
    let changed = a.indices.filter { a[$0] != b[$0] }.map { $0 + 1 }
    #expect(comparison.differences == changed.map { .changed($0, $0) })
  }

  @Test func oneDeviceMustNotHaveTwoIdentifiers() throws {
    let line = "iommufd_cdev_pci_hot_reset_dep_devices \t0000:81:00.0 devid "
    let comparison = try TestLog.compare(
      [line + "1", line + "1", line + "1"], [line + "4", line + "4", line + "7"])
    #expect(comparison.differences == [.changed(3, 3)])
    let row = try #require(comparison.rows.last)
    let contradiction = try #require(comparison.contradictions(in: row).first)
    #expect(contradiction.partnerOfA == 4)
    #expect(contradiction.partnerOfB == nil)
    #expect(comparison.report().contains("devid 1 | 7: 1 of A is 4 in B elsewhere"))
  }

  @Test func kindsAreRenamedApart() throws {
    let a = [
      "iommufd_backend_alloc_ioas  iommufd=20 ioas=2",
      "iommufd_cdev_pci_hot_reset_dep_devices \t0000:81:00.0 devid 1",
    ]
    let b = [
      "iommufd_backend_alloc_ioas  iommufd=20 ioas=1",
      "iommufd_cdev_pci_hot_reset_dep_devices \t0000:81:00.0 devid 2",
    ]
    #expect(try TestLog.compare(a, b).isEqual)
  }

  @Test func aBareIdentifierFollowsTheObjectItNames() throws {
    func lines(ioas: Int, hwpt: Int, attached: Int, freed: Int) -> [String] {
      [
        "iommufd_backend_alloc_ioas  iommufd=20 ioas=\(ioas)",
        "iommufd_backend_alloc_hwpt  iommufd=20 dev_id=1 pt_id=\(ioas) flags=0x0 hwpt_type=0 "
          + "len=0 data_ptr=0x0 out_hwpt=\(hwpt) (0)",
        "iommufd_cdev_pasid_attach_ioas_hwpt  [iommufd=20] Successfully attached device "
          + "0000:81:00.0 (21) pasid 0 to id=\(attached)",
        "iommufd_backend_free_id  iommufd=20 id=\(freed) (0)",
      ]
    }
    let a = lines(ioas: 2, hwpt: 3, attached: 3, freed: 3)
    #expect(try TestLog.compare(a, lines(ioas: 5, hwpt: 6, attached: 6, freed: 6)).isEqual)
    let wrongAttach = try TestLog.compare(a, lines(ioas: 5, hwpt: 6, attached: 5, freed: 6))
    #expect(wrongAttach.differences == [.changed(3, 3)])
    let wrongFree = try TestLog.compare(a, lines(ioas: 5, hwpt: 6, attached: 6, freed: 7))
    #expect(wrongFree.differences == [.changed(4, 4)])
  }

  @Test func aMissingLineIsFoundByItsIdentifier() throws {
    let use = "iommufd_backend_set_dirty  iommufd=20 hwpt="
    let free = "iommufd_backend_free_id  iommufd=20 id="
    let a = [use + "3 enable=1 (0)", use + "4 enable=1 (0)", free + "3 (0)", free + "4 (0)"]
    let b = [use + "3 enable=1 (0)", use + "4 enable=1 (0)", free + "4 (0)"]
    #expect(try TestLog.compare(a, b).differences == [.onlyInA(3)])
    #expect(try TestLog.compare(b, a).differences == [.onlyInB(3)])
  }
}
