package import HostKernel
package import SystemPackage

/// A host kernel whose N-th call fails; every other call goes to the kernel it wraps.
///
/// Counted are the calls that can fail: all but `close` and `unmap`. A failed call does nothing.
package final class FaultInjectingKernel: HostKernel {
  private struct State {
    var calls = 0
    var failing: Int?
    var error: Errno
  }

  private let wrapped: any HostKernel
  private let state: Locked<State>

  /// Fails call number `failing`, counted from 1, with `error`; nil lets all calls through.
  package init(_ wrapped: any HostKernel, failing: Int?, with error: Errno) {
    self.wrapped = wrapped
    state = Locked(State(failing: failing, error: error))
  }

  /// How many calls that can fail were made, the failed one included.
  package var callCount: Int { state.withLock { $0.calls } }

  /// Whether the call to fail has come.
  package var hasFailed: Bool {
    state.withLock { state in
      guard let failing = state.failing else { return false }
      return state.calls >= failing
    }
  }

  private func count() throws(Errno) {
    try state.withLock { state throws(Errno) in
      state.calls += 1
      if state.calls == state.failing { throw state.error }
    }
  }

  package func open(_ path: String, _ access: FileAccess) throws(Errno) -> Int32 {
    try count()
    return try wrapped.open(path, access)
  }

  package func close(_ descriptor: Int32) { wrapped.close(descriptor) }

  package func control(
    _ descriptor: Int32, _ request: UInt, _ argument: inout MutableRawSpan
  ) throws(Errno) -> Int32 {
    try count()
    return try wrapped.control(descriptor, request, &argument)
  }

  package func control(
    _ descriptor: Int32, _ request: UInt, value: UInt
  ) throws(Errno) -> Int32 {
    try count()
    return try wrapped.control(descriptor, request, value: value)
  }

  package func read(
    _ descriptor: Int32, into buffer: inout MutableRawSpan, at offset: UInt64
  ) throws(Errno) -> Int {
    try count()
    return try wrapped.read(descriptor, into: &buffer, at: offset)
  }

  package func write(
    _ descriptor: Int32, from buffer: RawSpan, at offset: UInt64
  ) throws(Errno) -> Int {
    try count()
    return try wrapped.write(descriptor, from: buffer, at: offset)
  }

  package func map(_ request: MappingRequest) throws(Errno) -> UInt {
    try count()
    return try wrapped.map(request)
  }

  package func unmap(address: UInt, length: Int) {
    wrapped.unmap(address: address, length: length)
  }

  package func makeEventDescriptor() throws(Errno) -> Int32 {
    try count()
    return try wrapped.makeEventDescriptor()
  }

  package func status(of path: String) throws(Errno) -> FileStatus {
    try count()
    return try wrapped.status(of: path)
  }

  package func entries(of directory: String) throws(Errno) -> [String] {
    try count()
    return try wrapped.entries(of: directory)
  }

  package func link(at path: String) throws(Errno) -> String {
    try count()
    return try wrapped.link(at: path)
  }

  package func contents(of path: String) throws(Errno) -> [UInt8] {
    try count()
    return try wrapped.contents(of: path)
  }
}
