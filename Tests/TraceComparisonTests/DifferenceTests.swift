import TestSupport
import Testing
import TraceComparison

@Suite struct DifferenceTests {
  /// How far apart the lines are that one comparison edits: far enough to be told apart.
  private static let distance = 16

  /// The lines of a log that are edited together, without those that stand for left-out lines.
  private func together(_ lines: [String], from start: Int) -> [Int] {
    stride(from: start, to: lines.count, by: Self.distance).filter { lines[$0] != "......" }
  }

  private func touchesGap(_ lines: [String], _ index: Int) -> Bool {
    (index > 0 && lines[index - 1] == "......")
      || (index + 1 < lines.count && lines[index + 1] == "......")
  }

  @Test(arguments: TestLog.recorded)
  func everyRemovedLineIsFoundAtItsPlace(_ name: String) throws {
    let lines = TestLog.lines(name)
    for start in 0..<Self.distance {
      let removed = together(lines, from: start)
      let edited = lines.indices.filter { !removed.contains($0) }.map { lines[$0] }
      let found = try TestLog.compare(lines, edited).differences
      // Next to ...... no line is missing.
      let missing = removed.filter { !touchesGap(lines, $0) }
      try #require(found.count == missing.count)
      for (difference, index) in zip(found, missing) {
        // Beside its like any of the two may be the one that is missing.
        let run = lines.indices.filter { other in
          lines[min(index, other)...max(index, other)].allSatisfy { $0 == lines[index] }
        }
        #expect(difference.kind == .onlyInA)
        #expect(run.contains((difference.a ?? 0) - 1), "\(lines[index])")
      }
    }
  }

  @Test(arguments: TestLog.recorded)
  func everyChangedLineIsFoundAtItsPlace(_ name: String) throws {
    let lines = TestLog.lines(name)
    // A changed line beside its like is told from it only when nothing else differs.
    let besideLike = Set(
      lines.indices.filter { index in
        [index - 1, index + 1].contains { lines.indices ~= $0 && lines[$0] == lines[index] }
      })
    let groups = (0..<Self.distance).map { together(lines, from: $0) }
    let edits =
      groups.map { $0.filter { !besideLike.contains($0) } } + besideLike.sorted().map { [$0] }
    for changed in edits {
      var edited = lines
      for index in changed { edited[index] += " changed" }
      let found = try TestLog.compare(lines, edited).differences
      try #require(found.count == changed.count)
      for (difference, index) in zip(found, changed) {
        if touchesGap(lines, index) {
          // One log's ...... stands for the other's line, but not both for both.
          #expect(difference == .onlyInA(index + 1) || difference == .onlyInB(index + 1))
        } else {
          #expect(difference == .changed(index + 1, index + 1))
        }
      }
    }
  }

  @Test func onlyTheOrderOfLinesMayDiffer() throws {
    let a = ["vfio_pci_reset (x)", "vfio_intx_enable (x)", "vfio_intx_enable (y)"]
    let b = ["vfio_intx_enable (x)", "vfio_pci_reset (x)", "vfio_intx_enable (y)"]
    #expect(try TestLog.compare(a, b).differences.count == 2)
  }

  @Test func exchangingTheLogsExchangesTheDifferences() throws {
    let a = TestLog.lines("qemu-11.1.3/pair-iommufd.log")
    let b = TestLog.lines("qemu-11.1.3/pair-qtest.log")
    let there = try TestLog.compare(a, b)
    let back = try TestLog.compare(b, a)
    #expect(!there.isEqual)
    #expect(there.count(.onlyInA) == back.count(.onlyInB))
    #expect(there.count(.onlyInB) == back.count(.onlyInA))
    #expect(there.count(.changed) == back.count(.changed))
    #expect(there.differences.allSatisfy { $0.kind == .onlyInA })
    #expect(
      there.differences.compactMap(\.a) == a.indices.filter { a[$0].contains("KVM") }.map { $0 + 1 }
    )
  }

  @Test func randomBytesNeverCrash() throws {
    var generator = SeededGenerator(seed: 1)
    let event = Array("vfio_pci_reset (x)\n".utf8)
    let pieces = TestLog.lines("qemu-11.1.3/pair-iommufd.log").prefix(40).map { Array($0.utf8) }
    for _ in 0..<400 {
      func noise() -> [UInt8] {
        var bytes = event
        for _ in 0..<Int.random(in: 0..<12, using: &generator) {
          if Bool.random(using: &generator) {
            var piece = pieces.randomElement(using: &generator) ?? []
            let cut = Int.random(in: 0...piece.count, using: &generator)
            piece.removeLast(cut)
            bytes += piece
          } else {
            bytes += (0..<Int.random(in: 0..<20, using: &generator)).map { _ in
              UInt8.random(in: .min ... .max, using: &generator)
            }
          }
          bytes += Bool.random(using: &generator) ? Array("......\n".utf8) : [0x0a]
        }
        return bytes
      }
      var options = try ComparisonOptions()
      options.mapsDialects = Bool.random(using: &generator)
      options.comparesText = Bool.random(using: &generator)
      if Bool.random(using: &generator) {
        options.rules = try TestLog.rules("may-ignore vfio_r*, iommufd_* because noise")
      }
      let a = LogFile(path: "a", bytes: noise())
      let b = LogFile(path: "b", bytes: noise())
      let comparison = try Comparison(a, b, options)
      #expect(
        comparison.report(width: 40).utf8.allSatisfy { $0 == 0x0a || ($0 >= 0x20 && $0 < 0x7f) })
      #expect(!comparison.json.isEmpty)
      #expect(try Comparison(a, a, options).isEqual)
    }
  }
}
