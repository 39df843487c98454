import HostKernel
import SystemPackage
import Tracing

@testable import VFIO

/// A host that answers each ioctl on a structure from a script, and writes down what was asked.
///
/// Nothing else is on it but links, which are given by path, and folders.
final class ScriptedVFIO: HostKernel {
  /// Looks at the argument's bytes, may change them, and says how the ioctl fails, if it does.
  typealias Answer = @Sendable (inout [UInt8]) -> Errno?

  struct Call: Equatable {
    let request: UInt
    /// The argument as it was given, or nil for a plain value.
    let argument: [UInt8]?
    var value: UInt = 0
  }

  struct State {
    var calls: [Call] = []
    var answers: [Answer] = []
    /// What an ioctl that succeeds gives.
    var result: Int32 = 0
    var links: [String: String] = [:]
    var folders: [String: [String]] = [:]
    var files: [String: [UInt8]] = [:]
    var closed: [Int32] = []
    /// What a read gives, from offset 0.
    var memory: [UInt8] = []
    var writes: [(offset: UInt64, bytes: [UInt8])] = []
  }

  private let state = Locked(State())

  init(_ answers: [Answer] = []) {
    state.withLock { $0.answers = answers }
  }

  /// Sets what is on the host.
  func arrange(_ change: @Sendable (inout State) -> Void) {
    state.withLock { change(&$0) }
  }

  var calls: [Call] { state.withLock { $0.calls } }
  var closed: [Int32] { state.withLock { $0.closed } }
  var writes: [(offset: UInt64, bytes: [UInt8])] { state.withLock { $0.writes } }

  /// Takes the next answer; the last one is given again and again.
  private func nextAnswer(to call: Call) -> Answer? {
    state.withLock { state in
      state.calls.append(call)
      return state.answers.count > 1 ? state.answers.removeFirst() : state.answers.first
    }
  }

  func control(
    _ descriptor: Int32, _ request: UInt, _ argument: inout MutableRawSpan
  ) throws(Errno) -> Int32 {
    var bytes = unsafe argument.withUnsafeMutableBytes { unsafe [UInt8]($0) }
    let count = bytes.count
    guard let answer = nextAnswer(to: Call(request: request, argument: bytes)) else {
      throw .inappropriateIOCTLForDevice
    }
    let failure = answer(&bytes)
    let written = bytes.prefix(count)
    unsafe argument.withUnsafeMutableBytes { unsafe $0.copyBytes(from: written) }
    if let failure { throw failure }
    return state.withLock { $0.result }
  }

  func control(_ descriptor: Int32, _ request: UInt, value: UInt) throws(Errno) -> Int32 {
    guard let answer = nextAnswer(to: Call(request: request, argument: nil, value: value)) else {
      throw .inappropriateIOCTLForDevice
    }
    var none: [UInt8] = []
    if let failure = answer(&none) { throw failure }
    return state.withLock { $0.result }
  }

  func close(_ descriptor: Int32) { state.withLock { $0.closed.append(descriptor) } }

  func read(
    _ descriptor: Int32, into buffer: inout MutableRawSpan
  ) throws(Errno) -> Int { throw .ioError }

  func write(_ descriptor: Int32, from buffer: RawSpan) throws(Errno) -> Int { throw .ioError }

  func read(
    _ descriptor: Int32, into buffer: inout MutableRawSpan, at offset: UInt64
  ) throws(Errno) -> Int {
    let memory = state.withLock { $0.memory }
    guard let start = Int(exactly: offset), start <= memory.count else { throw .ioError }
    let piece = memory[start...].prefix(buffer.byteCount)
    unsafe buffer.withUnsafeMutableBytes { unsafe $0.copyBytes(from: piece) }
    return piece.count
  }

  func write(
    _ descriptor: Int32, from buffer: RawSpan, at offset: UInt64
  ) throws(Errno) -> Int {
    let bytes = unsafe buffer.withUnsafeBytes { unsafe [UInt8]($0) }
    return state.withLock { state in
      state.writes.append((offset, bytes))
      return min(bytes.count, max(0, state.memory.count - Int(clamping: offset)))
    }
  }

  func link(at path: String) throws(Errno) -> String {
    guard let text = state.withLock({ $0.links[path] }) else { throw .noSuchFileOrDirectory }
    return text
  }

  func entries(of directory: String) throws(Errno) -> [String] {
    guard let names = state.withLock({ $0.folders[directory] }) else {
      throw .noSuchFileOrDirectory
    }
    return names
  }

  func open(_ path: String, _ access: FileAccess) throws(Errno) -> Int32 { throw .noFunction }
  func map(_ request: MappingRequest) throws(Errno) -> UInt { throw .noFunction }
  func unmap(address: UInt, length: Int) {}
  func makeEventDescriptor() throws(Errno) -> Int32 { throw .noFunction }
  func status(of path: String) throws(Errno) -> FileStatus { throw .noFunction }

  func contents(of path: String) throws(Errno) -> [UInt8] {
    guard let bytes = state.withLock({ $0.files[path] }) else { throw .noSuchFileOrDirectory }
    return bytes
  }

  // MARK: - A device on it

  /// A device with descriptor 21, bound to an iommufd context under id 1. Forgets the calls that made
  /// it.
  func makeDevice() throws(Errno) -> VFIODevice {
    let answers = state.withLock { state in
      let answers = state.answers
      state.answers = [{ _ in nil }]
      return answers
    }
    let descriptor = HostDescriptor(taking: 21, of: self)
    let info = try VFIODevice.info(of: descriptor)
    let object = IOMMUFDObject(
      id: "iommufd0", given: 20, kernel: self, tracer: Tracer(to: RingSink()))
    let device = VFIODevice(
      path: HostDevicePath(pciAddress: "0000:81:00.0"), descriptor: descriptor,
      attachment: .iommufd(object, deviceID: 1), info: info)
    state.withLock { state in
      state.calls = []
      state.answers = answers
    }
    return device
  }
}

/// Little-endian numbers as the bytes of a structure.
func little<each Value: FixedWidthInteger>(_ values: repeat each Value) -> [UInt8] {
  var bytes: [UInt8] = []
  for value in repeat each values {
    for index in 0..<type(of: value).bitWidth / 8 {
      bytes.append(UInt8(truncatingIfNeeded: value >> (8 * index)))
    }
  }
  return bytes
}

extension [UInt8] {
  /// A 32-bit little-endian number at an offset, 0 outside.
  func word(at offset: Int) -> UInt32 {
    (0..<4).reduce(0) { value, index in
      indices.contains(offset + index)
        ? value | UInt32(self[offset + index]) << UInt32(8 * index) : value
    }
  }

  /// Overwrites bytes from an offset, as far as they fit.
  mutating func put(_ bytes: [UInt8], at offset: Int) {
    for (index, byte) in bytes.enumerated() where indices.contains(offset + index) {
      self[offset + index] = byte
    }
  }
}
