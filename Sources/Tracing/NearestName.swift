/// Finds the name that a misspelt word was probably meant to be.
package enum NearestName {
  /// Longer words are not compared: no name that is known comes near.
  private static let longestWord = 80

  /// The candidate with the fewest edits from `word`, the first of equals; `nil` when every one is
  /// further away than a third of the word's length.
  package static func find(_ word: String, in candidates: some Sequence<String>) -> String? {
    let wanted = Array(word.utf8)
    guard !wanted.isEmpty, wanted.count <= longestWord else { return nil }
    var best: String?
    var limit = max(1, wanted.count / 3)
    for candidate in candidates {
      let name = Array(candidate.utf8)
      guard abs(name.count - wanted.count) <= limit else { continue }
      let distance = editDistance(wanted, name)
      if distance < limit || (distance == limit && best == nil) {
        best = candidate
        limit = distance
      }
    }
    return best
  }

  /// The number of insertions, deletions, substitutions and swaps of neighbours from `a` to `b`.
  private static func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var beforePrevious: [Int] = []
    var previous = Array(0...b.count)
    for i in a.indices {
      var current = [i + 1]
      current.reserveCapacity(b.count + 1)
      for j in b.indices {
        let substitution = previous[j] + (a[i] == b[j] ? 0 : 1)
        var distance = min(previous[j + 1] + 1, current[j] + 1, substitution)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
          distance = min(distance, beforePrevious[j - 1] + 1)
        }
        current.append(distance)
      }
      beforePrevious = previous
      previous = current
    }
    return previous[b.count]
  }
}
