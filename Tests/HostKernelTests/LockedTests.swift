import Glibc
import HostKernel
import SystemPackage
import Testing

@Suite struct LockedTests {
  private final class Counter: Sendable {
    let state = Locked((count: 0, isInside: false))

    /// Adds one in two steps between which nobody else may look.
    func add() -> Bool {
      state.withLock { state in
        guard !state.isInside else { return false }
        state.isInside = true
        let next = state.count + 1
        // Gives the others every chance to come in.
        sched_yield()
        state.count = next
        state.isInside = false
        return true
      }
    }
  }

  @Test func onlyOneThreadIsInside() async {
    let counter = Counter()
    let results = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<4 {
        group.addTask { (0..<50).allSatisfy { _ in counter.add() } }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(results == Array(repeating: true, count: 4))
    #expect(counter.state.withLock { $0.count } == 200)
  }

  @Test func anErrorThrownInsideLeavesItUnlocked() {
    let locked = Locked(1)
    #expect(throws: Errno.ioError) {
      try locked.withLock { value throws(Errno) -> Void in
        value = 2
        throw .ioError
      }
    }
    #expect(locked.withLock { $0 } == 2)
  }

  @Test func itsStateGoesWithIt() {
    final class Witness: Sendable {}
    weak var witness: Witness?
    do {
      let made = Witness()
      witness = made
      let locked = Locked(made)
      #expect(locked.withLock { $0 === made })
    }
    #expect(witness == nil)
  }

  @Test func itHoldsWhatCannotBeCopied() throws {
    let kernel = LinuxKernel()
    let locked = Locked(try EventDescriptor(on: kernel))
    locked.withLock { event in event.signal() }
    #expect(locked.withLock { event in event.drain() })
  }
}
