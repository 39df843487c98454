internal import Glibc
package import SystemPackage

/// The names of the errnos that the contract speaks of.
package enum ErrnoName {
  private static let names: [Int32: String] = [
    EPERM: "EPERM", ENOENT: "ENOENT", EINTR: "EINTR", EIO: "EIO", ENXIO: "ENXIO", E2BIG: "E2BIG",
    EBADF: "EBADF", EAGAIN: "EAGAIN", ENOMEM: "ENOMEM", EACCES: "EACCES", EFAULT: "EFAULT",
    EBUSY: "EBUSY", EEXIST: "EEXIST", ENODEV: "ENODEV", EINVAL: "EINVAL", ENOTTY: "ENOTTY",
    ENOSPC: "ENOSPC", ESPIPE: "ESPIPE", ERANGE: "ERANGE", EOVERFLOW: "EOVERFLOW",
    EBADFD: "EBADFD", EMSGSIZE: "EMSGSIZE", EOPNOTSUPP: "EOPNOTSUPP",
    EADDRINUSE: "EADDRINUSE", ETIMEDOUT: "ETIMEDOUT", ECONNABORTED: "ECONNABORTED",
  ]

  /// `EINVAL` for `Errno.invalidArgument`; `errno N` for one that the contract does not know.
  package static func of(_ error: Errno) -> String {
    names[error.rawValue] ?? "errno \(error.rawValue)"
  }
}

extension Errno {
  static let enodev = Errno(rawValue: Glibc.ENODEV)
  static let enotty = Errno(rawValue: Glibc.ENOTTY)
  static let ebadfd = Errno(rawValue: Glibc.EBADFD)
  static let eopnotsupp = Errno(rawValue: Glibc.EOPNOTSUPP)
  static let emsgsize = Errno(rawValue: Glibc.EMSGSIZE)
  static let eaddrinuse = Errno(rawValue: Glibc.EADDRINUSE)
  static let eoverflow = Errno(rawValue: Glibc.EOVERFLOW)
  static let erange = Errno(rawValue: Glibc.ERANGE)
  static let enxio = Errno(rawValue: Glibc.ENXIO)
}
