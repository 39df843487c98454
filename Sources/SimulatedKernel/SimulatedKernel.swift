internal import CLinux
internal import Glibc
package import HostKernel
package import SystemPackage

/// A Linux host built from a description: the same calls, structures, errnos and order of checks as
/// Linux 7.2, for its PCI functions, VFIO and iommufd.
///
/// `/sys`, `/dev/vfio`, `/dev/iommu` and `/dev/kvm` are the simulated host's. Machines of its KVM only
/// know the VFIO device, unless the host runs guests: then KVM is the real one, all but its VFIO
/// device. Every other path is the real host's. One lock holds all state.
package final class SimulatedKernel: HostKernel {
  private let locked: LockedHost
  private let real = LinuxKernel()
  private let watcher = EventWatcher()

  /// Builds the host. `report` gets one line for each command that is not modelled and for each
  /// function's first DMA fault; it is called with the lock held.
  package init(
    _ description: HostDescription, runsGuests: Bool = false,
    report: @escaping @Sendable (String) -> Void = SimulatedKernel.reportOnStandardError
  ) {
    locked = LockedHost(description, runsGuests: runsGuests, report: report)
  }

  deinit {
    watcher.stop()
    locked.state.withLock { $0.closeAll() }
  }

  /// Writes a line to descriptor 2.
  package static let reportOnStandardError: @Sendable (String) -> Void = { line in
    let bytes = Array("\(line)\n".utf8)
    _ = unsafe bytes.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress else { return Int64(0) }
      return unsafe clinux_write(2, base, buffer.count)
    }
  }

  // MARK: Files

  package func open(_ path: String, _ access: FileAccess) throws(Errno) -> Int32 {
    guard Self.isSimulated(path) else { return try real.open(path, access) }
    return try locked.state.withLock { host throws(Errno) in
      guard path.hasPrefix("/sys") else { return try host.open(path, access) }
      let contents = try host.sysfs.contents(of: path)
      guard access == .readOnly else { throw Errno.eacces }
      return try host.files.add(AttributeFile(contents: contents), named: path)
    }
  }

  package func close(_ descriptor: Int32) {
    locked.state.withLock { $0.close(descriptor) }
  }

  package func makeEventDescriptor() throws(Errno) -> Int32 {
    let descriptor = try EventDescriptor.make()
    locked.state.withLock { $0.files.add(EventFile(descriptor), as: descriptor) }
    return descriptor
  }

  // MARK: Calls

  package func control(
    _ descriptor: Int32, _ request: UInt, _ argument: inout MutableRawSpan
  ) throws(Errno) -> Int32 {
    let bytes = UserMemory.bytes(of: argument)
    let answer: Answer? = locked.state.withLock { host in
      var argument = UserArgument(bytes: bytes)
      guard let file = host.files[descriptor], file.answers(request, argument) else { return nil }
      let result = Self.attempt { () throws(Errno) in
        try file.control(request, &argument, on: host)
      }
      return Answer(
        bytes: argument.crossedBytes ?? [], result: result,
        hasNewWatchedEvent: host.takeNewWatchedEvent())
    }
    guard let answer else { return try real.control(descriptor, request, &argument) }
    if answer.hasNewWatchedEvent { watcher.wake(locked) }
    UserMemory.copy(answer.bytes, into: &argument)
    return try answer.result.get()
  }

  package func control(
    _ descriptor: Int32, _ request: UInt, value: UInt
  ) throws(Errno) -> Int32 {
    // No file of the model enters a guest, so entries and exits are spared the lock.
    guard request != Self.runVirtualCPU else {
      return try real.control(descriptor, request, value: value)
    }
    let answer: Answer? = locked.state.withLock { host in
      var argument = UserArgument(address: UInt64(value))
      guard let file = host.files[descriptor], file.answers(request, argument) else { return nil }
      let result = Self.attempt { () throws(Errno) in
        try file.control(request, &argument, on: host)
      }
      return Answer(bytes: [], result: result, hasNewWatchedEvent: host.takeNewWatchedEvent())
    }
    guard let answer else {
      let result = try real.control(descriptor, request, value: value)
      locked.state.withLock { host in
        host.files[descriptor]?.made(result, by: request, on: host)
      }
      return result
    }
    if answer.hasNewWatchedEvent { watcher.wake(locked) }
    return try answer.result.get()
  }

  package func read(
    _ descriptor: Int32, into buffer: inout MutableRawSpan, at offset: UInt64
  ) throws(Errno) -> Int {
    let count = buffer.byteCount
    let result: Result<[UInt8], Errno>? = locked.state.withLock { host in
      guard let file = host.files[descriptor] else { return nil }
      return Self.attempt { () throws(Errno) in
        try file.read(count, at: offset, on: host)
      }
    }
    guard let result else { return try real.read(descriptor, into: &buffer, at: offset) }
    let bytes = try result.get()
    UserMemory.copy(bytes, into: &buffer)
    return bytes.count
  }

  package func write(
    _ descriptor: Int32, from buffer: RawSpan, at offset: UInt64
  ) throws(Errno) -> Int {
    let bytes = UserMemory.bytes(of: buffer)
    let result: Result<Int, Errno>? = locked.state.withLock { host in
      guard let file = host.files[descriptor] else { return nil }
      return Self.attempt { () throws(Errno) in
        try file.write(bytes, at: offset, on: host)
      }
    }
    guard let result else { return try real.write(descriptor, from: buffer, at: offset) }
    return try result.get()
  }

  package func read(
    _ descriptor: Int32, into buffer: inout MutableRawSpan
  ) throws(Errno) -> Int {
    let count = buffer.byteCount
    let result: Result<[UInt8], Errno>? = locked.state.withLock { host in
      guard let file = host.files[descriptor], !(file is EventFile) else { return nil }
      return Self.attempt { () throws(Errno) in try file.read(count, on: host) }
    }
    guard let result else { return try real.read(descriptor, into: &buffer) }
    let bytes = try result.get()
    UserMemory.copy(bytes, into: &buffer)
    return bytes.count
  }

  package func write(_ descriptor: Int32, from buffer: RawSpan) throws(Errno) -> Int {
    let bytes = UserMemory.bytes(of: buffer)
    let result: Result<Int, Errno>? = locked.state.withLock { host in
      guard let file = host.files[descriptor], !(file is EventFile) else { return nil }
      return Self.attempt { () throws(Errno) in try file.write(bytes, on: host) }
    }
    guard let result else { return try real.write(descriptor, from: buffer) }
    return try result.get()
  }

  package func map(_ request: MappingRequest) throws(Errno) -> UInt {
    guard let descriptor = request.descriptor else { return try MemoryCalls.map(request) }
    return try locked.state.withLock { host throws(Errno) in
      guard let file = host.files[descriptor] else { return try MemoryCalls.map(request) }
      return try host.map(request, of: file)
    }
  }

  package func unmap(address: UInt, length: Int) {
    locked.state.withLock { $0.unmap(address: address, length: length) }
  }

  /// `KVM_RUN`.
  private static let runVirtualCPU: UInt = 0xAE80

  private struct Answer {
    var bytes: [UInt8]
    var result: Result<Int32, Errno>
    var hasNewWatchedEvent: Bool
  }

  private static func attempt<Value>(
    _ body: () throws(Errno) -> Value
  ) -> Result<Value, Errno> {
    do throws(Errno) {
      return .success(try body())
    } catch {
      return .failure(error)
    }
  }

  // MARK: sysfs and nodes

  package func status(of path: String) throws(Errno) -> FileStatus {
    guard Self.isSimulated(path) else { return try real.status(of: path) }
    return try locked.state.withLock { host throws(Errno) in
      if path.hasPrefix("/sys") {
        try host.sysfs.check(path)
        return FileStatus()
      }
      return FileStatus(device: try DeviceNumbers.number(of: path, on: host))
    }
  }

  package func entries(of directory: String) throws(Errno) -> [String] {
    // The other processes are no processes of the simulated host.
    if directory == "/proc" { return ["self"] }
    guard Self.isSimulated(directory) else { return try real.entries(of: directory) }
    return try locked.state.withLock { host throws(Errno) in
      directory.hasPrefix("/sys")
        ? try host.sysfs.entries(of: directory)
        : try DeviceNumbers.entries(of: directory, on: host)
    }
  }

  package func link(at path: String) throws(Errno) -> String {
    guard Self.isSimulated(path) else { return try real.link(at: path) }
    return try locked.state.withLock { host throws(Errno) in
      guard path.hasPrefix("/sys") else {
        _ = try DeviceNumbers.number(of: path, on: host)
        throw Errno.einval
      }
      return try host.sysfs.link(at: path)
    }
  }

  package func contents(of path: String) throws(Errno) -> [UInt8] {
    if path == "/proc/self/limits" { return limits(in: try real.contents(of: path)) }
    guard Self.isSimulated(path) else {
      return try real.contents(of: path) + addedFileInformation(for: path)
    }
    return try locked.state.withLock { host throws(Errno) in
      guard path.hasPrefix("/sys") else {
        _ = try DeviceNumbers.number(of: path, on: host)
        throw Errno.einval
      }
      return Array(try host.sysfs.contents(of: path).prefix(65536))
    }
  }

  /// What `/proc` says of this process's limits, with the simulated host's limit of locked memory.
  private func limits(in text: [UInt8]) -> [UInt8] {
    let limit = locked.state.withLock { $0.privileges.lockedMemoryLimit }
    let column = padded(limit.map { "\($0)" } ?? "unlimited", to: 21)
    let name = "Max locked memory"
    let lines = String(decoding: text, as: UTF8.self).split(
      separator: "\n", omittingEmptySubsequences: false)
    return Array(
      lines.map { line in
        line.hasPrefix(name) ? "\(padded(name, to: 26))\(column)\(column)bytes     " : String(line)
      }.joined(separator: "\n").utf8)
  }

  private func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.utf8.count))
  }

  /// The line that vfio adds to what `/proc` says of a device's descriptor (1.1 of the contract).
  private func addedFileInformation(for path: String) -> [UInt8] {
    let prefix = "/proc/self/fdinfo/"
    guard path.hasPrefix(prefix), let descriptor = Int32(path.dropFirst(prefix.count)) else {
      return []
    }
    return locked.state.withLock { host in
      guard let file = host.files[descriptor] as? VFIODeviceFile else { return [] }
      let directory = SysfsTree.directory(of: file.device.function, on: host)
      return Array("vfio-device-syspath: \(directory)\n".utf8)
    }
  }

  /// Whether a path is the simulated host's.
  private static func isSimulated(_ path: String) -> Bool {
    ["/sys", "/dev/vfio", "/dev/iommu", "/dev/kvm"].contains {
      path == $0 || path.hasPrefix($0 + "/")
    }
  }

  // MARK: Hooks

  /// Runs a change of the host with the lock held.
  func change<Value: Sendable>(
    _ body: (SimulatedHost) throws(Errno) -> Value
  ) throws(Errno) -> Value {
    try locked.state.withLock { host throws(Errno) in try body(host) }
  }
}
