import TestSupport
import Testing
import TraceComparison

@Suite struct DifferenceTests {
  @Test(arguments: TestLog.recorded)
  func everyRemovedLineIsFoundAtItsPlace(_ name: String) throws {
    let lines = TestLog.lines(name)
    for index in lines.indices where lines[index] != "......" {
      var edited = lines
      edited.remove(at: index)
      let comparison = try TestLog.compare(lines, edited)
      // Beside its like any of the two may be the one that is missing; next to ...... none is.
      let run = lines.indices.filter { other in
        lines[min(index, other)...max(index, other)].allSatisfy { $0 == lines[index] }
      }
      let touchesGap =
        (index > 0 && lines[index - 1] == "......")
        || (index + 1 < lines.count && lines[index + 1] == "......")
      if touchesGap {
        #expect(comparison.isEqual)
      } else {
        #expect(comparison.differences.count == 1)
        let found = try #require(comparison.differences.first)
        #expect(found.kind == .onlyInA)
        #expect(run.contains((found.a ?? 0) - 1), "\(lines[index])")
      }
    }
  }

  @Test(arguments: TestLog.recorded)
  func everyChangedLineIsFoundAtItsPlace(_ name: String) throws {
    let lines = TestLog.lines(name)
    for index in lines.indices where lines[index] != "......" {
      var edited = lines
      edited[index] += " changed"
      let comparison = try TestLog.compare(lines, edited)
      let touchesGap =
        (index > 0 && lines[index - 1] == "......")
        || (index + 1 < lines.count && lines[index + 1] == "......")
      if touchesGap {
        // One log's ...... stands for the other's line, but not both for both.
        let found = comparison.differences
        #expect(found == [.onlyInA(index + 1)] || found == [.onlyInB(index + 1)])
      } else {
        #expect(comparison.differences == [.changed(index + 1, index + 1)])
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
