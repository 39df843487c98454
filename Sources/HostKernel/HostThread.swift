internal import CLinux
internal import Glibc
package import SystemPackage

/// A thread of this process that can be made to leave a blocking call.
///
/// Signals of the program do not reach it. Whoever made it joins it, once.
package struct HostThread: Sendable {
  private let identifier: UInt

  private final class Box: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Starts a thread that runs `body`; a name of at most 15 bytes shows in tools. Throws as
  /// `pthread_create(3)`.
  package init(name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
    // The thread takes the box over when it starts.
    let box = unsafe Unmanaged.passRetained(Box(body))
    var identifier: UInt = 0
    do {
      _ = try checked(
        unsafe clinux_start_thread(
          name,
          { argument in
            guard let argument = unsafe argument else { return nil }
            unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
            return nil
          }, box.toOpaque(), &identifier))
    } catch {
      unsafe box.release()
      throw error
    }
    self.identifier = identifier
  }

  /// Makes the thread leave a call that it is blocked in, with `EINTR`. Not after `join`.
  package func kick() { clinux_kick_thread(identifier) }

  /// Waits for the thread's end.
  package func join() { clinux_join_thread(identifier) }

  /// Whether the calling thread is this one.
  package var isCurrent: Bool { UInt(pthread_self()) == identifier }
}
