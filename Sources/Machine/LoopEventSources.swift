package import EventLoop
package import HostKernel

/// Gives devices the main loop's descriptor watches and timers.
///
/// Made and used on the main loop only, where handlers run too; that is the machine lock as long as
/// no other thread touches device state.
@VMMain package final class LoopEventSources: EventSources {
  private var sources: [WatchToken: SourceBox] = [:]
  private var lastToken: UInt64 = 0

  /// Lets a dictionary hold a noncopyable source.
  private final class SourceBox {
    let source: EventSource

    init(_ source: consuming EventSource) { self.source = source }
  }

  /// A handler that is called only on the main loop, where it was made.
  private struct Handler: @unchecked Sendable {
    let call: () -> Void
  }

  package init() {}

  package nonisolated func watch(
    _ descriptor: Int32, _ handler: @escaping () -> Void
  ) -> WatchToken { add(descriptor, .readable, handler) }

  package nonisolated func watchWritable(
    _ descriptor: Int32, _ handler: @escaping () -> Void
  ) -> WatchToken { add(descriptor, .writable, handler) }

  package nonisolated func watchHangUp(
    _ descriptor: Int32, _ handler: @escaping () -> Void
  ) -> WatchToken { add(descriptor, .hangUp, handler) }

  package nonisolated var now: UInt64 { MainLoop.now }

  package nonisolated func timer(
    milliseconds: UInt32, _ handler: @escaping () -> Void
  ) -> WatchToken {
    let handler = Handler(call: handler)
    return VMMain.assumeIsolated {
      let token = nextToken()
      let source = MainLoop.timer(milliseconds: milliseconds) { [weak self] in
        self?.sources[token] = nil
        handler.call()
      }
      sources[token] = SourceBox(source)
      return token
    }
  }

  package nonisolated func cancel(_ token: WatchToken) {
    VMMain.assumeIsolated { sources[token] = nil }
  }

  private nonisolated func add(
    _ descriptor: Int32, _ condition: IOCondition, _ handler: @escaping () -> Void
  ) -> WatchToken {
    let handler = Handler(call: handler)
    return VMMain.assumeIsolated {
      let token = nextToken()
      sources[token] = SourceBox(
        MainLoop.watch(descriptor, for: condition) { _ in handler.call() })
      return token
    }
  }

  private func nextToken() -> WatchToken {
    lastToken += 1
    return WatchToken(rawValue: lastToken)
  }
}
