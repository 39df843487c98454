internal import CGLib
package import HostKernel

/// The main loop: one thread owns it, sets the machine up on it, runs it, and takes it all down.
///
/// ```swift
/// let status = MainLoop.own {
///   let machine = ...
///   return MainLoop.run()
/// }
/// ```
package enum MainLoop {
  /// The machine lock of the program. The loop's thread holds it for as long as it owns the loop, but
  /// while the loop polls; other threads take it to touch what the loop touches.
  package static let machineLock = MachineLock()

  /// Held by the thread that owns the context.
  private static let ownership = Locked<Void>(())

  /// Makes the calling thread the loop's for as long as `body` runs, and runs `body` on the loop's
  /// actor. Waits while another thread owns the loop; a call by a thread that holds the machine lock,
  /// such as the owning one, just runs `body`. A `stop` that no `run` has returned ends with it.
  package static func own<Value: Sendable, Failure: Error>(
    _ body: @VMMain () throws(Failure) -> Value
  ) throws(Failure) -> Value {
    let context = VMMain.executor.context
    if machineLock.isHeldByThisThread { return try VMMain.assumeIsolated(body) }
    return try ownership.withLock { _ throws(Failure) in
      _ = unsafe g_main_context_acquire(context.pointer)
      defer { unsafe g_main_context_release(context.pointer) }
      machineLock.lock()
      defer {
        VMMain.assumeIsolated { requestedStatus = nil }
        machineLock.unlock()
      }
      return try VMMain.assumeIsolated(body)
    }
  }

  /// The status that `stop` asked for, until `run` has returned it.
  @VMMain private static var requestedStatus: Int32?

  /// Runs the loop until `stop`, and returns the status given there; at once when `stop` was called
  /// before. For the body of `own` on the owning thread only: inside a handler or a task it would hold
  /// up the others.
  @VMMain package static func run() -> Int32 {
    while true {
      if let status = requestedStatus {
        requestedStatus = nil
        return status
      }
      turn()
    }
  }

  /// Ends `run` after the present turn. The first status stands. A vCPU thread may call it too.
  @VMMain package static func stop(status: Int32 = 0) {
    if requestedStatus == nil { requestedStatus = status }
    let context = VMMain.executor.context
    if !context.isOwnedByThisThread { unsafe g_main_context_wakeup(context.pointer) }
  }

  /// One turn of the loop: runs what is ready. When nothing is, waits for the first thing that
  /// becomes ready unless `waiting` is false. Returns whether anything ran. Same rule as `run`.
  @discardableResult
  @VMMain package static func turn(waiting: Bool = true) -> Bool {
    unsafe g_main_context_iteration(VMMain.executor.context.pointer, waiting ? 1 : 0) != 0
  }
}
