import EventLoop
import Glibc
import HostKernel
import Testing

@Suite struct LoopLockTests {
  @Test func theOwnerHoldsItInItsBodyAndInEveryHandler() {
    MainLoop.own {
      #expect(MainLoop.machineLock.isHeldByThisThread)
      let log = LoopLog()
      let timer = MainLoop.timer(milliseconds: 0) {
        if MainLoop.machineLock.isHeldByThisThread { log.entries.append(1) }
      }
      Task { @VMMain in
        if MainLoop.machineLock.isHeldByThisThread { log.entries.append(2) }
      }
      while log.entries.count < 2 { MainLoop.turn() }
      #expect(MainLoop.machineLock.isHeldByThisThread)
      _ = consume timer
    }
  }

  @Test func anotherThreadIsIsolatedWhileItHoldsTheLockAndTheLoopPolls() {
    MainLoop.own {
      let counter = LoopCounter()
      for _ in 0..<2 {
        startThread {
          for _ in 0..<200 {
            MainLoop.machineLock.withLock {
              VMMain.assumeIsolated { counter.value += 1 }
            }
          }
          MainLoop.machineLock.withLock {
            VMMain.assumeIsolated { counter.finishOne(of: 2) }
          }
        }
      }
      #expect(MainLoop.run() == 0)
      #expect(counter.value == 400)
    }
  }

  @Test func ownByAHolderOnAnotherThreadJustRunsItsBody() {
    MainLoop.own {
      startThread {
        MainLoop.machineLock.withLock { MainLoop.own { MainLoop.stop(status: 9) } }
      }
      #expect(MainLoop.run() == 9)
    }
  }

  @Test func sourcesMadeAndEndedByAnotherHolderAreTheLoops() {
    MainLoop.own {
      let log = LoopLog()
      let box = SourceBox()
      startThread {
        MainLoop.machineLock.withLock {
          VMMain.assumeIsolated {
            box.add(MainLoop.timer(milliseconds: 0) { log.entries.append(1) })
            box.endAll()
            box.add(
              MainLoop.timer(milliseconds: 0) {
                log.entries.append(2)
                MainLoop.stop()
              })
          }
        }
      }
      _ = MainLoop.run()
      #expect(log.entries == [2])
      box.endAll()
    }
  }

  @VMMain private final class SourceBox {
    private final class Held {
      let source: EventSource
      init(_ source: consuming EventSource) { self.source = source }
    }
    private var held: [Held] = []

    func add(_ source: consuming EventSource) { held.append(Held(source)) }
    func endAll() { held = [] }
  }
}
