internal import Glibc

/// Event sources that a test cranks by hand, without a loop, threads or real time.
package final class ManualEventSources: EventSources {
  private struct Watch {
    var token: WatchToken
    var descriptor: Int32
    /// What `poll(2)` is asked for.
    var event: Int16
    var handler: () -> Void
  }

  private struct Timer {
    var token: WatchToken
    var deadline: UInt64
    var handler: () -> Void
  }

  private var watches: [Watch] = []
  private var timers: [Timer] = []
  private var lastToken: UInt64 = 0
  package private(set) var now: UInt64 = 0

  package init() {}

  /// How many descriptors are watched.
  package var watchCount: Int { watches.count }

  /// How many timers have not run yet.
  package var timerCount: Int { timers.count }

  /// Whether anything watches `descriptor`.
  package func isWatching(_ descriptor: Int32) -> Bool {
    watches.contains { $0.descriptor == descriptor }
  }

  package func watch(_ descriptor: Int32, _ handler: @escaping () -> Void) -> WatchToken {
    add(descriptor, Int16(POLLIN), handler)
  }

  package func watchWritable(
    _ descriptor: Int32, _ handler: @escaping () -> Void
  ) -> WatchToken {
    add(descriptor, Int16(POLLOUT), handler)
  }

  package func watchHangUp(
    _ descriptor: Int32, _ handler: @escaping () -> Void
  ) -> WatchToken {
    // `poll(2)` tells of a hang-up unasked.
    add(descriptor, 0, handler)
  }

  private func add(
    _ descriptor: Int32, _ event: Int16, _ handler: @escaping () -> Void
  ) -> WatchToken {
    let token = makeToken()
    watches.append(Watch(token: token, descriptor: descriptor, event: event, handler: handler))
    return token
  }

  package func timer(milliseconds: UInt32, _ handler: @escaping () -> Void) -> WatchToken {
    let token = makeToken()
    timers.append(Timer(token: token, deadline: now + UInt64(milliseconds), handler: handler))
    return token
  }

  package func cancel(_ token: WatchToken) {
    watches.removeAll { $0.token == token }
    timers.removeAll { $0.token == token }
  }

  /// One turn of the loop: calls the handler of each descriptor that has what is waited for now, in
  /// the order of their watches, and says how many were called.
  @discardableResult
  package func turn() -> Int {
    var called = 0
    for watch in watches where isReady(watch) {
      guard watches.contains(where: { $0.token == watch.token }) else { continue }
      watch.handler()
      called += 1
    }
    return called
  }

  /// Lets time pass: runs the timers that fall due, earliest first, those that they start included.
  package func advance(milliseconds: UInt32) {
    let target = now + UInt64(milliseconds)
    while let next = timers.filter({ $0.deadline <= target }).min(by: Self.isEarlier) {
      now = max(now, next.deadline)
      timers.removeAll { $0.token == next.token }
      next.handler()
    }
    now = target
  }

  private static func isEarlier(_ first: Timer, _ second: Timer) -> Bool {
    (first.deadline, first.token.rawValue) < (second.deadline, second.token.rawValue)
  }

  private func makeToken() -> WatchToken {
    lastToken += 1
    return WatchToken(rawValue: lastToken)
  }

  private func isReady(_ watch: Watch) -> Bool {
    var request = pollfd(fd: watch.descriptor, events: watch.event, revents: 0)
    // As the main loop, which hears of a hang-up or an error whether it asked or not.
    return unsafe poll(&request, 1, 0) == 1 && request.revents & ~Int16(POLLNVAL) != 0
  }
}
