import Glibc
import HostKernel
import Testing

@Suite struct ManualEventSourcesTests {
  private final class Log {
    var words: [String] = []
  }

  private let sources = ManualEventSources()
  private let log = Log()
  private let kernel = LinuxKernel()

  @Test func aTurnCallsTheHandlersOfReadableDescriptorsInOrder() throws {
    let first = try EventDescriptor(on: kernel)
    let second = try EventDescriptor(on: kernel)
    let third = try EventDescriptor(on: kernel)
    for (name, number) in [
      ("first", first.rawValue), ("second", second.rawValue), ("third", third.rawValue),
    ] {
      _ = sources.watch(number) { [log] in log.words.append(name) }
    }
    #expect(sources.turn() == 0)
    third.signal()
    first.signal()
    #expect(sources.turn() == 2)
    #expect(log.words == ["first", "third"])
  }

  @Test func aHandlerThatDoesNotDrainIsCalledAgain() throws {
    let event = try EventDescriptor(on: kernel)
    let number = event.rawValue
    _ = sources.watch(number) { [log] in
      log.words.append("called")
      if log.words.count == 2 { EventDescriptor.drain(number) }
    }
    event.signal()
    #expect([sources.turn(), sources.turn(), sources.turn()] == [1, 1, 0])
  }

  @Test func aWatchForTheOtherEndsLeavingIsSilentWhileThereIsOnlyInput() throws {
    var ends: [Int32] = [0, 0]
    try #require(unsafe pipe(&ends) == 0)
    _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
    defer { close(ends[0]) }
    _ = sources.watchHangUp(ends[0]) { [log] in log.words.append("gone") }
    #expect(unsafe write(ends[1], "a", 1) == 1)
    #expect(sources.turn() == 0)
    close(ends[1])
    #expect([sources.turn(), sources.turn()] == [1, 1])
    #expect(log.words == ["gone", "gone"])
  }

  @Test func aHandlerMayCancelOneThatWouldComeAfterIt() throws {
    let event = try EventDescriptor(on: kernel)
    var second: WatchToken?
    _ = sources.watch(event.rawValue) { [unowned sources, log] in
      log.words.append("first")
      if let second { sources.cancel(second) }
    }
    second = sources.watch(event.rawValue) { [log] in log.words.append("second") }
    event.signal()
    #expect(sources.turn() == 1)
    #expect(log.words == ["first"])
    #expect(sources.watchCount == 1)
  }

  @Test func aWatchCanBeFoundUntilItIsCancelled() throws {
    let event = try EventDescriptor(on: kernel)
    let token = sources.watch(event.rawValue) {}
    #expect(sources.isWatching(event.rawValue))
    sources.cancel(token)
    sources.cancel(token)
    #expect(!sources.isWatching(event.rawValue))
  }

  @Test func timersRunByDeadlineAndThenByAge() {
    for (name, delay) in [("c", 30), ("a", 10), ("b", 30), ("late", 31)] as [(String, UInt32)] {
      _ = sources.timer(milliseconds: delay) { [log] in log.words.append(name) }
    }
    sources.advance(milliseconds: 9)
    #expect(log.words == [])
    sources.advance(milliseconds: 21)
    #expect(log.words == ["a", "c", "b"])
    #expect(sources.timerCount == 1)
  }

  @Test func aTimerThatATimerStartsCountsFromThere() {
    _ = sources.timer(milliseconds: 10) { [unowned sources, log] in
      log.words.append("first")
      _ = sources.timer(milliseconds: 10) { log.words.append("second") }
      _ = sources.timer(milliseconds: 11) { log.words.append("third") }
    }
    sources.advance(milliseconds: 20)
    #expect(log.words == ["first", "second"])
    sources.advance(milliseconds: 1)
    #expect(log.words == ["first", "second", "third"])
  }

  @Test func aCancelledTimerDoesNotRun() {
    var later: WatchToken?
    _ = sources.timer(milliseconds: 1) { [unowned sources] in
      if let later { sources.cancel(later) }
    }
    later = sources.timer(milliseconds: 2) { [log] in log.words.append("later") }
    sources.advance(milliseconds: 5)
    #expect(log.words == [] && sources.timerCount == 0)
  }
}
