internal import CLinux
internal import Glibc
internal import HostKernel
internal import SimulatedKernel
internal import SystemPackage

/// A file of the client's memory, shared by all maps of it.
final class DMAFile {
  /// Which file it is, and how it was opened.
  struct Identity: Hashable {
    let device: UInt
    let inode: UInt
    let access: Int32
  }

  let identity: Identity
  private let descriptor: Int32
  /// The file's pages, in bytes; a part that is mapped begins with one.
  private let pageSize: UInt64

  /// Which file a descriptor is of. Throws `EINVAL` for what is no memory.
  static func identity(of descriptor: Int32) throws(Errno) -> Identity {
    let status = try status(of: descriptor)
    return Identity(
      device: UInt(status.st_dev), inode: UInt(status.st_ino),
      access: fcntl(descriptor, F_GETFL) & O_ACCMODE)
  }

  private static func status(of descriptor: Int32) throws(Errno) -> stat {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw Errno(rawValue: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .invalidArgument }
    return status
  }

  /// Duplicates a descriptor that is the caller's.
  init(_ descriptor: Int32) throws(Errno) {
    identity = try Self.identity(of: descriptor)
    let block = UInt64(max(0, try Self.status(of: descriptor).st_blksize))
    pageSize = block.nonzeroBitCount == 1 ? max(4096, block) : 4096
    self.descriptor = clinux_dup(descriptor)
    guard self.descriptor >= 0 else { throw Errno(rawValue: -self.descriptor) }
  }

  deinit { _ = clinux_close(descriptor) }

  /// The bytes of the file now.
  func size() throws(Errno) -> UInt64 { UInt64(max(0, try Self.status(of: descriptor).st_size)) }

  /// Reads bytes. Throws `EFAULT` where the file has no memory any more.
  func read(at offset: UInt64, count: Int) throws(Errno) -> [UInt8] {
    try withMemory(at: offset, count: count, isWritable: false) { address throws(Errno) in
      try UserMemory.bytes(at: address, count: count)
    }
  }

  /// Writes bytes. Throws `EFAULT` where the file has no memory any more.
  func write(_ bytes: [UInt8], at offset: UInt64) throws(Errno) {
    try withMemory(at: offset, count: bytes.count, isWritable: true) { address throws(Errno) in
      try UserMemory.write(bytes, to: address)
    }
  }

  /// Gives the address at which a part is mapped, for as long as `body` runs. The copy itself goes
  /// through a system call, so that a file which is cut meanwhile is an error and no signal.
  private func withMemory<Value>(
    at offset: UInt64, count: Int, isWritable: Bool,
    _ body: (UInt64) throws(Errno) -> Value
  ) throws(Errno) -> Value {
    let start = offset & ~(pageSize - 1)
    let (end, overflow) = offset.addingReportingOverflow(UInt64(count) + pageSize - 1)
    guard !overflow else { throw .badAddress }
    let length = Int((end & ~(pageSize - 1)) - start)
    let address = try MemoryCalls.map(
      MappingRequest(
        descriptor: descriptor, offset: start, length: length, isWritable: isWritable))
    defer { MemoryCalls.unmap(address: address, length: length) }
    return try body(UInt64(address) + (offset - start))
  }
}
