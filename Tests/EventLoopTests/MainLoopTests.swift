import EventLoop
import Glibc
import Testing

/// Each test owns the loop while it runs, so those of the whole process take turns. What a body of `own`
/// waits for may not need a thread of the task pool: other tests may hold them all, waiting.
@Suite struct MainLoopTests {
  @Test func ownRunsItsBodyOnTheLoopsActorAndReturnsItsValue() {
    let value = MainLoop.own {
      VMMain.shared.preconditionIsolated()
      return 42
    }
    #expect(value == 42)
  }

  @Test func ownPassesATypedErrorOn() {
    struct Refusal: Error, Equatable { var number: Int }
    #expect(throws: Refusal(number: 3)) {
      try MainLoop.own { () throws(Refusal) in throw Refusal(number: 3) }
    }
    // The loop is free again.
    #expect(MainLoop.own { true })
  }

  @Test func aCallOfOwnInsideOwnJustRunsItsBody() {
    #expect(MainLoop.own { MainLoop.own { 7 } } == 7)
  }

  @Test func onlyOneThreadOwnsTheLoopAtATime() async {
    let counter = LoopCounter()
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<50 { MainLoop.own { counter.value += 1 } }
        }
      }
    }
    #expect(MainLoop.own { counter.value } == 400)
  }

  @Test func assumeIsolatedStopsTheProgramOffTheLoop() async {
    await #expect(processExitsWith: .failure) { VMMain.assumeIsolated {} }
  }

  @Test func aStopThatNobodyRanForEndsWithItsOwner() {
    MainLoop.own { MainLoop.stop(status: 3) }
    MainLoop.own {
      let timer = MainLoop.timer(milliseconds: 0) { MainLoop.stop(status: 4) }
      #expect(MainLoop.run() == 4)
      withExtendedLifetime(timer) {}
    }
  }

  @Test func runReturnsTheFirstStatusGivenToStop() {
    let statuses = MainLoop.own {
      let source = MainLoop.timer(milliseconds: 0) {
        MainLoop.stop(status: 3)
        MainLoop.stop(status: 4)
      }
      let first = MainLoop.run()
      // A stop that came before the run ends it at once, and counts once.
      MainLoop.stop()
      let second = MainLoop.run()
      let turned = MainLoop.turn(waiting: false)
      _ = consume source
      return (first, second, turned)
    }
    #expect(statuses == (3, 0, false))
  }

  @Test func tasksFromManyThreadsAllRunOnTheLoop() {
    let threads = 4
    let tasksEach = 500
    MainLoop.own {
      let counter = LoopCounter()
      for _ in 0..<threads {
        startThread {
          for number in 0..<tasksEach {
            Task { @VMMain in
              counter.add(number)
              counter.finishOne(of: threads * tasksEach)
            }
          }
        }
      }
      _ = MainLoop.run()
      #expect(counter.value == threads * (0..<tasksEach).reduce(0, +))
    }
  }

  /// In a process of its own, where no other test keeps the pool's threads waiting for the loop.
  @Test func poolTasksHopToALoopOnAnotherThreadAndBack() async {
    await #expect(processExitsWith: .success) {
      startThread { _ = MainLoop.own { MainLoop.run() } }
      let counter = LoopCounter()
      await withTaskGroup(of: Void.self) { group in
        for number in 0..<1000 {
          group.addTask {
            await counter.add(number)
            await Task.yield()
            await counter.add(number)
          }
        }
      }
      #expect(await counter.value == 2 * (0..<1000).reduce(0, +))
      await MainLoop.stop()
    }
  }

  @Test func tasksOfOneSenderRunInTheOrderInWhichTheyWereMade() {
    MainLoop.own {
      let log = LoopLog()
      for index in 0..<100 { Task { @VMMain in log.entries.append(index) } }
      Task { @VMMain in MainLoop.stop() }
      _ = MainLoop.run()
      #expect(log.entries == Array(0..<100))
    }
  }

  @Test func aTaskThatMakesTasksForEverDoesNotHoldUpATimer() {
    MainLoop.own {
      let log = LoopLog()
      @VMMain func again() {
        log.entries.append(0)
        if !log.isDone { Task { @VMMain in again() } }
      }
      again()
      let timer = MainLoop.timer(milliseconds: 1) {
        log.isDone = true
        MainLoop.stop(status: 5)
      }
      #expect(MainLoop.run() == 5)
      // The last task of the chain is still waiting.
      MainLoop.turn(waiting: false)
      _ = consume timer
    }
  }
}

@VMMain final class LoopCounter {
  var value = 0
  private var finished = 0

  nonisolated init() {}

  func add(_ number: Int) {
    VMMain.shared.preconditionIsolated()
    value += number
  }

  func finishOne(of total: Int) {
    finished += 1
    if finished == total { MainLoop.stop() }
  }
}

@VMMain final class LoopLog {
  var entries: [Int] = []
  var conditions: [IOCondition] = []
  var isDone = false
}

/// Runs `body` on a thread of its own, detached.
func startThread(_ body: @escaping @Sendable () -> Void) {
  final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  let box = unsafe Unmanaged.passRetained(Box(body)).toOpaque()
  let status = unsafe pthread_create(
    &thread, nil,
    { box in
      guard let box = unsafe box else { return nil }
      unsafe Unmanaged<Box>.fromOpaque(box).takeRetainedValue().body()
      return nil
    }, box)
  #expect(status == 0)
  pthread_detach(thread)
}
