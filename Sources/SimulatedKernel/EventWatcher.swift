internal import CLinux
internal import Glibc
internal import HostKernel

/// The host and its lock, shared by the kernel and the watcher's thread.
final class LockedHost: Sendable {
  let state: Locked<SimulatedHost>

  init(
    _ description: HostDescription, runsGuests: Bool,
    report: @escaping @Sendable (String) -> Void
  ) {
    state = Locked(SimulatedHost(description, runsGuests: runsGuests, report: report))
  }
}

/// Waits for the eventfds that users signal: to unmask INTx, as KVM does at the end of an interrupt,
/// or to have a value written to a BAR.
///
/// The thread exists from the first such eventfd on. It reads the list anew each time round, so that
/// an eventfd that was removed meanwhile does no harm.
final class EventWatcher: Sendable {
  private struct Running {
    var thread: pthread_t
    var loop: Loop
  }

  private let running = Locked<Running?>(nil)

  /// Looks at the list again; starts the thread if there is none.
  func wake(_ host: LockedHost) {
    running.withLock { running in
      if let loop = running?.loop {
        EventDescriptor.signal(loop.wake)
        return
      }
      guard let loop = Loop(host) else { return }
      var thread = pthread_t()
      let context = unsafe Unmanaged.passRetained(loop)
      let result = unsafe pthread_create(
        &thread, nil,
        { context in
          guard let context = unsafe context else { return nil }
          unsafe Unmanaged<Loop>.fromOpaque(context).takeRetainedValue().run()
          return nil
        }, unsafe context.toOpaque())
      if result == 0 {
        running = Running(thread: thread, loop: loop)
      } else {
        unsafe context.release()
      }
    }
  }

  /// Ends the thread and waits for it. Not to be called on it.
  func stop() {
    let stopped = running.withLock { running in
      let stopped = running
      running = nil
      return stopped
    }
    guard let stopped else { return }
    stopped.loop.stop()
    _ = pthread_join(stopped.thread, nil)
  }

  /// What the thread runs.
  private final class Loop: Sendable {
    private let host: LockedHost
    /// Signalled to make the thread look at the list again.
    let wake: Int32
    private let isStopped = Locked(false)

    init?(_ host: LockedHost) {
      self.host = host
      wake = clinux_eventfd(0, O_NONBLOCK)
      if wake < 0 { return nil }
    }

    deinit { _ = clinux_close(wake) }

    func stop() {
      isStopped.withLock { $0 = true }
      EventDescriptor.signal(wake)
    }

    func run() {
      while !isStopped.withLock({ $0 }) {
        let events = host.state.withLock { $0.watchedEvents }
        var waiting = ([wake] + events).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        _ = unsafe poll(&waiting, UInt(waiting.count), -1)
        EventDescriptor.drain(wake)
        for ready in waiting.dropFirst() where ready.revents & Int16(POLLIN) != 0 {
          host.state.withLock { $0.takeSignal(of: ready.fd) }
        }
      }
    }
  }
}
