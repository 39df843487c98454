internal import CGLib

/// The actor of everything that runs on the main loop: set-up, monitors, timers and backends.
///
/// Its executor is the loop's `GMainContext`, so a task and a GLib callback share one thread, and
/// neither runs while the other does. vCPU threads never use it.
@globalActor package actor VMMain {
  package static let shared = VMMain()

  static let executor = MainLoopExecutor()

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe Self.executor.asUnownedSerialExecutor()
  }

  /// Runs `body` at once in a synchronous context that is known to be on the loop's thread, such as
  /// a C callback of the loop. Stops the program when the calling thread does not own the loop.
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
