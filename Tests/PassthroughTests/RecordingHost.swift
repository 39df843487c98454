import CLinux
import HostKernel
import SimulatedKernel
import SystemPackage

/// The simulated host, with each `VFIO_DEVICE_SET_IRQS` noted.
final class RecordingHost: HostKernel {
  let kernel: SimulatedKernel
  private let log: BenchLog
  /// Says what an eventfd is for.
  private let describe: @Sendable (Int32) -> String
  /// Whether BARs smaller than a page can be mapped, as they can when they are alone in one.
  private let mapsSmallBARs: Bool
  /// Extended config space instead of the function's own, 4096 bytes of which the first 256 do not
  /// count.
  private let extendedConfig: [UInt8]?
  /// Where config space was written, in bytes.
  let configWrites = Locked([Range<Int>]())
  /// Where VFIO has config space.
  private static let configStart: UInt64 = 7 << 40
  /// The next calls about interrupts that fail.
  private let refusals = Locked([Errno?]())

  init(
    _ kernel: SimulatedKernel, log: BenchLog, mapsSmallBARs: Bool, extendedConfig: [UInt8]?,
    describe: @escaping @Sendable (Int32) -> String
  ) {
    self.extendedConfig = extendedConfig
    self.mapsSmallBARs = mapsSmallBARs
    self.kernel = kernel
    self.log = log
    self.describe = describe
  }

  func refuseInterrupts(_ errors: [Errno?]) { refusals.withLock { $0 = errors } }

  func control(
    _ descriptor: Int32, _ request: UInt, _ argument: inout MutableRawSpan
  ) throws(Errno) -> Int32 {
    if request == UInt(VFIO_DEVICE_SET_IRQS) {
      let words = unsafe argument.withUnsafeMutableBytes { bytes in
        (0..<bytes.count / 4).map { unsafe bytes.load(fromByteOffset: $0 * 4, as: Int32.self) }
      }
      let names = ["intx", "msi", "msix", "err", "req"]
      let action = words[1] & 8 != 0 ? "mask" : words[1] & 16 != 0 ? "unmask" : "trigger"
      let events = words[1] & 4 != 0 ? words[5...].map { $0 < 0 ? "-" : describe($0) } : ["none"]
      log.note(
        "host: \(names[Int(words[2])]) \(action) \(words[3])+\(words[4]) "
          + events.joined(separator: " "))
      let error: Errno? = refusals.withLock { $0.isEmpty ? nil : $0.removeFirst() }
      if let error { throw error }
    }
    let result = try kernel.control(descriptor, request, &argument)
    if request == UInt(VFIO_DEVICE_GET_REGION_INFO), mapsSmallBARs {
      unsafe argument.withUnsafeMutableBytes { bytes in
        var info = unsafe bytes.loadUnaligned(as: vfio_region_info.self)
        guard info.index < 6, info.size > 0, info.size < 4096 else { return }
        info.flags |= UInt32(VFIO_REGION_INFO_FLAG_MMAP)
        unsafe bytes.storeBytes(of: info, as: vfio_region_info.self)
      }
    }
    return result
  }

  func control(_ descriptor: Int32, _ request: UInt, value: UInt) throws(Errno) -> Int32 {
    if request == UInt(VFIO_DEVICE_RESET) { log.note("host: reset") }
    return try kernel.control(descriptor, request, value: value)
  }

  func open(_ path: String, _ access: FileAccess) throws(Errno) -> Int32 {
    try kernel.open(path, access)
  }
  func close(_ descriptor: Int32) { kernel.close(descriptor) }
  func read(
    _ descriptor: Int32, into buffer: inout MutableRawSpan, at offset: UInt64
  ) throws(Errno) -> Int {
    let count = try kernel.read(descriptor, into: &buffer, at: offset)
    guard let extendedConfig, offset >= Self.configStart, offset < Self.configStart + 4096 else {
      return count
    }
    unsafe buffer.withUnsafeMutableBytes { bytes in
      for index in 0..<count {
        let place = Int(offset - Self.configStart) + index
        if place >= 0x100, place < 4096 { unsafe bytes[index] = extendedConfig[place] }
      }
    }
    return count
  }
  func write(
    _ descriptor: Int32, from buffer: RawSpan, at offset: UInt64
  ) throws(Errno) -> Int {
    if offset >= Self.configStart, offset < Self.configStart + 4096 {
      let place = Int(offset - Self.configStart)
      let range = place..<place + buffer.byteCount
      configWrites.withLock { $0.append(range) }
    }
    return try kernel.write(descriptor, from: buffer, at: offset)
  }
  func read(_ descriptor: Int32, into buffer: inout MutableRawSpan) throws(Errno) -> Int {
    try kernel.read(descriptor, into: &buffer)
  }
  func write(_ descriptor: Int32, from buffer: RawSpan) throws(Errno) -> Int {
    try kernel.write(descriptor, from: buffer)
  }
  func map(_ request: MappingRequest) throws(Errno) -> UInt {
    // A small BAR's page is any page.
    let page = MappingRequest(descriptor: nil, length: 4096)
    return try kernel.map(mapsSmallBARs && request.length < 4096 ? page : request)
  }
  func unmap(address: UInt, length: Int) { kernel.unmap(address: address, length: length) }
  func makeEventDescriptor() throws(Errno) -> Int32 { try kernel.makeEventDescriptor() }
  func status(of path: String) throws(Errno) -> FileStatus { try kernel.status(of: path) }
  func entries(of directory: String) throws(Errno) -> [String] {
    try kernel.entries(of: directory)
  }
  func link(at path: String) throws(Errno) -> String { try kernel.link(at: path) }
  func contents(of path: String) throws(Errno) -> [UInt8] { try kernel.contents(of: path) }
}
