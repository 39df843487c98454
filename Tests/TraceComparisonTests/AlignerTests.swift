import TestSupport
import Testing
import TraceComparison

@Suite struct AlignerTests {
  /// The length of the longest common subsequence, from the definition.
  private func longest(_ a: [Int32], _ b: [Int32]) -> Int {
    var row = [Int](repeating: 0, count: b.count + 1)
    for element in a {
      var diagonal = 0
      for (index, other) in b.enumerated() {
        let above = row[index + 1]
        row[index + 1] = element == other ? diagonal + 1 : max(above, row[index])
        diagonal = above
      }
    }
    return row[b.count]
  }

  private func sequence(
    _ length: Int, alphabet: Int32, _ generator: inout SeededGenerator
  ) -> [Int32] {
    (0..<length).map { _ in Int32.random(in: 0..<alphabet, using: &generator) }
  }

  @Test(arguments: [1, 2, 3, 5, 20] as [Int32])
  func partnersAreEqualInOrderAsManyAsPossibleAndTheSameFromBothSides(_ alphabet: Int32) {
    var generator = SeededGenerator(seed: UInt64(alphabet))
    var aligner = Aligner(keyCount: Int(alphabet))
    for _ in 0..<600 {
      let a = sequence(Int.random(in: 0...24, using: &generator), alphabet: alphabet, &generator)
      let b = sequence(Int.random(in: 0...24, using: &generator), alphabet: alphabet, &generator)
      let partners = aligner.partners(of: a, in: b)
      let pairs = partners.enumerated().filter { $0.element >= 0 }
      #expect(pairs.allSatisfy { a[$0.offset] == b[Int($0.element)] })
      #expect(zip(pairs, pairs.dropFirst()).allSatisfy { $0.element < $1.element })
      #expect(pairs.count == longest(a, b), "\(a) \(b)")

      let mirrored = aligner.partners(of: b, in: a)
      for (index, partner) in partners.enumerated() where partner >= 0 {
        #expect(mirrored[Int(partner)] == Int32(index))
      }
      #expect(mirrored.count { $0 >= 0 } == pairs.count)
    }
  }

  @Test(arguments: [10_000, 100_000])
  func costIsLinearInTheLengthWhenTheSequencesAgree(_ length: Int) {
    var generator = SeededGenerator(seed: 7)
    let a = sequence(length, alphabet: 50, &generator)
    var aligner = Aligner(keyCount: 50)
    #expect(aligner.partners(of: a, in: a) == (0..<Int32(length)).map { $0 })
    #expect(aligner.steps <= length + 1)
  }

  @Test(arguments: [10_000, 100_000])
  func costGrowsWithLengthTimesDifferencesAtMost(_ length: Int) {
    var generator = SeededGenerator(seed: 8)
    let a = sequence(length, alphabet: 50, &generator)
    var b = a
    for index in stride(from: length / 20, to: length, by: length / 10) { b.remove(at: index) }
    var aligner = Aligner(keyCount: 50)
    let partners = aligner.partners(of: a, in: b)
    #expect(partners.count { $0 >= 0 } == b.count)
    #expect(aligner.steps < 12 * length)
  }

  @Test func costOfUnrelatedSequencesStaysBelowTheBudget() {
    var generator = SeededGenerator(seed: 9)
    let length = 8_000
    let a = sequence(length, alphabet: 1000, &generator)
    let b = sequence(length, alphabet: 1000, &generator)
    let budget = 1 << 20
    var aligner = Aligner(keyCount: 1000, budget: budget)
    let partners = aligner.partners(of: a, in: b)
    let pairs = partners.enumerated().filter { $0.element >= 0 }
    #expect(pairs.allSatisfy { a[$0.offset] == b[Int($0.element)] })
    #expect(zip(pairs, pairs.dropFirst()).allSatisfy { $0.element < $1.element })
    #expect(pairs.count > length / 50)
    // The floor of 256 differences a part, each of which costs about three times its square.
    #expect(aligner.steps < 4 * 256 * 2 * length)
  }

  @Test func sequencesWithoutACommonElementCostOneLook() {
    var aligner = Aligner(keyCount: 200_000)
    let partners = aligner.partners(of: Array(0..<100_000), in: Array(100_000..<200_000))
    #expect(partners.allSatisfy { $0 < 0 })
    #expect(aligner.steps < 400_000)
  }
}
