internal import CGLib

/// The actor of everything that runs on the main loop: set-up, monitors, timers and backends.
///
/// Its executor is the loop's `GMainContext`, so a task and a GLib callback share one thread, and
/// neither runs while the other does. That thread holds the machine lock but while it polls, so to be
/// isolated to this actor is to hold `MainLoop.machineLock`, on whatever thread: a vCPU thread that
/// handles an exit is isolated too, and never waits for the loop.
@globalActor package actor VMMain {
  package static let shared = VMMain()

  static let executor = MainLoopExecutor()

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe Self.executor.asUnownedSerialExecutor()
  }

  /// Runs `body` at once in a synchronous context that is known to hold the machine lock, such as a C
  /// callback of the loop or the exit of a vCPU. Stops the program when the calling thread does not
  /// hold it.
  package static func assumeIsolated<Value: Sendable, Failure: Error>(
    _ body: @VMMain () throws(Failure) -> Value
  ) throws(Failure) -> Value {
    executor.checkIsolated()
    // The check above is all that isolation asks of a synchronous call; the two function types
    // have one representation.
    typealias Isolated = @VMMain () throws(Failure) -> Value
    typealias Plain = () throws(Failure) -> Value
    return try withoutActuallyEscaping(body) { (isolated: @escaping Isolated) throws(Failure) in
      try unsafe unsafeBitCast(isolated, to: Plain.self)()
    }
  }
}
