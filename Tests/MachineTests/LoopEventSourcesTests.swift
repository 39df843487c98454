import EventLoop
import Glibc
import Machine
import Testing

@Suite struct LoopEventSourcesTests {
  @VMMain private final class Log {
    var count = 0
  }

  @Test func aWatchForTheOtherEndsLeavingIsSilentWhileThereIsOnlyInput() throws {
    var ends: [Int32] = [0, 0]
    try #require(unsafe pipe(&ends) == 0)
    _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
    defer { close(ends[0]) }
    MainLoop.own {
      let sources = LoopEventSources()
      let log = Log()
      let token = sources.watchHangUp(ends[0]) { VMMain.assumeIsolated { log.count += 1 } }
      #expect(unsafe write(ends[1], "a", 1) == 1)
      #expect(!MainLoop.turn(waiting: false))
      close(ends[1])
      MainLoop.turn()
      #expect(log.count == 1)
      sources.cancel(token)
      #expect(!MainLoop.turn(waiting: false))
    }
  }
}
