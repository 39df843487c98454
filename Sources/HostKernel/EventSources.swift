/// Names one watch or timer of an `EventSources`; never reused by it.
package struct WatchToken: Hashable, Sendable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// The part of a main loop that devices use: descriptors that become readable, and timers.
///
/// Called with the machine lock held; handlers run on the main loop with the machine lock held. A
/// handler may cancel any source, its own included, and may add others. After `cancel` returns the
/// handler is not called again.
package protocol EventSources: AnyObject {
  /// Calls `handler` on each turn of the loop that finds `descriptor` readable (level triggered, so
  /// a handler that does not drain the descriptor is called again). The descriptor stays the
  /// caller's, who cancels the watch before closing it.
  func watch(_ descriptor: Int32, _ handler: @escaping () -> Void) -> WatchToken

  /// Calls `handler` on each turn of the loop that finds room for a write to `descriptor`, or finds
  /// it broken (level triggered); otherwise as `watch`.
  func watchWritable(_ descriptor: Int32, _ handler: @escaping () -> Void) -> WatchToken

  /// Calls `handler` on each turn of the loop that finds nobody at the other end of `descriptor` any
  /// more, or finds it broken, whatever there is to read (level triggered); otherwise as `watch`.
  func watchHangUp(_ descriptor: Int32, _ handler: @escaping () -> Void) -> WatchToken

  /// Milliseconds on a clock that never goes back, that of the timers.
  var now: UInt64 { get }

  /// Calls `handler` once, after at least this many milliseconds.
  func timer(milliseconds: UInt32, _ handler: @escaping () -> Void) -> WatchToken

  /// Ends a watch or a timer; nothing happens when it has ended already.
  func cancel(_ token: WatchToken)
}
