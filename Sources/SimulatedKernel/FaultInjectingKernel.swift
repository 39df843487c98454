package import HostKernel
package import SystemPackage

/// What happens at one call of a `FaultInjectingKernel`.
package struct Fault: Sendable {
  /// Which calls count.
  package enum Point: Sendable, Hashable {
    /// Every call that can fail: all but `close` and `unmap`.
    case anyCall
    case open
    /// An ioctl by its request number.
    case control(UInt)
    case read
    case write
    case map
    case makeEvent
    /// A look at sysfs or at a node: `status`, `entries`, `link`, `contents`.
    case lookUp
  }

  package enum Effect: Sendable {
    /// The call fails and does nothing.
    case fail(Errno)
    /// Something happens on the host just before the call, which then goes on: an eventfd fires, a
    /// device vanishes, a driver is unbound.
    case first(@Sendable () -> Void)
  }

  package var point: Point
  /// The how many-th of these calls, counted from 1.
  package var occurrence: Int
  package var effect: Effect

  package init(_ point: Point, occurrence: Int, _ effect: Effect) {
    self.point = point
    self.occurrence = occurrence
    self.effect = effect
  }
}

/// A host kernel some of whose calls fail, or find the host changed; every other call goes to the
/// kernel it wraps.
package final class FaultInjectingKernel: HostKernel {
  private struct State {
    var counts: [Fault.Point: Int] = [:]
    /// The faults that have not come yet.
    var waiting: [Fault]
    let hadFaults: Bool
  }

  private let wrapped: any HostKernel
  private let state: Locked<State>

  /// Has each fault come once, at its call.
  package init(_ wrapped: any HostKernel, faults: [Fault]) {
    self.wrapped = wrapped
    state = Locked(State(waiting: faults, hadFaults: !faults.isEmpty))
  }

  /// Fails call number `failing`, counted from 1, with `error`; nil lets all calls through.
  package convenience init(_ wrapped: any HostKernel, failing: Int?, with error: Errno) {
    let faults = failing.map { [Fault(.anyCall, occurrence: $0, .fail(error))] }
    self.init(wrapped, faults: faults ?? [])
  }

  /// How many calls that can fail were made, the failed one included.
  package var callCount: Int { state.withLock { $0.counts[.anyCall] ?? 0 } }

  /// Whether there were faults and all of them have come.
  package var hasFailed: Bool {
    state.withLock { $0.waiting.isEmpty && $0.hadFaults }
  }

  private func count(_ point: Fault.Point) throws(Errno) {
    let due = state.withLock { state in
      for counted in [.anyCall, point] { state.counts[counted, default: 0] += 1 }
      let counts = state.counts
      let isDue = { (fault: Fault) in
        (fault.point == .anyCall || fault.point == point) && counts[fault.point] == fault.occurrence
      }
      let due = state.waiting.filter(isDue)
      state.waiting.removeAll(where: isDue)
      return due
    }
    for fault in due {
      switch fault.effect {
      case .fail(let error): throw error
      case .first(let change): change()
      }
    }
  }

  package func open(_ path: String, _ access: FileAccess) throws(Errno) -> Int32 {
    try count(.open)
    return try wrapped.open(path, access)
  }

  package func close(_ descriptor: Int32) { wrapped.close(descriptor) }

  package func control(
    _ descriptor: Int32, _ request: UInt, _ argument: inout MutableRawSpan
  ) throws(Errno) -> Int32 {
    try count(.control(request))
    return try wrapped.control(descriptor, request, &argument)
  }

  package func control(
    _ descriptor: Int32, _ request: UInt, value: UInt
  ) throws(Errno) -> Int32 {
    try count(.control(request))
    return try wrapped.control(descriptor, request, value: value)
  }

  package func read(
    _ descriptor: Int32, into buffer: inout MutableRawSpan, at offset: UInt64
  ) throws(Errno) -> Int {
    try count(.read)
    return try wrapped.read(descriptor, into: &buffer, at: offset)
  }

  package func write(
    _ descriptor: Int32, from buffer: RawSpan, at offset: UInt64
  ) throws(Errno) -> Int {
    try count(.write)
    return try wrapped.write(descriptor, from: buffer, at: offset)
  }

  package func read(
    _ descriptor: Int32, into buffer: inout MutableRawSpan
  ) throws(Errno) -> Int {
    try count(.read)
    return try wrapped.read(descriptor, into: &buffer)
  }

  package func write(_ descriptor: Int32, from buffer: RawSpan) throws(Errno) -> Int {
    try count(.write)
    return try wrapped.write(descriptor, from: buffer)
  }

  package func map(_ request: MappingRequest) throws(Errno) -> UInt {
    try count(.map)
    return try wrapped.map(request)
  }

  package func unmap(address: UInt, length: Int) {
    wrapped.unmap(address: address, length: length)
  }

  package func makeEventDescriptor() throws(Errno) -> Int32 {
    try count(.makeEvent)
    return try wrapped.makeEventDescriptor()
  }

  package func status(of path: String) throws(Errno) -> FileStatus {
    try count(.lookUp)
    return try wrapped.status(of: path)
  }

  package func entries(of directory: String) throws(Errno) -> [String] {
    try count(.lookUp)
    return try wrapped.entries(of: directory)
  }

  package func link(at path: String) throws(Errno) -> String {
    try count(.lookUp)
    return try wrapped.link(at: path)
  }

  package func contents(of path: String) throws(Errno) -> [UInt8] {
    try count(.lookUp)
    return try wrapped.contents(of: path)
  }
}
