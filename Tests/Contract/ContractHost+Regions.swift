internal import CLinux
internal import Glibc
internal import HostKernel
internal import SystemPackage

/// Regions and capabilities as a device describes them.
extension ContractHost {
  /// What `VFIO_DEVICE_GET_REGION_INFO` says.
  struct Region: Equatable {
    var index: UInt32
    var flags: UInt32
    var size: UInt64
    /// Where it starts in the device's file.
    var offset: UInt64

    var isMappable: Bool { flags & UInt32(VFIO_REGION_INFO_FLAG_MMAP) != 0 }
  }

  func region(_ device: Int32, _ index: UInt32) throws(Errno) -> Region {
    let words = try call(device, VFIO_DEVICE_GET_REGION_INFO, [32, 0, index, 0, 0, 0, 0, 0])
    return Region(
      index: index, flags: words[1], size: UInt64(words[4]) | UInt64(words[5]) << 32,
      offset: UInt64(words[6]) | UInt64(words[7]) << 32)
  }

  /// What a BAR decodes.
  enum Decoding: Equatable {
    case io
    case memory32
    case memory64
  }

  /// Where BAR `index` has its register in config space.
  static func register(ofBAR index: UInt32) -> Int { 0x10 + 4 * Int(index) }

  /// The BARs that a device has, with what they decode.
  func bars(_ device: Int32) throws(Errno) -> [(region: Region, decoding: Decoding)] {
    var found: [(region: Region, decoding: Decoding)] = []
    for index in 0..<6 as Range<UInt32> {
      let region = try region(device, index)
      if region.size == 0 { continue }
      let type = try config(device, Self.register(ofBAR: index), width: 4)
      found.append((region, type & 1 != 0 ? .io : type & 4 != 0 ? .memory64 : .memory32))
    }
    return found
  }

  /// The first BAR that can be mapped. Throws `ContractSkip` without one.
  func mappableBAR(_ device: Int32) throws -> Region {
    guard let bar = try bars(device).first(where: { $0.region.isMappable }) else {
      throw ContractSkip("the function has no BAR that can be mapped")
    }
    return bar.region
  }

  /// The index of a BAR that a device lacks, which is no upper half either. Throws `ContractSkip`.
  func absentBAR(_ device: Int32) throws -> UInt32 {
    let present = try bars(device)
    let taken = present.flatMap { bar in
      bar.decoding == .memory64 ? [bar.region.index, bar.region.index + 1] : [bar.region.index]
    }
    guard let absent = (0..<6 as Range<UInt32>).first(where: { !taken.contains($0) }) else {
      throw ContractSkip("the function has all six BARs")
    }
    return absent
  }

  /// The BAR and the range in it that holds the MSI-X table. Throws `ContractSkip` without MSI-X.
  func messageTable(_ device: Int32) throws -> (bar: Region, range: Range<UInt64>) {
    let offset = try require(device, .msix)
    let entries = try config(device, offset + 2, width: 2) & 0x7FF + 1
    let place = try config(device, offset + 4, width: 4)
    return (
      try region(device, UInt32(place & 7)), place & ~7..<(place & ~7) + entries * 16
    )
  }

  /// Memory decoding, a bit of the command register.
  func setMemoryDecoding(_ device: Int32, _ isOn: Bool) throws(Errno) {
    let command = try config(device, 4, width: 2)
    try setConfig(device, 4, isOn ? command | 2 : command & ~2, width: 2)
  }

  // MARK: Capabilities

  /// Identifiers of standard capabilities.
  enum StandardCapability: UInt64 {
    case powerManagement = 0x01
    case msi = 0x05
    case express = 0x10
    case msix = 0x11
  }

  /// The offset of a capability in what the device shows, or nil.
  func capability(_ device: Int32, _ identifier: StandardCapability) throws(Errno) -> Int? {
    guard try config(device, 6, width: 2) & 0x10 != 0 else { return nil }
    var offset = Int(try config(device, 0x34, width: 1)) & ~3
    for _ in 0..<48 where offset != 0 {
      let header = try config(device, offset, width: 2)
      if header & 0xFF == identifier.rawValue { return offset }
      offset = Int(header >> 8) & ~3
    }
    return nil
  }

  /// The offset of a capability. Throws `ContractSkip` for a function without it.
  func require(_ device: Int32, _ identifier: StandardCapability) throws -> Int {
    guard let offset = try capability(device, identifier) else {
      throw ContractSkip("the function has no \(identifier) capability")
    }
    return offset
  }

  /// Identifier and offset of each extended capability, in order; `read` gives 32 bits of a space of
  /// 4096 bytes.
  static func extendedCapabilities(
    _ read: (Int) throws -> UInt64
  ) rethrows -> [(identifier: UInt64, offset: Int)] {
    var found: [(identifier: UInt64, offset: Int)] = []
    var offset = 0x100
    while offset >= 0x100, found.count < 960 {
      let header = try read(offset)
      if header == 0 || header == 0xFFFF_FFFF { break }
      found.append((header & 0xFFFF, offset))
      offset = Int(header >> 20) & 0xFFC
    }
    return found
  }

