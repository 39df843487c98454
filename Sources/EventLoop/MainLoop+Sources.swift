internal import CGLib
internal import Glibc

/// A signal that the main loop can take.
package enum LoopSignal: Sendable, CaseIterable {
  case hangUp
  case interrupt
  case terminate
  case user1
  case user2

  /// The number that `kill` takes.
  package var number: Int32 {
    switch self {
    case .hangUp: SIGHUP
    case .interrupt: SIGINT
    case .terminate: SIGTERM
    case .user1: SIGUSR1
    case .user2: SIGUSR2
    }
  }
}

extension MainLoop {
  /// Calls `handler` on every turn on which `descriptor` meets a condition, hang-up and error
  /// included, until the source ends. The descriptor stays the caller's and must outlive the source.
  @VMMain package static func watch(
    _ descriptor: Int32, for condition: IOCondition,
    _ handler: @escaping @VMMain (IOCondition) -> Void
  ) -> EventSource {
    typealias Handler = @VMMain (IOCondition) -> Void
    let callback: GUnixFDSourceFunc = { _, condition, userData in
      guard let handler = unsafe EventSource.handler(Handler.self, in: userData) else { return 0 }
      VMMain.assumeIsolated { handler(IOCondition(condition)) }
      return 1
    }
    return unsafe EventSource(
      g_unix_fd_source_new(descriptor, condition.glib),
      callback: unsafeBitCast(callback, to: GSourceFunc.self), handler: handler as Handler)
  }

  /// Milliseconds on the clock of the timers (`CLOCK_MONOTONIC`); from any thread.
  package static var now: UInt64 { UInt64(max(0, g_get_monotonic_time() / 1000)) }

  /// Calls `handler` once, not before `milliseconds` have passed, unless the source ends first.
  @VMMain package static func timer(
    milliseconds: UInt32, _ handler: @escaping @VMMain () -> Void
  ) -> EventSource {
    typealias Handler = @VMMain () -> Void
    return unsafe EventSource(
      g_timeout_source_new(milliseconds),
      callback: { userData in
        guard let handler = unsafe EventSource.handler(Handler.self, in: userData) else { return 0 }
        VMMain.assumeIsolated { handler() }
        return 0
      }, handler: handler as Handler)
  }

  /// Calls `handler` on the loop after each arrival of a signal, until the source ends; arrivals
  /// between two turns count as one. The signal's default action is off meanwhile.
  @VMMain package static func onSignal(
    _ signal: LoopSignal, _ handler: @escaping @VMMain () -> Void
  ) -> EventSource {
    typealias Handler = @VMMain () -> Void
    return unsafe EventSource(
      g_unix_signal_source_new(signal.number),
      callback: { userData in
        guard let handler = unsafe EventSource.handler(Handler.self, in: userData) else { return 0 }
        VMMain.assumeIsolated { handler() }
        return 1
      }, handler: handler as Handler)
  }
}
