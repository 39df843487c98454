import CLinux
import Glibc
import HostKernel
import PCI
import SimulatedKernel
import SystemPackage
import Testing

/// A simulated host with the fixtures that the contract names, and the calls a client makes.
final class ContractHost: Sendable {
  static let a0 = PCIAddress("0000:81:00.0") ?? missing
  static let a1 = PCIAddress("0000:81:00.1") ?? missing
  static let s0 = PCIAddress("0000:82:00.0") ?? missing
  static let s1 = PCIAddress("0000:82:00.1") ?? missing
  static let n = PCIAddress("0000:83:00.0") ?? missing
  static let b0 = PCIAddress("0000:85:00.0") ?? missing
  static let b1 = PCIAddress("0000:85:01.0") ?? missing
  static let r = PCIAddress("0000:00:05.0") ?? missing
  static let m = PCIAddress("0000:86:00.0") ?? missing
  static let p = PCIAddress("0000:87:00.0") ?? missing
  private static let missing = PCIAddress(bus: 0, devfn: 0)

  let kernel: SimulatedKernel
  let messages: Locked<[String]>
  private let pages = Locked<[(address: UInt, length: Int)]>([])

  init(
    _ machine: String = "contract", change: (inout HostDescription) -> Void = { _ in }
  ) throws {
    var description = try HostDescription(contentsOf: machineFile(machine))
    change(&description)
    let messages = Messages()
    self.messages = Locked([])
    kernel = SimulatedKernel(description) { line in messages.add(line) }
    lines = messages
  }

  private let lines: Messages
  /// What the host said of commands that it does not model.
  var reports: [String] { lines.all }

  deinit {
    for page in pages.withLock({ $0 }) {
      MemoryCalls.unmap(address: page.address, length: page.length)
    }
  }

  /// Anonymous memory of the caller, page aligned.
  func memory(pages count: Int = 4, isWritable: Bool = true) throws -> UInt64 {
    let request = MappingRequest(
      descriptor: nil, length: 4096 * count, isWritable: isWritable)
    let address = try MemoryCalls.map(request)
    pages.withLock { $0.append((address, 4096 * count)) }
    return UInt64(address)
  }

  /// An address at which nothing is mapped.
  func hole() throws -> UInt64 {
    let address = try MemoryCalls.map(MappingRequest(descriptor: nil, length: 16 * 4096))
    MemoryCalls.unmap(address: address, length: 16 * 4096)
    return UInt64(address)
  }

  // MARK: Opening

  func open(_ path: String) throws(Errno) -> Int32 { try kernel.open(path, .readWrite) }

  func iommufd() throws(Errno) -> Int32 { try open("/dev/iommu") }

  func container() throws(Errno) -> Int32 { try open("/dev/vfio/vfio") }

  func group(_ number: Int) throws(Errno) -> Int32 { try open("/dev/vfio/\(number)") }

  /// The device's own node, found through sysfs.
  func node(_ address: PCIAddress) throws(Errno) -> Int32 {
    let names = try kernel.entries(of: "/sys/bus/pci/devices/\(address)/vfio-dev")
    return try open("/dev/vfio/devices/\(names.first ?? "missing")")
  }

  func close(_ descriptor: Int32) { kernel.close(descriptor) }

  // MARK: Calls

  /// Issues a call on bytes.
  @discardableResult
  func call(_ descriptor: Int32, _ request: Int32, _ bytes: inout [UInt8]) throws(Errno) -> Int32 {
    try kernel.control(descriptor, UInt(request), on: &bytes)
  }

  /// Issues a call on words of 32 bits and gives them back.
  @discardableResult
  func call(_ descriptor: Int32, _ request: Int32, _ words: [UInt32]) throws(Errno) -> [UInt32] {
    var bytes = Self.bytes(words)
    try call(descriptor, request, &bytes)
    return Self.words(bytes)
  }

  @discardableResult
  func call(_ descriptor: Int32, _ request: Int32, value: UInt = 0) throws(Errno) -> Int32 {
    try kernel.control(descriptor, UInt(request), value: value)
  }

  static func bytes(_ words: [UInt32]) -> [UInt8] {
    words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
  }

