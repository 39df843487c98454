import HostKernel
import SystemPackage

/// The real host, except that one call fails when told to, and that it knows what is open and mapped.
final class FailingKernel: HostKernel {
  private struct State {
    var calls = 0
    var failingCall: Int?
    var failingRequest: UInt?
    var error: Errno = .ioError
    var openDescriptors: Set<Int32> = []
    var mappings: Set<UInt> = []
  }

  private let linux = LinuxKernel()
  private let state = Locked(State())

  /// Fails the call after `failingCall` others.
  init(failingCall: Int? = nil, with error: Errno = .ioError) {
    state.withLock {
      $0.failingCall = failingCall
      $0.error = error
    }
  }

  /// How many calls were made.
  var calls: Int { state.withLock { $0.calls } }

  /// What is left open or mapped.
  var leftovers: Int { state.withLock { $0.openDescriptors.count + $0.mappings.count } }

  /// Fails every ioctl with this number from now on; nil ends that.
  func fail(_ request: UInt?, with error: Errno) {
    state.withLock {
      $0.failingRequest = request
      $0.error = error
    }
  }

  private func call(_ request: UInt? = nil) throws(Errno) {
    let error: Errno? = state.withLock { state in
      state.calls += 1
      let isChosen = state.calls - 1 == state.failingCall
      let isNumber = request != nil && request == state.failingRequest
      return isChosen || isNumber ? state.error : nil
    }
    if let error { throw error }
  }

  /// Notes a descriptor that the host gave; ioctls that make one are known by their numbers.
  private func note(_ descriptor: Int32) -> Int32 {
    state.withLock { _ = $0.openDescriptors.insert(descriptor) }
    return descriptor
  }

  func open(_ path: String, _ access: FileAccess) throws(Errno) -> Int32 {
    try call()
    return note(try linux.open(path, access))
  }

  func close(_ descriptor: Int32) {
    state.withLock { _ = $0.openDescriptors.remove(descriptor) }
    linux.close(descriptor)
  }

  func control(
    _ descriptor: Int32, _ request: UInt, _ argument: inout MutableRawSpan
  ) throws(Errno) -> Int32 {
    try call(request)
    return try linux.control(descriptor, request, &argument)
  }

  func control(_ descriptor: Int32, _ request: UInt, value: UInt) throws(Errno) -> Int32 {
    try call(request)
    let result = try linux.control(descriptor, request, value: value)
    // KVM_CREATE_VM and KVM_CREATE_VCPU.
    return [0xae01, 0xae41].contains(request) ? note(result) : result
  }

  func read(_ descriptor: Int32, into buffer: inout MutableRawSpan) throws(Errno) -> Int {
    try call()
    return try linux.read(descriptor, into: &buffer)
  }

  func write(_ descriptor: Int32, from buffer: RawSpan) throws(Errno) -> Int {
    try call()
    return try linux.write(descriptor, from: buffer)
  }

  func map(_ request: MappingRequest) throws(Errno) -> UInt {
    try call()
    let address = try linux.map(request)
    state.withLock { _ = $0.mappings.insert(address) }
    return address
  }

  func unmap(address: UInt, length: Int) {
    state.withLock { _ = $0.mappings.remove(address) }
    linux.unmap(address: address, length: length)
  }

  func read(
    _ descriptor: Int32, into buffer: inout MutableRawSpan, at offset: UInt64
  ) throws(Errno) -> Int { throw .noFunction }
  func write(
    _ descriptor: Int32, from buffer: RawSpan, at offset: UInt64
  ) throws(Errno) -> Int { throw .noFunction }
  func makeEventDescriptor() throws(Errno) -> Int32 { throw .noFunction }
  func status(of path: String) throws(Errno) -> FileStatus { throw .noFunction }
  func entries(of directory: String) throws(Errno) -> [String] { throw .noFunction }
  func link(at path: String) throws(Errno) -> String { throw .noFunction }
  func contents(of path: String) throws(Errno) -> [UInt8] { throw .noFunction }
}
