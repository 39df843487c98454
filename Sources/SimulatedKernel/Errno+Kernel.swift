internal import SystemPackage

// The kernel's own names, so that a check here reads like the line of the contract it answers.
extension Errno {
  static let eperm = Errno.notPermitted
  static let enoent = Errno.noSuchFileOrDirectory
  static let enxio = Errno(rawValue: 6)
  static let eio = Errno.ioError
  static let e2big = Errno.argListTooLong
  static let ebadf = Errno.badFileDescriptor
  static let eagain = Errno.resourceTemporarilyUnavailable
  static let enomem = Errno.noMemory
  static let eacces = Errno.permissionDenied
  static let efault = Errno.badAddress
  static let ebusy = Errno.resourceBusy
  static let eexist = Errno.fileExists
  static let enodev = Errno(rawValue: 19)
  static let enotdir = Errno.notDirectory
  static let eisdir = Errno.isDirectory
  static let einval = Errno.invalidArgument
  static let enotty = Errno(rawValue: 25)
  static let enospc = Errno.noSpace
  static let espipe = Errno(rawValue: 29)
  static let erange = Errno.outOfRange
  static let eloop = Errno.tooManySymbolicLinkLevels
  static let eoverflow = Errno.overflow
  static let ebadfd = Errno(rawValue: 77)
  static let emsgsize = Errno.messageTooLong
  static let eopnotsupp = Errno(rawValue: 95)
  static let eaddrinuse = Errno.addressInUse
}
