import TestSupport
import Testing
import Tracing

@Suite struct GlobPatternTests {
  @Test(arguments: [
    ("", "", true), ("", "a", false), ("*", "", true), ("**", "", true), ("?", "", false),
    ("?", "a", true), ("vfio*", "vfio_pci_reset", true), ("vfio*", "iommufd_vfio", false),
    ("*reset", "vfio_pci_reset", true), ("*reset", "vfio_pci_reset_flr", false),
    ("*reset*", "vfio_pci_reset_flr", true), ("vfio_???_reset", "vfio_pci_reset", true),
    ("vfio_??_reset", "vfio_pci_reset", false), ("*a*b*c*", "xxaxxbxxcxx", true),
    ("*a*b*c*", "xxcxxbxxaxx", false), ("*ab", "aab", true), ("a*a", "a", false),
    ("vfio_pci_reset", "vfio_pci_reset", true), ("vfio_pci_reset", "vfio_pci_rese", false),
    ("[a]", "a", false), ("[a]", "[a]", true), ("\\*", "*", false),
  ])
  func aPatternMatchesTheWholeText(_ pattern: String, _ text: String, _ isMatch: Bool) {
    #expect(GlobPattern.matches(pattern, text) == isMatch)
  }

  /// The definition, without a thought for time.
  private func matches(_ pattern: Substring, _ text: Substring) -> Bool {
    guard let first = pattern.first else { return text.isEmpty }
    if first == "*" {
      return matches(pattern.dropFirst(), text)
        || (!text.isEmpty && matches(pattern, text.dropFirst()))
    }
    guard let character = text.first, first == "?" || first == character else { return false }
    return matches(pattern.dropFirst(), text.dropFirst())
  }

  @Test(arguments: 0..<20 as Range<UInt64>)
  func matchingAgreesWithItsDefinition(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    func text(of alphabet: String, _ limit: Int) -> String {
      let characters = Array(alphabet)
      return String(
        (0..<Int.random(in: 0...limit, using: &generator)).map { _ in
          characters[Int.random(in: 0..<characters.count, using: &generator)]
        })
    }
    var matched = 0
    for _ in 0..<500 {
      let pattern = text(of: "ab?**", 8)
      let candidate = text(of: "ab", 10)
      let isMatch = matches(pattern[...], candidate[...])
      #expect(GlobPattern.matches(pattern, candidate) == isMatch, "\(pattern) on \(candidate)")
      matched += isMatch ? 1 : 0
    }
    #expect((50..<450).contains(matched))
  }

  @Test func aHostilePatternEndsInReasonableTime() {
    let pattern = String(repeating: "*a", count: 500) + "b"
    #expect(!GlobPattern.matches(pattern, String(repeating: "a", count: 2000)))
  }
}
