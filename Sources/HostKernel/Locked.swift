internal import Glibc

/// State that is reached only while a mutex is held.
///
/// A plain pthread mutex: not recursive, and visible to ThreadSanitizer, which
/// `Synchronization.Mutex` is not on Linux.
@safe package struct Locked<State: ~Copyable>: ~Copyable, @unchecked Sendable {
  // The lock makes both pointers safe to share: `state` is dereferenced only in `withLock`.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let state: UnsafeMutablePointer<State>

  package init(_ initial: consuming sending State) {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    _ = unsafe pthread_mutex_init(mutex, nil)
    unsafe state = .allocate(capacity: 1)
    unsafe state.initialize(to: initial)
  }

  deinit {
    unsafe state.deinitialize(count: 1)
    unsafe state.deallocate()
    _ = unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deinitialize(count: 1)
    unsafe mutex.deallocate()
  }

  /// Runs `body` with the mutex held. Must not be entered again from inside `body`.
  package borrowing func withLock<Value: ~Copyable, Failure: Error>(
    _ body: (inout sending State) throws(Failure) -> sending Value
  ) throws(Failure) -> sending Value {
    _ = unsafe pthread_mutex_lock(mutex)
    defer { _ = unsafe pthread_mutex_unlock(mutex) }
    return try unsafe body(&state.pointee)
  }
}
