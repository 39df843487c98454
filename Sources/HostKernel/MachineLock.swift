internal import Glibc
internal import Synchronization

/// The lock under which device state is touched: by a vCPU thread while it handles an exit, by the
/// main loop always but while it polls.
///
/// Not recursive. There is one for the program, in `EventLoop`; tests of a part make their own.
@safe package final class MachineLock: @unchecked Sendable {
  // Both are initialized once and only handed to the calls that are made for sharing them.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  /// The thread that holds the lock, or 0. Only that thread's own entry and its going matter to a
  /// reader, so no order with other memory is needed.
  private let holder = Atomic<UInt>(0)

  package init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    _ = unsafe pthread_mutex_init(mutex, nil)
    unsafe condition = .allocate(capacity: 1)
    unsafe condition.initialize(to: pthread_cond_t())
    _ = unsafe pthread_cond_init(condition, nil)
  }

  deinit {
    _ = unsafe pthread_cond_destroy(condition)
    unsafe condition.deallocate()
    _ = unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  /// Waits for the lock and takes it. A thread that holds it already would wait for ever.
  package func lock() {
    _ = unsafe pthread_mutex_lock(mutex)
    holder.store(UInt(pthread_self()), ordering: .relaxed)
  }

  /// Gives the lock up; by its holder only.
  package func unlock() {
    holder.store(0, ordering: .relaxed)
    _ = unsafe pthread_mutex_unlock(mutex)
  }

  /// Whether the calling thread holds the lock.
  package var isHeldByThisThread: Bool {
    holder.load(ordering: .relaxed) == UInt(pthread_self())
  }

  /// Runs `body` with the lock held: takes it for as long, or goes on when this thread has it.
  package func withLock<Value, Failure: Error>(
    _ body: () throws(Failure) -> Value
  ) throws(Failure) -> Value {
    if isHeldByThisThread { return try body() }
    lock()
    defer { unlock() }
    return try body()
  }

  /// Gives the lock up until a `notifyAll` after which `isBlocked` is false, at once when it is false
  /// now, and takes it again. By the holder only; `isBlocked` is called with the lock held. Others
  /// change device state meanwhile.
  package func wait(while isBlocked: () -> Bool) {
    while isBlocked() {
      holder.store(0, ordering: .relaxed)
      _ = unsafe pthread_cond_wait(condition, mutex)
      holder.store(UInt(pthread_self()), ordering: .relaxed)
    }
  }

  /// Lets every waiting thread look at its condition again. By the holder only.
  package func notifyAll() {
    _ = unsafe pthread_cond_broadcast(condition)
  }
}
