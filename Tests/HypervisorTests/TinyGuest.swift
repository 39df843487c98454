import HostKernel
import Hypervisor
import SystemPackage

/// A machine with 1 MiB of RAM and one device, at ports 0x500 to 0x5ff and at 0xd0000000, that writes
/// down what CPUs do to it. Made and used with its lock held.
final class TinyGuest {
  let lock: MachineLock
  let accelerator: KVMAccelerator
  let ports = AddressSpace(splitsDeviceAccesses: false)
  let memory = AddressSpace()
  let device: LoggingDevice
  let memoryDevice: LoggingDevice
  let observer: LoggingObserver
  /// Timers of the chips in split mode; nobody turns them but the test.
  let events = ManualEventSources()
  private let ram: HostMapping
  private(set) var cpus: VirtualCPUs!

  static let devicePage: UInt64 = 0xd000_0000

  init(
    cpus count: Int = 1, model: CPUModel = CPUModel(.host), lock: MachineLock,
    on kernel: any HostKernel = LinuxKernel(),
    interruptController: InterruptControllerPlace = .kernel
  ) throws {
    self.lock = lock
    accelerator = try KVMAccelerator(on: kernel, interruptController: interruptController)
    ram = try HostMapping(MappingRequest(descriptor: nil, length: 1 << 20), on: kernel)
    device = LoggingDevice("port", lock)
    memoryDevice = LoggingDevice("memory", lock)
    observer = LoggingObserver(lock)
    ports.add(MemoryRegion(name: "log", base: 0x500, size: 0x100, kind: .io(device)))
    memory.add(
      MemoryRegion(name: "ram", base: 0, size: 1 << 20, kind: .ram(hostAddress: ram.address)))
    memory.add(
      MemoryRegion(
        name: "log", base: Self.devicePage, size: 0x1000, kind: .io(memoryDevice)))
    memory.register(accelerator)
    cpus = try accelerator.makeCPUs(
      CPUTopology(count: count), model: model, lock: lock, ports: ports, memory: memory,
      events: events, observer: observer)
  }

  deinit {
    cpus?.stop()
    memory.unregister(accelerator)
  }

  func load(_ code: [UInt8], at address: UInt64) { memory.writeBytes(address, code) }

  /// Sets CPU 0 to start in real mode at an address below 64 KiB.
  func startInRealMode(at address: UInt16) throws {
    var state = CPUState.realModeReset
    state.cs = CPUSegment(selector: 0, base: 0, limit: 0xffff, attributes: 0x9b)
    state.rip = UInt64(address)
    cpus.setStartState(state)
    try cpus.reset()
  }

  func start32(at address: UInt32) throws {
    var state = CPUState.protected32(entry: address)
    state.general.rsp = 0x8000
    cpus.setStartState(state)
    try cpus.reset()
  }

  /// Waits, the lock given up meanwhile, until the device saw this many accesses.
  func waitForAccesses(_ count: Int) { lock.wait { device.accesses.count < count } }
}

/// Writes down each access and wakes whoever waits for it.
final class LoggingDevice: MemoryHandler {
  struct Access: Equatable, CustomStringConvertible {
    var text: String
    var description: String { text }
  }

  private let name: String
  private let lock: MachineLock
  private(set) var accesses: [Access] = []
  /// Only counted and not written down.
  var isCounting = false
  private(set) var count = 0
  private(set) var lastValue: UInt64 = 0
  var onWrite: ((UInt64) -> Void)?

  init(_ name: String, _ lock: MachineLock) {
    self.name = name
    self.lock = lock
  }

  var log: [String] { accesses.map(\.text) }

  func read(offset: UInt64, size: Int) -> UInt64 {
    let value = 0x8877_6655_4433_2211 &+ UInt64(accesses.count)
    note("r\(size) +\(String(offset, radix: 16))")
    return value
  }

  func write(offset: UInt64, size: Int, value: UInt64) {
    if isCounting {
      count += 1
      lastValue = value
      if count & 0xff == 0 { lock.notifyAll() }
    } else {
      note("w\(size) +\(String(offset, radix: 16)) \(String(value, radix: 16))")
    }
    onWrite?(value)
  }

  private func note(_ text: String) {
    accesses.append(Access(text: text))
    lock.notifyAll()
  }
}

/// Writes down what CPUs could not do.
final class LoggingObserver: CPUObserver {
  private let lock: MachineLock
  private(set) var events: [String] = []

  init(_ lock: MachineLock) { self.lock = lock }

  func guestTripleFault(cpu: Int) { note("triple fault of \(cpu)") }

  func guestSystemEvent(cpu: Int, _ event: GuestSystemEvent) { note("\(event) of \(cpu)") }

  func cpuFailed(cpu: Int, _ failure: CPUFailure) {
    note("failure of \(cpu): \(failure.message)")
  }

  private func note(_ text: String) {
    events.append(text)
    lock.notifyAll()
  }
}
