internal import CGLib
internal import Glibc
internal import HostKernel

/// Runs the jobs of `VMMain` on the thread that owns the main loop's `GMainContext`, in the order in
/// which they were enqueued, with the machine lock held.
final class MainLoopExecutor: SerialExecutor {
  /// A context of our own rather than GLib's default one: nobody else can attach to it, iterate it,
  /// or become its owner, so "owns the context" and "is the main loop's thread" are one statement.
  let context: MainContext
  private let jobs = Locked<[UnownedJob]>([])
  private let wakeUp: JobSource

  init() {
    context = MainContext()
    wakeUp = JobSource(in: context)
  }

  /// Adds a job; callable from any thread.
  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let isFirst = jobs.withLock { jobs in
      jobs.append(job)
      return jobs.count == 1
    }
    if isFirst { wakeUp.makeReady() }
  }

  /// Whoever holds the machine lock is isolated: no job and no callback of the loop runs meanwhile.
  private var isIsolated: Bool { MainLoop.machineLock.isHeldByThisThread }

  /// Runs the jobs that are waiting now; those that they enqueue wait for the next turn, so that
  /// descriptors and timers get theirs. Called by the job source on the loop's thread.
  func drain() {
    let batch = jobs.withLock { jobs in
      let batch = jobs
      jobs = []
      return batch
    }
    for job in batch { unsafe job.runSynchronously(on: asUnownedSerialExecutor()) }
  }

  func checkIsolated() {
    precondition(isIsolated, "the calling thread does not hold the machine lock")
  }

  func isIsolatingCurrentContext() -> Bool? { isIsolated }
}

/// The main loop's `GMainContext`; it lives as long as the program.
@safe struct MainContext: Sendable {
  /// A GLib context may be used from any thread.
  nonisolated(unsafe) let pointer: OpaquePointer

  /// Makes a context whose owner gives the machine lock up while it polls.
  init() {
    unsafe pointer = g_main_context_new()
    unsafe g_main_context_set_poll_func(pointer) { descriptors, count, timeout in
      MainLoop.machineLock.unlock()
      let result = unsafe g_poll(descriptors, count, timeout)
      // GLib looks at errno next.
      let error = errno
      MainLoop.machineLock.lock()
      errno = error
      return result
    }
  }

  var isOwnedByThisThread: Bool { unsafe g_main_context_is_owner(pointer) != 0 }

  /// Has the loop serve a source.
  ///
  /// No handler runs the loop, so none can be called inside itself. GLib is told that one may: else it
  /// takes the source's descriptor out of the poll set before each call and puts it back after, and
  /// either wakes the loop for one more turn.
  func attach(_ source: UnsafeMutablePointer<GSource>) {
    unsafe g_source_set_can_recurse(source, 1)
    _ = unsafe g_source_attach(source, pointer)
  }
}

/// The source that wakes the loop when jobs wait; it lives as long as the program.
@safe private struct JobSource: Sendable {
  /// `g_source_set_ready_time`, all that is called after `init`, is callable from any thread.
  private nonisolated(unsafe) let pointer: UnsafeMutablePointer<GSource>

  init(in context: MainContext) {
    let functions = UnsafeMutablePointer<GSourceFuncs>.allocate(capacity: 1)
    unsafe functions.initialize(to: GSourceFuncs())
    unsafe functions.pointee.dispatch = { source, _, _ in
      // Before the jobs are taken: one that arrives later makes the source ready again.
      unsafe g_source_set_ready_time(source, -1)
      VMMain.executor.drain()
      return 1
    }
    unsafe pointer = g_source_new(functions, guint(MemoryLayout<GSource>.size))
    unsafe g_source_set_ready_time(pointer, -1)
    unsafe context.attach(pointer)
  }

  func makeReady() { unsafe g_source_set_ready_time(pointer, 0) }
}
