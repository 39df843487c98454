internal import CLinux
internal import Glibc
package import HostKernel
package import PCI
internal import SystemPackage

/// The Linux that this process runs on, as root in a machine of its own.
package final class LinuxPlatform: ContractPlatform {
  package let kernel: any HostKernel = LinuxKernel()
  package let fixtures: FixtureMap
  /// Functions whose driver a case changed.
  private let changed = Locked<Set<PCIAddress>>([])
  private let unbinding = Locked<[PCIAddress: BackgroundWork]>([:])
  private let parameters = Locked<[String: String]>([:])

  package init(_ fixtures: FixtureMap) { self.fixtures = fixtures }

  // MARK: Drivers

  package func setDriver(of function: PCIAddress, to driver: String?) throws {
    changed.withLock { _ = $0.insert(function) }
    let folder = "/sys/bus/pci/devices/\(function)"
    if let bound = Self.driver(of: function), bound != driver {
      try Self.write("\(function)", to: "/sys/bus/pci/drivers/\(bound)/unbind")
    }
    try Self.write("\(driver ?? "")\n", to: "\(folder)/driver_override")
    guard let driver, Self.driver(of: function) != driver else { return }
    try Self.write("\(function)", to: "/sys/bus/pci/drivers/\(driver)/bind")
  }

  package func startUnbinding(_ function: PCIAddress) throws {
    guard let driver = Self.driver(of: function) else {
      throw ContractFailure("\(function) has no driver to unbind")
    }
    changed.withLock { _ = $0.insert(function) }
    let work = BackgroundWork {
      try? Self.write("\(function)", to: "/sys/bus/pci/drivers/\(driver)/unbind")
    }
    unbinding.withLock { $0[function] = work }
    // The node of the device leaves before the kernel waits for the user.
    while Self.exists("/sys/bus/pci/devices/\(function)/vfio-dev") { sched_yield() }
  }

  package func finishUnbinding(_ function: PCIAddress) throws {
    unbinding.withLock { $0.removeValue(forKey: function) }?.join()
  }

  package func abandonVirtualFunctions(of function: PCIAddress) throws {
    throw ContractSkip("a driver that leaves takes its virtual functions along")
  }

  package func nativeDriver(of function: PCIAddress) throws -> String {
    let vendor = try Self.text(of: "/sys/bus/pci/devices/\(function)/vendor")
    let device = try Self.text(of: "/sys/bus/pci/devices/\(function)/device")
    switch (vendor, device) {
    case ("0x8086", "0x10d3"): return "e1000e"
    case ("0x8086", "0x10c9"): return "igb"
    case ("0x1b36", "0x0010"): return "nvme"
    default: throw ContractSkip("no driver is known for \(vendor):\(device)")
    }
  }

  // MARK: Wires

  /// Fixture R is QEMU's `edu`: its register 0x60 raises, 0x64 acknowledges.
  package func setInterruptLine(
    of function: PCIAddress, device: Int32, asserted: Bool
  ) throws {
    let register: UInt64 = asserted ? 0x60 : 0x64
    let bytes: [UInt8] = [1, 0, 0, 0]
    _ = try unsafe kernel.write(device, from: bytes.span.bytes, at: register)
  }

  package func setHardware(of function: PCIAddress, offset: Int, to value: UInt8) throws {
    throw ContractSkip("only the simulated hardware can be told what its registers hold")
  }

  package func setParameter(_ parameter: String, of module: String, to isOn: Bool) throws {
    try setParameter(parameter, of: module, to: isOn ? "Y" : "N")
  }

  package func setParameter(
    _ parameter: String, of module: String, to number: UInt32
  ) throws {
    try setParameter(parameter, of: module, to: "\(number)")
  }

  private func setParameter(
    _ parameter: String, of module: String, to value: String
  ) throws {
    let path = "/sys/module/\(module)/parameters/\(parameter)"
    let old = try Self.text(of: path)
    parameters.withLock { if $0[path] == nil { $0[path] = old } }
    try Self.write(value, to: path)
  }

  package func withLess(
    _ capabilities: [Capability], lockedMemory: UInt64?, _ body: () throws -> Void
  ) throws {
    try Privileges.withLess(capabilities, lockedMemory: lockedMemory, body)
  }

  package func withDeviceLock(of function: PCIAddress, _ body: () throws -> Void) throws {
    throw ContractSkip("the lock of a device is held from outside only on the simulated host")
  }

  package func withBusyMemory(of function: PCIAddress, _ body: () throws -> Void) throws {
    throw ContractSkip("an access is held inside the kernel only on the simulated host")
  }

  package func requestPages(
    of function: PCIAddress, addresses: [UInt64], group: UInt32
  ) throws {
    throw ContractSkip("a function that asks for pages needs hardware")
  }

  package func withFunctionReset(of function: PCIAddress, _ body: () throws -> Void) throws {
    throw ContractSkip("a function reset that takes its time needs hardware")
  }

  package func inAnotherProcess(_ body: () -> Int32) throws -> Int32 {
    let child = clinux_fork()
    guard child >= 0 else { throw Errno(rawValue: -child) }
    if child == 0 { _exit(body()) }
    var status: Int32 = 0
    while unsafe waitpid(child, &status, 0) < 0 {
      guard errno == EINTR else { throw Errno(rawValue: errno) }
    }
    guard status & 0x7F == 0 else {
      throw ContractFailure("the other process ended by signal \(status & 0x7F)")
    }
    return status >> 8 & 0xFF
  }

  // MARK: Back to the start

  package func restore() throws -> [String] {
    for (path, value) in parameters.withLock({ $0 }) { try Self.write(value, to: path) }
    parameters.withLock { $0 = [:] }
    for function in unbinding.withLock({ Array($0.keys) }) { try finishUnbinding(function) }
    for function in changed.withLock({ $0.sorted() }) {
      try setDriver(of: function, to: "vfio-pci")
    }
    changed.withLock { $0 = [] }
    return []
  }

  // MARK: sysfs

  /// The name of the driver that a function is bound to.
  static func driver(of function: PCIAddress) -> String? {
    (try? LinuxKernel().link(at: "/sys/bus/pci/devices/\(function)/driver"))?
      .split(separator: "/").last.map(String.init)
  }

  /// The text of an attribute without the line's end.
  static func text(of path: String) throws(Errno) -> String {
    let bytes = try LinuxKernel().contents(of: path)
    return String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
  }

  static func exists(_ path: String) -> Bool {
    (try? LinuxKernel().status(of: path)) != nil
  }

  /// Writes an attribute in one call; many can be written only. Throws what the attribute answers.
  static func write(_ text: String, to path: String) throws(Errno) {
    let descriptor = unsafe clinux_open(path, O_WRONLY)
    guard descriptor >= 0 else { throw Errno(rawValue: -descriptor) }
    defer { _ = clinux_close(descriptor) }
    let bytes = Array(text.utf8)
    let result = unsafe bytes.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress else { return Int64(0) }
      return unsafe clinux_write(descriptor, base, buffer.count)
    }
    guard result >= 0 else { throw Errno(rawValue: Int32(truncatingIfNeeded: -result)) }
  }
}