  static func words(_ bytes: [UInt8]) -> [UInt32] {
    stride(from: 0, to: bytes.count - 3, by: 4).map { place in
      (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[place + $1]) << (8 * UInt32($1)) }
    }
  }

  // MARK: iommufd

  func allocateIOAS(_ iommufd: Int32) throws(Errno) -> UInt32 {
    try call(iommufd, IOMMU_IOAS_ALLOC, [12, 0, 0])[2]
  }

  func destroy(_ iommufd: Int32, _ identifier: UInt32) throws(Errno) {
    try call(iommufd, IOMMU_DESTROY, [8, identifier])
  }

  @discardableResult
  func bind(_ device: Int32, _ iommufd: Int32) throws(Errno) -> UInt32 {
    try call(device, VFIO_DEVICE_BIND_IOMMUFD, [24, 0, UInt32(bitPattern: iommufd), 0, 0, 0])[3]
  }

  @discardableResult
  func attach(_ device: Int32, _ identifier: UInt32) throws(Errno) -> UInt32 {
    try call(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, [12, 0, identifier])[2]
  }

  func detach(_ device: Int32) throws(Errno) {
    try call(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, [8, 0])
  }

  func allocateTable(
    _ iommufd: Int32, _ device: UInt32, _ parent: UInt32, flags: UInt32 = 0
  ) throws(Errno) -> UInt32 {
    var command = [UInt32](repeating: 0, count: 12)
    command[0] = 48
    command[1] = flags
    command[2] = device
    command[3] = parent
    return try call(iommufd, IOMMU_HWPT_ALLOC, command)[4]
  }

  @discardableResult
  func map(
    _ iommufd: Int32, _ ioas: UInt32, _ address: UInt64, length: UInt64 = 4096,
    at iova: UInt64? = nil, flags: UInt32 = 6
  ) throws(Errno) -> UInt64 {
    var command = iommu_ioas_map()
    command.size = 40
    command.flags = flags | (iova == nil ? 0 : 1)
    command.ioas_id = ioas
    command.user_va = address
    command.length = length
    command.iova = iova ?? 0
    try kernel.control(iommufd, UInt(IOMMU_IOAS_MAP), on: &command)
    return command.iova
  }

  func unmap(
    _ iommufd: Int32, _ ioas: UInt32, at iova: UInt64, length: UInt64
  ) throws(Errno) -> UInt64 {
    var command = iommu_ioas_unmap(size: 24, ioas_id: ioas, iova: iova, length: length)
    try kernel.control(iommufd, UInt(IOMMU_IOAS_UNMAP), on: &command)
    return command.length
  }

  /// A device bound to a context, as a descriptor and an object.
  struct Bound {
    var descriptor: Int32
    var identifier: UInt32
  }

  func bound(_ address: PCIAddress, _ iommufd: Int32) throws(Errno) -> Bound {
    let descriptor = try node(address)
    return Bound(descriptor: descriptor, identifier: try bind(descriptor, iommufd))
  }

  // MARK: Groups

  /// A group with a native container, or an iommufd in its place.
  func usableGroup(
    _ number: Int, container: Int32, backend: UInt? = 3
  ) throws(Errno) -> Int32 {
    let group = try group(number)
    try setContainer(group, container)
    if let backend { try call(container, VFIO_SET_IOMMU, value: backend) }
    return group
  }

  func setContainer(_ group: Int32, _ container: Int32) throws(Errno) {
    try call(group, VFIO_GROUP_SET_CONTAINER, [UInt32(bitPattern: container)])
  }

  func device(_ group: Int32, _ name: String) throws(Errno) -> Int32 {
    var bytes = Array(name.utf8) + [0]
    return try call(group, VFIO_GROUP_GET_DEVICE_FD, &bytes)
  }

  // MARK: Devices

  func read(_ device: Int32, _ offset: UInt64, count: Int) throws(Errno) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xEE, count: count)
    var elements = bytes.mutableSpan
    var span = unsafe elements.mutableBytes
    let done = try kernel.read(device, into: &span, at: offset)
    return Array(bytes.prefix(done))
  }

  @discardableResult
  func write(_ device: Int32, _ offset: UInt64, _ bytes: [UInt8]) throws(Errno) -> Int {
    try unsafe kernel.write(device, from: bytes.span.bytes, at: offset)
  }

  static let config: UInt64 = 7 << 40

  func config(_ device: Int32, _ offset: Int, width: Int) throws(Errno) -> UInt64 {
    try read(device, Self.config + UInt64(offset), count: width).reversed()
      .reduce(0) { $0 << 8 | UInt64($1) }
  }

  func setConfig(_ device: Int32, _ offset: Int, _ value: UInt64, width: Int) throws(Errno) {
    let bytes = (0..<width).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
    try write(device, Self.config + UInt64(offset), bytes)
  }

  @discardableResult
  func setInterrupts(
    _ device: Int32, index: Int32, flags: Int32, start: UInt32 = 0, events: [Int32]
  ) throws(Errno) -> Int32 {
    var bytes = Self.bytes(
      [
        UInt32(20 + 4 * events.count), UInt32(flags | VFIO_IRQ_SET_DATA_EVENTFD), UInt32(index),
        start, UInt32(events.count),
      ] + events.map { UInt32(bitPattern: $0) })
    return try call(device, VFIO_DEVICE_SET_IRQS, &bytes)
  }

  func setInterrupts(
    _ device: Int32, index: Int32, flags: Int32, start: UInt32 = 0, count: UInt32
  ) throws(Errno) {
    try call(
      device, VFIO_DEVICE_SET_IRQS,
      [20, UInt32(flags | VFIO_IRQ_SET_DATA_NONE), UInt32(index), start, count])
  }

  func setInterrupts(
    _ device: Int32, index: Int32, flags: Int32, start: UInt32 = 0, switches: [UInt8]
  ) throws(Errno) {
    var bytes =
      Self.bytes(
        [
          UInt32(20 + switches.count), UInt32(flags | VFIO_IRQ_SET_DATA_BOOL), UInt32(index),
          start, UInt32(switches.count),
        ]) + switches
    try call(device, VFIO_DEVICE_SET_IRQS, &bytes)
  }

  func event() throws(Errno) -> Int32 { try kernel.makeEventDescriptor() }

  /// Flags, and number, address of each entry of the hot-reset information.
  func hotResetInfo(
    _ device: Int32
  ) throws(Errno) -> (flags: UInt32, entries: [(number: UInt32, address: String)]) {
    let words = try call(
      device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, [12 + 8 * 16] + Array(repeating: 0, count: 34))
    let entries = (0..<Int(words[2])).map { index in
      let place = words[4 + 2 * index]
      let devfn = UInt8(place >> 24)
      return (
        words[3 + 2 * index],
        PCIAddress(
          domain: UInt16(place & 0xFFFF), bus: UInt8(place >> 16 & 0xFF), devfn: devfn
        ).description
      )
    }
    return (words[1], entries)
  }

  func hotReset(_ device: Int32, _ descriptors: [Int32] = []) throws(Errno) {
    try call(
      device, VFIO_DEVICE_PCI_HOT_RESET,
      [UInt32(12 + 4 * descriptors.count), 0, UInt32(descriptors.count)]
        + descriptors.map { UInt32(bitPattern: $0) })
  }
}

