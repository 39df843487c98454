import Hypervisor
import TestSupport
import Testing

@Suite struct InterruptControllerPairTests {
  /// A pair set up as a PC does: vectors from 0x20 and 0x28, nothing masked.
  private func makePair(automaticEnd: Bool = false) -> InterruptControllerPair {
    var pair = InterruptControllerPair()
    let writes: [(UInt64, UInt8)] = [
      (0x20, 0x11), (0x21, 0x20), (0x21, 4), (0x21, automaticEnd ? 3 : 1), (0xa0, 0x11),
      (0xa1, 0x28), (0xa1, 2), (0xa1, automaticEnd ? 3 : 1), (0x21, 0), (0xa1, 0),
    ]
    for (port, value) in writes { pair.write(port: port, value: value) }
    return pair
  }

  @Test func anEdgeIsAcceptedOnceAndEnded() {
    var pair = makePair()
    #expect(!pair.output)
    pair.set(4, level: true)
    pair.set(4, level: false)
    #expect(pair.output && pair.acknowledge() == 0x24 && !pair.output)
    // Lines of less urgency wait, those of more do not.
    pair.set(5, level: true)
    #expect(!pair.output)
    pair.set(1, level: true)
    #expect(pair.output && pair.acknowledge() == 0x21)
    pair.write(port: 0x20, value: 0x20)
    #expect(!pair.output)
    pair.write(port: 0x20, value: 0x20)
    #expect(pair.output && pair.acknowledge() == 0x25)
  }

  @Test func theSecondChipIsBehindLine2() {
    var pair = makePair()
    pair.set(12, level: true)
    #expect(pair.output && pair.acknowledge() == 0x2c && !pair.output)
    pair.write(port: 0x20, value: 0x0b)
    #expect(pair.read(port: 0x20) == 4)
    pair.write(port: 0xa0, value: 0x0b)
    #expect(pair.read(port: 0xa0) == 0x10)
    pair.write(port: 0xa0, value: 0x20)
    pair.write(port: 0x20, value: 0x62)
    #expect(pair.read(port: 0x20) == 0 && pair.read(port: 0xa0) == 0)
    // Line 2 itself leads nowhere.
    pair.set(2, level: true)
    #expect(!pair.output)
  }

  @Test func aMaskHoldsARequestBack() {
    var pair = makePair()
    pair.write(port: 0x21, value: 0x10)
    pair.set(4, level: true)
    #expect(!pair.output && pair.read(port: 0x21) == 0x10)
    pair.write(port: 0x21, value: 0)
    #expect(pair.output)
  }

  @Test func aLevelAsksForAsLongAsItIsHigh() {
    var pair = makePair()
    pair.write(port: 0x4d1, value: 0xff)
    #expect(pair.read(port: 0x4d1) == 0xde && pair.read(port: 0x4d0) == 0)
    pair.set(11, level: true)
    for _ in 0..<2 {
      #expect(pair.output && pair.acknowledge() == 0x2b)
      pair.write(port: 0xa0, value: 0x20)
      pair.write(port: 0x20, value: 0x20)
    }
    pair.set(11, level: false)
    #expect(!pair.output)
  }

  @Test func aRequestThatWentAwayIsSpurious() {
    var pair = makePair()
    #expect(pair.acknowledge() == 0x27)
  }

  @Test func anAutomaticEndLeavesNothingInService() {
    var pair = makePair(automaticEnd: true)
    for _ in 0..<3 {
      pair.set(0, level: true)
      #expect(pair.output && pair.acknowledge() == 0x20)
      pair.set(0, level: false)
    }
    pair.write(port: 0x20, value: 0x0b)
    #expect(pair.read(port: 0x20) == 0)
  }

  @Test func rotationMakesTheServedLineTheLeastUrgent() {
    var pair = makePair()
    pair.set(3, level: true)
    #expect(pair.acknowledge() == 0x23)
    pair.write(port: 0x20, value: 0xa0)
    for line in [1, 4] { pair.set(line, level: true) }
    #expect(pair.acknowledge() == 0x24)
  }

  @Test func aPollAcceptsAndTellsTheLine() {
    var pair = makePair()
    pair.set(6, level: true)
    pair.write(port: 0x20, value: 0x0c)
    #expect(pair.read(port: 0x20) == 0x86 && !pair.output)
    pair.write(port: 0x20, value: 0x0c)
    #expect(pair.read(port: 0x20) == 0)
  }

  @Test func whateverAGuestWritesItAnswers() {
    var generator = SeededGenerator(seed: 3)
    var pair = InterruptControllerPair()
    let ports: [UInt64] = [0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x22]
    for _ in 0..<50_000 {
      let port = ports.randomElement(using: &generator)!
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: pair.write(port: port, value: .random(in: 0...255, using: &generator))
      case 1: _ = pair.read(port: port)
      case 2:
        pair.set(.random(in: -1...17, using: &generator), level: .random(using: &generator))
      default:
        let wasAsked = pair.output
        _ = pair.acknowledge()
        #expect(wasAsked || !pair.output)
      }
    }
  }
}