  /// The first of some fixtures whose bound device is of use, with its descriptor; the others are
  /// closed. Throws `ContractSkip` when there is none.
  func firstBound(
    of fixtures: [Fixture], _ what: String, where isOfUse: (Int32) throws -> Bool
  ) throws -> (fixture: Fixture, device: Int32) {
    let iommufd = try iommufd()
    for fixture in fixtures where platform.fixtures.contains(fixture) {
      let device = try bound(fixture, iommufd).descriptor
      if try isOfUse(device) { return (fixture, device) }
      close(device)
    }
    throw ContractSkip("none of \(fixtures.map(\.rawValue).joined(separator: ", ")) has \(what)")
  }

  /// A device of a fixture, bound to a context of its own.
  func opened(_ fixture: Fixture) throws -> Int32 { try bound(fixture, iommufd()).descriptor }

  /// A virtual function, and its physical function, bound with one token that opening the latter
  /// chose.
  func openedVirtual(_ fixture: Fixture) throws -> Int32 {
    let iommufd = try iommufd()
    let token = try memory(pages: 1)
    var virtual: Int32 = -1
    for function in [Fixture.p, fixture] {
      virtual = try node(function)
      try call(
        virtual, VFIO_DEVICE_BIND_IOMMUFD,
        [
          24, UInt32(VFIO_DEVICE_BIND_FLAG_TOKEN), UInt32(bitPattern: iommufd), 0,
          UInt32(truncatingIfNeeded: token), UInt32(token >> 32),
        ])
    }
    return virtual
  }

  /// What `VFIO_DEVICE_GET_IRQ_INFO` says of an index.
  func interrupt(_ device: Int32, _ index: Int32) throws(Errno) -> (flags: UInt32, count: UInt32) {
    let words = try call(device, VFIO_DEVICE_GET_IRQ_INFO, [16, 0, UInt32(bitPattern: index), 0])
    return (words[1], words[3])
  }

  // MARK: sysfs

  /// Config space as the hardware has it.
  func hardwareConfig(_ fixture: Fixture) throws -> [UInt8] {
    try kernel.contents(of: "/sys/bus/pci/devices/\(address(fixture))/config")
  }

  /// The text of an attribute of a function, without the line's end.
  func attribute(_ name: String, of fixture: Fixture) throws -> String {
    let bytes = try kernel.contents(of: "/sys/bus/pci/devices/\(address(fixture))/\(name)")
    return String(decoding: bytes.last == 0x0A ? bytes.dropLast() : bytes[...], as: UTF8.self)
  }

  /// A register of 32 bits in BAR 0 that does nothing but keep the bits `mask`. Throws `ContractSkip`
  /// for a function of another kind.
  func scratchRegister(_ fixture: Fixture) throws -> (offset: UInt64, mask: UInt64) {
    try requireNVMe(fixture)
    // Sizes of the admin queues, while the controller is disabled.
    return (0x24, 0x0FFF_0FFF)
  }

  /// A register of 32 bits in BAR 0 that does nothing but keep the bits that are written as one until
  /// a reset. Throws `ContractSkip` for a function of another kind.
  func registerThatResetClears(_ fixture: Fixture) throws -> UInt64 {
    try requireNVMe(fixture)
    // Masks of interrupts.
    return 0x0C
  }

  private func requireNVMe(_ fixture: Fixture) throws {
    let kind = try attribute("class", of: fixture)
    guard kind == "0x010802" else {
      throw ContractSkip("no register is known that could be written: class \(kind)")
    }
  }

  // MARK: Memory

  /// Whether a byte of mapped memory can be touched; asks the kernel to copy from it, which answers
  /// `EFAULT` where a touch would raise `SIGBUS` or `SIGSEGV`.
  func isTouchable(_ address: UInt) throws(Errno) -> Bool {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { throw Errno(rawValue: errno) }
    defer { for end in ends { _ = clinux_close(end) } }
    guard let pointer = unsafe UnsafeRawPointer(bitPattern: address) else { return false }
    let result = unsafe clinux_write(ends[1], pointer, 4)
    guard result == 4 || result == -Int64(Errno.badAddress.rawValue) else {
      throw Errno(rawValue: Int32(truncatingIfNeeded: -result))
    }
    return result == 4
  }

  /// Sets 32 bits of the caller's memory.
  func setWord(_ word: UInt32, at address: UInt64) throws(Errno) {
    guard let pointer = unsafe UnsafeMutableRawPointer(bitPattern: UInt(address)) else {
      throw .badAddress
    }
    unsafe clinux_volatile_write(pointer, 4, UInt64(word))
  }

  /// Eventfds, each closed when the case ends.
  func events(_ count: Int) throws(Errno) -> [Int32] {
    var events: [Int32] = []
    for _ in 0..<count { events.append(try event()) }
    return events
  }

  /// Waits up to ten seconds for an eventfd to be signalled, and gives its count; 0 if it was not.
  func awaitSignals(_ event: Int32) -> UInt64 {
    var waiting = pollfd(fd: event, events: Int16(POLLIN), revents: 0)
    _ = unsafe poll(&waiting, 1, 10_000)
    return signals(event)
  }
}
