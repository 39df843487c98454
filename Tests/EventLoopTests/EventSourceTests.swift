import EventLoop
import Glibc
import Testing

@Suite struct EventSourceTests {
  @Test func aWatchReportsEachConditionThatHolds() {
    MainLoop.own {
      let log = LoopLog()
      let pair = Pair()
      let watch = MainLoop.watch(pair.near, for: .readable) { log.conditions.append($0) }
      #expect(!MainLoop.turn(waiting: false))
      pair.sendToNear([1])
      MainLoop.turn()
      #expect(log.conditions == [.readable])
      // Level-triggered: what was not read is reported again.
      MainLoop.turn()
      #expect(log.conditions == [.readable, .readable])
      pair.closeFar()
      MainLoop.turn()
      #expect(log.conditions.last == [.readable, .hangUp])
      _ = consume watch
    }
  }

  @Test func hangUpIsReportedWithoutBeingAskedFor() {
    MainLoop.own {
      let log = LoopLog()
      let pair = Pair()
      pair.closeFar()
      let watch = MainLoop.watch(pair.near, for: []) { log.conditions.append($0) }
      MainLoop.turn()
      #expect(log.conditions == [.hangUp])
      _ = consume watch
    }
  }

  @Test func aDescriptorThatIsNotOpenIsReportedAsAnError() {
    MainLoop.own {
      let log = LoopLog()
      let watch = MainLoop.watch(Int32.max, for: .readable) { log.conditions.append($0) }
      MainLoop.turn()
      #expect(log.conditions == [.error])
      _ = consume watch
    }
  }

  @Test func aWatchForWritingReportsRoom() {
    MainLoop.own {
      let log = LoopLog()
      let pair = Pair()
      let watch = MainLoop.watch(pair.near, for: .writable) { log.conditions.append($0) }
      MainLoop.turn()
      #expect(log.conditions == [.writable])
      _ = consume watch
    }
  }

  @Test func anEndedSourceIsSilentAndReleasesWhatItsHandlerCaptured() {
    MainLoop.own {
      let log = LoopLog()
      let pair = Pair()
      pair.sendToNear([1])
      let releases = LoopLog()
      do {
        let probe = Probe { VMMain.assumeIsolated { releases.entries.append(1) } }
        let watch = MainLoop.watch(pair.near, for: .readable) { _ in
          log.entries.append(0)
          probe.touch()
        }
        #expect(releases.entries.isEmpty)
        _ = consume watch
      }
      #expect(releases.entries == [1])
      #expect(!MainLoop.turn(waiting: false))
      #expect(log.entries.isEmpty)
    }
  }

  @Test func aHandlerMayEndItsOwnSource() {
    MainLoop.own {
      let holder = SourceHolder()
      let pair = Pair()
      pair.sendToNear([1, 2])
      holder.source = MainLoop.watch(pair.near, for: .readable) { _ in
        holder.calls += 1
        holder.source = nil
      }
      MainLoop.turn()
      #expect(!MainLoop.turn(waiting: false))
      #expect(holder.calls == 1)
    }
  }

  @Test func aTimerFiresOnceAndNotEarly() {
    MainLoop.own {
      let log = LoopLog()
      let start = monotonicNanoseconds()
      let timer = MainLoop.timer(milliseconds: 5) { log.entries.append(1) }
      while log.entries.isEmpty { MainLoop.turn() }
      #expect(monotonicNanoseconds() - start >= 5_000_000)
      #expect(!MainLoop.turn(waiting: false))
      #expect(log.entries == [1])
      _ = consume timer
    }
  }

  @Test func aTimerThatEndedDoesNotFire() {
    MainLoop.own {
      let log = LoopLog()
      let cancelled = MainLoop.timer(milliseconds: 1) { log.entries.append(1) }
      _ = consume cancelled
      let later = MainLoop.timer(milliseconds: 3) { log.entries.append(2) }
      while log.entries.isEmpty { MainLoop.turn() }
      #expect(log.entries == [2])
      _ = consume later
    }
  }

  @Test(arguments: LoopSignal.allCases)
  func aSignalReachesItsHandlerOnTheLoop(_ signal: LoopSignal) {
    MainLoop.own {
      let log = LoopLog()
      let source = MainLoop.onSignal(signal) {
        VMMain.shared.preconditionIsolated()
        log.entries.append(1)
      }
      kill(getpid(), signal.number)
      while log.entries.isEmpty { MainLoop.turn() }
      kill(getpid(), signal.number)
      while log.entries.count < 2 { MainLoop.turn() }
      _ = consume source
    }
  }
}

/// A stream socket pair.
@VMMain private final class Pair {
  let near: Int32
  private var far: Int32?

  init() {
    var ends: [Int32] = [-1, -1]
    _ = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends)
    near = ends[0]
    far = ends[1]
  }

  deinit {
    close(near)
    if let far { close(far) }
  }

  func sendToNear(_ bytes: [UInt8]) {
    guard let far else { return }
    let count = unsafe write(far, bytes, bytes.count)
    #expect(count == bytes.count)
  }

  func closeFar() {
    if let far { close(far) }
    far = nil
  }
}

@VMMain private final class SourceHolder {
  var source: EventSource?
  var calls = 0
}

private final class Probe: Sendable {
  private let onRelease: @Sendable () -> Void
  init(_ onRelease: @escaping @Sendable () -> Void) { self.onRelease = onRelease }
  func touch() {}
  deinit { onRelease() }
}

private func monotonicNanoseconds() -> Int {
  var time = timespec()
  _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return time.tv_sec * 1_000_000_000 + time.tv_nsec
}
