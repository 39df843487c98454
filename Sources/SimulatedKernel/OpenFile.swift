internal import HostKernel
internal import SystemPackage

/// What a descriptor of the simulated host refers to.
protocol OpenFile: AnyObject {
  /// The word for it in messages.
  var kind: String { get }

  /// Whether the file answers a call itself; others go to the real host, without the lock.
  func answers(_ request: UInt, _ argument: UserArgument) -> Bool

  func control(
    _ request: UInt, _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) -> Int32

  /// A call that the real host answered gave a descriptor or another number.
  func made(_ descriptor: Int32, by request: UInt, on host: SimulatedHost)

  func read(_ count: Int, at offset: UInt64, on host: SimulatedHost) throws(Errno) -> [UInt8]

  func write(_ bytes: [UInt8], at offset: UInt64, on host: SimulatedHost) throws(Errno) -> Int

  /// Reads from a file that has no offset, such as a queue of events (`read(2)`).
  func read(_ count: Int, on host: SimulatedHost) throws(Errno) -> [UInt8]

  /// Writes to a file that has no offset (`write(2)`).
  func write(_ bytes: [UInt8], on host: SimulatedHost) throws(Errno) -> Int

  /// Maps a part of the file and gives the address. The mapping is the caller's to count.
  func map(_ request: MappingRequest, on host: SimulatedHost) throws(Errno) -> UInt

  /// The mapping of the file at an address has gone.
  func unmapped(_ address: UInt, on host: SimulatedHost)

  /// The last descriptor of the file has gone.
  func closed(on host: SimulatedHost)
}

/// What the kernel answers for a file that lacks an operation.
extension OpenFile {
  func answers(_ request: UInt, _ argument: UserArgument) -> Bool { true }

  func control(
    _ request: UInt, _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) -> Int32 {
    throw .enotty
  }

  func made(_ descriptor: Int32, by request: UInt, on host: SimulatedHost) {}

  func read(_ count: Int, at offset: UInt64, on host: SimulatedHost) throws(Errno) -> [UInt8] {
    throw .einval
  }

  func write(_ bytes: [UInt8], at offset: UInt64, on host: SimulatedHost) throws(Errno) -> Int {
    throw .einval
  }

  // The model keeps no position of a file that has offsets.
  func read(_ count: Int, on host: SimulatedHost) throws(Errno) -> [UInt8] { throw .einval }

  func write(_ bytes: [UInt8], on host: SimulatedHost) throws(Errno) -> Int { throw .einval }

  func closed(on host: SimulatedHost) {}

  func map(_ request: MappingRequest, on host: SimulatedHost) throws(Errno) -> UInt {
    throw .enodev
  }

  func unmapped(_ address: UInt, on host: SimulatedHost) {}
}

/// A file without offsets, such as an eventfd or a queue: `pread(2)` and `pwrite(2)` give `ESPIPE`.
protocol StreamFile: OpenFile {}

extension StreamFile {
  func read(_ count: Int, at offset: UInt64, on host: SimulatedHost) throws(Errno) -> [UInt8] {
    throw .espipe
  }

  func write(_ bytes: [UInt8], at offset: UInt64, on host: SimulatedHost) throws(Errno) -> Int {
    throw .espipe
  }
}

/// An eventfd made through the seam: the descriptor itself is real.
final class EventFile: StreamFile {
  let kind = "eventfd"
  private let descriptor: Int32

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  func closed(on host: SimulatedHost) {
    for device in host.devices { device.eventClosed(descriptor) }
  }
}

/// A file of the simulated sysfs, read as it was when it was opened.
final class AttributeFile: OpenFile {
  let kind = "sysfs file"
  private let contents: [UInt8]

  init(contents: [UInt8]) { self.contents = contents }

  func read(_ count: Int, at offset: UInt64, on host: SimulatedHost) throws(Errno) -> [UInt8] {
    guard offset < UInt64(contents.count) else { return [] }
    return Array(contents[Int(offset)...].prefix(count))
  }

  func write(_ bytes: [UInt8], at offset: UInt64, on host: SimulatedHost) throws(Errno) -> Int {
    throw .ebadf
  }
}
