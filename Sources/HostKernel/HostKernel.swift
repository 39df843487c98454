package import SystemPackage

/// The host kernel as swiftvmm sees it: every call that leaves the process, and nothing else.
///
/// Two hosts conform: `LinuxKernel` makes the calls, `SimulatedKernel` answers them. An ioctl
/// argument crosses as bytes of known length; user addresses inside it are followed only by the
/// kernel side. All methods may be called from any thread. Each failing call throws the `Errno` that
/// Linux would leave in `errno`; none retries.
package protocol HostKernel: AnyObject, Sendable {
  /// Opens a path with close-on-exec and gives a descriptor of this process (`open(2)`).
  func open(_ path: String, _ access: FileAccess) throws(Errno) -> Int32

  /// Closes a descriptor; its number may be reused at once (`close(2)`).
  func close(_ descriptor: Int32)

  /// Issues an ioctl whose argument is a structure, which the kernel may change in place.
  func control(
    _ descriptor: Int32, _ request: UInt, _ argument: inout MutableRawSpan
  ) throws(Errno) -> Int32

  /// Issues an ioctl whose argument is a plain value, or that takes none (0).
  func control(_ descriptor: Int32, _ request: UInt, value: UInt) throws(Errno) -> Int32

  /// Reads at a byte offset (`pread(2)`) and says how many bytes arrived.
  func read(
    _ descriptor: Int32, into buffer: inout MutableRawSpan, at offset: UInt64
  ) throws(Errno) -> Int

  /// Writes at a byte offset (`pwrite(2)`) and says how many bytes were taken.
  func write(
    _ descriptor: Int32, from buffer: RawSpan, at offset: UInt64
  ) throws(Errno) -> Int

  /// Reads from a descriptor without offsets, such as a queue of events (`read(2)`).
  func read(_ descriptor: Int32, into buffer: inout MutableRawSpan) throws(Errno) -> Int

  /// Writes to a descriptor without offsets (`write(2)`).
  func write(_ descriptor: Int32, from buffer: RawSpan) throws(Errno) -> Int

  /// Maps memory of a descriptor shared, or anonymous private memory when there is none (`mmap(2)`).
  func map(_ request: MappingRequest) throws(Errno) -> UInt

  /// Unmaps what `map` gave: its address and length in bytes (`munmap(2)`).
  func unmap(address: UInt, length: Int)

  /// Makes a nonblocking, close-on-exec eventfd with count 0 (`eventfd(2)`).
  func makeEventDescriptor() throws(Errno) -> Int32

  /// Looks a path up; throws `ENOENT` when nothing is there (`stat(2)`).
  func status(of path: String) throws(Errno) -> FileStatus

  /// Names in a directory, in no promised order, without `.` and `..`.
  func entries(of directory: String) throws(Errno) -> [String]

  /// The text of a symbolic link (`readlink(2)`).
  func link(at path: String) throws(Errno) -> String

  /// The whole contents of a small file such as a sysfs attribute, at most 64 KiB.
  func contents(of path: String) throws(Errno) -> [UInt8]
}

/// How a path is opened.
package enum FileAccess: Sendable {
  case readOnly
  case readWrite
}

/// What a path names.
package struct FileStatus: Sendable, Equatable {
  /// Major and minor number of a character device, else nil.
  package var device: DeviceNumber?
  /// Length in bytes of a regular file of the user, else nil.
  package var size: UInt64?

  package init(device: DeviceNumber? = nil, size: UInt64? = nil) {
    self.device = device
    self.size = size
  }
}

/// Major and minor number of a device node, as in a sysfs `dev` file.
package struct DeviceNumber: Sendable, Hashable {
  package var major: UInt32
  package var minor: UInt32

  package init(major: UInt32, minor: UInt32) {
    self.major = major
    self.minor = minor
  }
}

/// What to map.
package struct MappingRequest: Sendable, Equatable {
  /// The descriptor to map, or nil for anonymous memory.
  package var descriptor: Int32?
  /// Byte offset in the descriptor, a multiple of the page size.
  package var offset: UInt64
  /// Length in bytes, greater than zero.
  package var length: Int
  package var isWritable: Bool
  package var isReadable: Bool
  /// Wanted alignment of the address, a power of two; 0 leaves it to the kernel.
  package var alignment: Int
  /// Writes to the mapping of a descriptor stay this process's own (`MAP_PRIVATE`).
  package var isPrivate = false

  package init(
    descriptor: Int32?, offset: UInt64 = 0, length: Int, isReadable: Bool = true,
    isWritable: Bool = true, alignment: Int = 0
  ) {
    self.descriptor = descriptor
    self.offset = offset
    self.length = length
    self.isReadable = isReadable
    self.isWritable = isWritable
    self.alignment = alignment
  }
}

extension HostKernel {
  /// Issues an ioctl on one fixed-size structure.
  @discardableResult
  package func control<Argument: BitwiseCopyable>(
    _ descriptor: Int32, _ request: UInt, on argument: inout Argument
  ) throws(Errno) -> Int32 {
    var result: Result<Int32, Errno> = .success(0)
    unsafe withUnsafeMutableBytes(of: &argument) { bytes in
      var span = unsafe bytes.mutableBytes
      do throws(Errno) {
        result = .success(try control(descriptor, request, &span))
      } catch {
        result = .failure(error)
      }
    }
    return try result.get()
  }

  /// Issues an ioctl on a structure with a trailing array, laid out in `bytes`.
  @discardableResult
  package func control(
    _ descriptor: Int32, _ request: UInt, on bytes: inout [UInt8]
  ) throws(Errno) -> Int32 {
    var elements = bytes.mutableSpan
    var span = unsafe elements.mutableBytes
    return try control(descriptor, request, &span)
  }
}
