import Glibc
import HostKernel
import SystemPackage
import Testing

@Suite struct MachineLockTests {
  /// State that only the holder of the lock touches.
  private final class Shared: @unchecked Sendable {
    let lock = MachineLock()
    var count = 0
    var turn = 0
  }

  @Test func onlyItsHolderHoldsIt() async {
    let lock = MachineLock()
    #expect(!lock.isHeldByThisThread)
    lock.withLock {
      #expect(lock.isHeldByThisThread)
      // Whoever has it goes on.
      #expect(lock.withLock { 7 } == 7)
      #expect(lock.isHeldByThisThread)
    }
    #expect(!lock.isHeldByThisThread)
  }

  @Test func anotherThreadDoesNotHoldIt() async {
    let lock = MachineLock()
    let holds = AsyncStream<Bool>.makeStream()
    lock.withLock {
      let thread = joinableThread { holds.continuation.yield(lock.isHeldByThisThread) }
      pthread_join(thread, nil)
    }
    holds.continuation.finish()
    #expect(await holds.stream.reduce(into: []) { $0.append($1) } == [false])
  }

  @Test func oneThreadAtATimeIsInside() {
    let shared = Shared()
    let threads = (0..<4).map { _ in
      joinableThread {
        for _ in 0..<500 {
          shared.lock.withLock {
            let next = shared.count + 1
            sched_yield()
            shared.count = next
          }
        }
      }
    }
    for thread in threads { pthread_join(thread, nil) }
    #expect(shared.lock.withLock { shared.count } == 2000)
  }

  @Test func anErrorThrownInsideLeavesItFree() {
    let lock = MachineLock()
    #expect(throws: Errno.ioError) {
      try lock.withLock { () throws(Errno) -> Void in throw .ioError }
    }
    #expect(!lock.isHeldByThisThread)
    #expect(lock.withLock { true })
  }

  @Test func aWaitGivesItUpUntilItsConditionEnds() {
    let shared = Shared()
    let threads = (0..<3).map { number in
      joinableThread {
        shared.lock.withLock {
          for round in 0..<200 {
            shared.lock.wait { shared.turn != round * 3 + number }
            #expect(shared.lock.isHeldByThisThread)
            shared.turn += 1
            shared.lock.notifyAll()
          }
        }
      }
    }
    for thread in threads { pthread_join(thread, nil) }
    #expect(shared.lock.withLock { shared.turn } == 600)
  }
}

/// Runs `body` on a thread of its own, for the caller to join.
func joinableThread(_ body: @escaping @Sendable () -> Void) -> pthread_t {
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
  return thread
}