/// Lines in the order they came.
final class Messages: Sendable {
  private let lines = Locked<[String]>([])

  func add(_ line: String) { lines.withLock { $0.append(line) } }

  var all: [String] { lines.withLock { $0 } }
}

/// The path of a file in `machines`.
func machineFile(_ name: String) -> String {
  let tests = #filePath.split(separator: "/").dropLast(3)
  return "/" + tests.joined(separator: "/") + "/machines/\(name).yaml"
}

/// Expects a call to fail with an errno.
func expect(
  _ error: Errno, _ what: Comment? = nil, location: SourceLocation = #_sourceLocation,
  _ body: () throws -> Void
) {
  #expect(throws: error, what, sourceLocation: location) { try body() }
}

/// One row of the contract's case tables.
struct ContractCase: Sendable, CustomTestStringConvertible {
  /// The row's number; nil for what the prose says.
  var number: Int?
  var text: String
  var body: @Sendable (ContractHost) throws -> Void

  init(
    _ number: Int?, _ text: String,
    _ body: @escaping @Sendable (ContractHost) throws -> Void
  ) {
    self.number = number
    self.text = text
    self.body = body
  }

  var testDescription: String { number.map { "\($0): \(text)" } ?? text }

  /// Runs the row on a fresh host and expects that closing all it opened leaves nothing.
  func run() throws {
    let host = try ContractHost()
    try body(host)
    for line in host.kernel.openObjects {
      let words = line.split(separator: " ")
      if words.first == "descriptor", let number = Int32(words[1].dropLast()) {
        host.close(number)
      }
    }
    #expect(host.kernel.openObjects == [], "\(testDescription) leaves something behind")
  }
}
