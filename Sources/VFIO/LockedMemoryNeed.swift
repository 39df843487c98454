package import HostKernel

/// How much memory this process may lock and how much a guest needs, in bytes.
package struct LockedMemoryNeed: Sendable, Equatable {
  /// The soft limit `RLIMIT_MEMLOCK`; nil for none, or when the host does not tell.
  package let limit: UInt64?
  /// All memory that devices are given to reach, in this guest's address spaces of one kind.
  package let needed: UInt64

  package init(limit: UInt64?, needed: UInt64) {
    self.limit = limit
    self.needed = needed
  }

  /// The soft limit of this process, from `/proc/self/limits`; nil for none or an unknown one.
  package static func limit(on kernel: any HostKernel) -> UInt64? {
    guard let bytes = try? kernel.contents(of: "/proc/self/limits") else { return nil }
    let name = "Max locked memory"
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    guard let line = lines.first(where: { $0.hasPrefix(name) }) else { return nil }
    return line.dropFirst(name.utf8.count).split(separator: " ").first.flatMap { UInt64($0) }
  }

  /// What is missing, with numbers, and what to type.
  var hints: [String] {
    guard let limit else {
      return [
        "RLIMIT_MEMLOCK does not limit this process: the host's kernel has no memory for the mapping."
      ]
    }
    let kibibytes = (needed - min(needed, 1)) / 1024 + 1
    guard limit < needed else {
      return [
        "RLIMIT_MEMLOCK is \(limit) bytes, the guest needs \(needed) bytes of it, and what else this "
          + "user or process has locked counts as well.",
        "Type 'ulimit -l unlimited' before swiftvmm, or set LimitMEMLOCK=infinity in its systemd unit.",
      ]
    }
    return [
      "RLIMIT_MEMLOCK is \(limit) bytes, the guest needs \(needed) bytes.",
      "Type 'ulimit -l \(kibibytes)' before swiftvmm (root may raise the limit), or set "
        + "LimitMEMLOCK=\(kibibytes)K in its systemd unit.",
    ]
  }
}
