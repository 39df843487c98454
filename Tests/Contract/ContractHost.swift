internal import CLinux
internal import Glibc
package import HostKernel
internal import PCI
internal import SystemPackage

/// A host with the fixtures that the contract names, and the calls that a client makes on it.
///
/// What a case opens and maps through it is closed by `close()` when the case has ended.
package final class ContractHost: Sendable {
  package let platform: any ContractPlatform
  private let opened = Locked<[Int32]>([])
  private let pages = Locked<[(address: UInt, length: Int)]>([])

  package init(_ platform: any ContractPlatform) { self.platform = platform }

  package var kernel: any HostKernel { platform.kernel }

  /// Closes and unmaps everything, newest first.
  package func closeAll() {
    for page in pages.withLock({ $0 }).reversed() {
      kernel.unmap(address: page.address, length: page.length)
    }
    for descriptor in opened.withLock({ $0 }).reversed() { kernel.close(descriptor) }
    pages.withLock { $0 = [] }
    opened.withLock { $0 = [] }
  }

  // MARK: Where things are

  func address(_ fixture: Fixture) throws -> PCIAddress { try platform.fixtures[fixture] }

  /// The number of a function's IOMMU group, from sysfs.
  func groupNumber(_ fixture: Fixture) throws -> Int {
    let link = try kernel.link(at: "/sys/bus/pci/devices/\(address(fixture))/iommu_group")
    guard let number = link.split(separator: "/").last.flatMap({ Int($0) }) else {
      throw ContractFailure("no group number in \(link)")
    }
    return number
  }

  // MARK: Memory

  /// Anonymous memory of the caller, page aligned.
  func memory(pages count: Int = 4, isWritable: Bool = true) throws -> UInt64 {
    let request = MappingRequest(
      descriptor: nil, length: 4096 * count, isWritable: isWritable)
    return UInt64(try map(request))
  }

  /// Maps and remembers the mapping; `unmap` ends it before the case does.
  func map(_ request: MappingRequest) throws(Errno) -> UInt {
    let address = try kernel.map(request)
    pages.withLock { $0.append((address, request.length)) }
    return address
  }

  /// Ends a mapping of `map`.
  func unmap(_ address: UInt) {
    let length: Int? = pages.withLock { pages in
      guard let index = pages.firstIndex(where: { $0.address == address }) else { return nil }
      return pages.remove(at: index).length
    }
    if let length { kernel.unmap(address: address, length: length) }
  }

  /// An address at which nothing is mapped.
  func hole() throws -> UInt64 {
    let address = try kernel.map(MappingRequest(descriptor: nil, length: 16 * 4096))
    kernel.unmap(address: address, length: 16 * 4096)
    return UInt64(address)
  }

  // MARK: Opening

  func open(_ path: String) throws(Errno) -> Int32 { try adopt(kernel.open(path, .readWrite)) }

  /// Has a descriptor closed when the case ends.
  func adopt(_ descriptor: Int32) -> Int32 {
    opened.withLock { $0.append(descriptor) }
    return descriptor
  }

  /// Closes a descriptor before the case ends.
  func close(_ descriptor: Int32) {
    let isKnown = opened.withLock { opened in
      guard let index = opened.lastIndex(of: descriptor) else { return false }
      opened.remove(at: index)
      return true
    }
    if isKnown { kernel.close(descriptor) }
  }

  func iommufd() throws(Errno) -> Int32 { try open("/dev/iommu") }

  func container() throws(Errno) -> Int32 { try open("/dev/vfio/vfio") }

  /// The node of a function's group.
  func group(_ fixture: Fixture) throws -> Int32 {
    let prefix = fixture == .z0 || fixture == .z1 ? "noiommu-" : ""
    return try open("/dev/vfio/\(prefix)\(groupNumber(fixture))")
  }

  /// A function's own node, found through sysfs.
  func node(_ fixture: Fixture) throws -> Int32 {
    let names = try kernel.entries(
      of: "/sys/bus/pci/devices/\(address(fixture))/vfio-dev")
    return try open("/dev/vfio/devices/\(names.first ?? "missing")")
  }

  /// A descriptor of an ordinary file.
  func regularFile() throws(Errno) -> Int32 {
    adopt(try kernel.open("/proc/self/exe", .readOnly))
  }

  /// A number that no descriptor has.
  var closedDescriptor: Int32 { 1000 }

  func event() throws(Errno) -> Int32 { adopt(try kernel.makeEventDescriptor()) }

  /// How often an eventfd was signalled since it was last asked.
  func signals(_ event: Int32) -> UInt64 {
    var count: UInt64 = 0
    let result = unsafe withUnsafeMutableBytes(of: &count) { bytes in
      unsafe Glibc.read(event, bytes.baseAddress, 8)
    }
    return result == 8 ? count : 0
  }

  // MARK: Calls

  /// Issues a call on bytes.
  @discardableResult
  func call(_ descriptor: Int32, _ request: Int32, _ bytes: inout [UInt8]) throws(Errno) -> Int32 {
    try kernel.control(descriptor, UInt(UInt32(bitPattern: request)), on: &bytes)
  }

  /// Issues a call on words of 32 bits and gives them back.
  @discardableResult
  func call(_ descriptor: Int32, _ request: Int32, _ words: [UInt32]) throws(Errno) -> [UInt32] {
    var bytes = Self.bytes(words)
    try call(descriptor, request, &bytes)
    return Self.words(bytes)
  }

  /// Issues a call on a plain value, or on a structure at an address of the caller's memory.
  @discardableResult
  func call(_ descriptor: Int32, _ request: Int32, value: UInt = 0) throws(Errno) -> Int32 {
    try kernel.control(descriptor, UInt(UInt32(bitPattern: request)), value: value)
  }

  static func bytes(_ words: [UInt32]) -> [UInt8] {
    words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
  }

  static func words(_ bytes: [UInt8]) -> [UInt32] {
    stride(from: 0, to: bytes.count - 3, by: 4).map { place in
      (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[place + $1]) << (8 * UInt32($1)) }
    }
  }
}
