import TestSupport
import Testing
import Tracing

@Suite struct NearestNameTests {
  private static let names = ["host", "sysfsdev", "iommufd", "x-no-mmap", "x-no-kvm-intx", "addr"]

  @Test(
    arguments: [
      ("hots", "host"), ("hst", "host"), ("iomufd", "iommufd"), ("x-nommap", "x-no-mmap"),
      ("x_no_mmap", "x-no-mmap"), ("adr", "addr"), ("X-no-mmap", "x-no-mmap"),
      ("x-no-intx", nil), ("banana", nil), ("", nil),
    ] as [(String, String?)])
  func findsTheNameMeant(word: String, name: String?) {
    #expect(NearestName.find(word, in: Self.names) == name)
  }

  @Test func oneEditOfALongNameFindsItAgain() {
    var generator = SeededGenerator(seed: 3)
    for name in Self.names where name.utf8.count >= 7 {
      for _ in 0..<200 {
        var word = Array(name)
        let index = Int.random(in: 1..<word.count - 1, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: word.remove(at: index)
        case 1: word.insert("q", at: index)
        case 2: word[index] = "q"
        default: word.swapAt(index, index + 1)
        }
        #expect(NearestName.find(String(word), in: Self.names) == name)
      }
    }
  }

  @Test func wordsOfAnyLengthAreAnsweredAtOnce() {
    let long = String(repeating: "x-no-mmap", count: 100_000)
    #expect(NearestName.find(long, in: Self.names) == nil)
  }
}
