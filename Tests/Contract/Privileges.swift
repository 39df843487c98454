internal import CLinux
internal import Glibc
internal import SystemPackage

/// Capabilities of the calling thread and the process's limit on locked memory.
enum Privileges {
  /// Runs `body` on this thread without some effective capabilities and with less lockable memory;
  /// both are put back. Throws what `capset(2)` and `setrlimit(2)` answer.
  static func withLess(
    _ capabilities: [Capability], lockedMemory: UInt64?, _ body: () throws -> Void
  ) throws {
    let mask = capabilities.reduce(UInt64(0)) { $0 | 1 << UInt64($1.rawValue) }
    var old = rlimit()
    if let lockedMemory {
      guard unsafe getrlimit(__rlimit_resource_t(8), &old) == 0 else {
        throw Errno(rawValue: errno)
      }
      var new = rlimit(rlim_cur: rlim_t(lockedMemory), rlim_max: old.rlim_max)
      guard unsafe setrlimit(__rlimit_resource_t(8), &new) == 0 else {
        throw Errno(rawValue: errno)
      }
    }
    defer { if lockedMemory != nil { _ = unsafe setrlimit(__rlimit_resource_t(8), &old) } }
    try check(clinux_change_effective_capabilities(mask, 0))
    defer { _ = clinux_change_effective_capabilities(mask, 1) }
    try body()
  }

  private static func check(_ result: Int32) throws(Errno) {
    guard result >= 0 else { throw Errno(rawValue: -result) }
  }
}
