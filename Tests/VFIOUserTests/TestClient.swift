import CLinux
import Glibc
import HostKernel
import PCI
import SimulatedKernel
import SystemPackage

@testable import VFIOUser

/// Functions of the files in `machines`.
enum Hosts {
  static func function(_ address: String, of file: String) throws -> HostFunction {
    let folder = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let host = try HostDescription(contentsOf: "/\(folder)/machines/\(file)")
    guard let function = host.functions.first(where: { $0.address.description == address }) else {
      throw Errno.noSuchFileOrDirectory
    }
    return function
  }
}

/// The bytes of numbers, little-endian, in the order given.
func pack(_ fields: any FixedWidthInteger & UnsignedInteger...) -> [UInt8] {
  var bytes: [UInt8] = []
  for field in fields {
    for index in 0..<field.bitWidth / 8 {
      bytes.append(UInt8(truncatingIfNeeded: UInt64(field) >> UInt64(8 * index)))
    }
  }
  return bytes
}

/// A whole message.
func message(
  _ command: UInt16, _ payload: [UInt8] = [], identifier: UInt16 = 7, flags: UInt32 = 0
) -> [UInt8] {
  pack(identifier, command, UInt32(16 + payload.count), flags, UInt32(0)) + payload
}

let versionPayload: [UInt8] =
  pack(UInt16(0), UInt16(0))
  + Array("{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576}}".utf8) + [0]

/// A session that is spoken to without a socket.
final class TestSession {
  let served: ServedFunction
  let session: Session

  /// A session after its version message.
  init(_ address: String = "0000:00:09.0", of file: String = "pasid.yaml") throws {
    served = try ServedFunction(try Hosts.function(address, of: file)) { _ in }
    session = Session(served)
    let outcome = session.answer(
      Message(header: MessageHeader(message(1, versionPayload)), payload: versionPayload))
    guard case .reply = outcome else { throw Errno.protocolError }
  }

  /// What a message gives; the descriptors are duplicated, as those that a socket gives.
  func outcome(
    _ command: UInt16, _ payload: [UInt8], descriptors: [Int32] = [], flags: UInt32 = 0
  ) -> Session.Outcome {
    session.answer(
      Message(
        header: MessageHeader(message(command, payload, flags: flags)), payload: payload,
        descriptors: descriptors.map { clinux_dup($0) }))
  }

  /// The reply's payload. Throws the errno of a refusal.
  @discardableResult
  func call(
    _ command: UInt16, _ payload: [UInt8], descriptors: [Int32] = []
  ) throws -> [UInt8] {
    guard case .reply(let bytes, _) = outcome(command, payload, descriptors: descriptors) else {
      throw Errno.protocolError
    }
    let error: UInt32 = bytes.field(at: 12)
    guard error == 0 else { throw Errno(rawValue: Int32(error)) }
    return Array(bytes.dropFirst(16))
  }

  func read(_ region: UInt32, _ offset: UInt64, _ count: UInt32) throws -> UInt64 {
    let bytes = try call(9, pack(offset, region, count))
    return Array(bytes.dropFirst(16)).field(at: 0, as: UInt64.self)
  }

  func write(_ region: UInt32, _ offset: UInt64, _ value: UInt64, _ count: Int) throws {
    let data = Array(pack(value).prefix(count))
    try call(10, pack(offset, region, UInt32(count)) + data)
  }

  func setEvents(_ index: UInt32, start: UInt32 = 0, _ events: [Int32], action: UInt32 = 0x20)
    throws
  {
    try call(
      8, pack(UInt32(20), 4 | action, index, start, UInt32(events.count)), descriptors: events)
  }
}

extension Errno {
  static let protocolError = Errno(rawValue: 71)
}

/// A memory file for DMA.
final class TestMemory {
  let descriptor: Int32

  private let name = "guest-\(UInt64.random(in: 0 ... .max))"

  init(_ size: UInt64) { descriptor = unsafe clinux_memfd_create(name, size) }

  /// How many descriptors of it this process has.
  var uses: Int {
    (0..<1024 as Range<Int32>).count { number in
      let link = try? LinuxKernel().link(at: "/proc/self/fd/\(number)")
      return link == "/memfd:\(name) (deleted)"
    }
  }
  deinit { _ = clinux_close(descriptor) }

  func write(_ bytes: [UInt8], at offset: Int) {
    _ = unsafe pwrite(descriptor, bytes, bytes.count, offset)
  }

  func read(at offset: Int, count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    _ = unsafe pread(descriptor, &bytes, count, offset)
    return bytes
  }
}

/// An eventfd.
final class TestEvent {
  let descriptor = clinux_eventfd(0, O_NONBLOCK)
  deinit { _ = clinux_close(descriptor) }

  /// Takes the count.
  func take() -> UInt64 {
    var count: UInt64 = 0
    return unsafe clinux_read(descriptor, &count, 8) == 8 ? count : 0
  }
}
