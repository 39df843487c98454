internal import CTwin
internal import HostKernel
internal import Hypervisor
internal import SystemPackage

/// Measures exits of a virtual CPU, from the guest through the address space to a device and back,
/// against a bare loop around `KVM_RUN` in C that only counts them.
struct ExitBenchmark {
  /// What the guest accesses, over and over.
  enum Access: CaseIterable {
    case port
    case memory

    var name: String { self == .port ? "port I/O" : "memory-mapped I/O" }

    /// 16 bits, endless: `out dx,al` or `mov [bx],al` and a jump back to it. The memory is beyond the
    /// first 64 KiB by way of the segment.
    var code: [UInt8] {
      switch self {
      case .port: [0xba, 0x10, 0x05, 0xee, 0xeb, 0xfd]
      case .memory: [0xb8, 0x00, 0xd0, 0x8e, 0xd8, 0x31, 0xdb, 0x88, 0x07, 0xeb, 0xfc]
      }
    }
  }

  /// Counts writes and wakes whoever waits for the last one.
  private final class Counter: MemoryHandler {
    private let lock: MachineLock
    private let wanted: UInt64
    private var count: UInt64 = 0
    private var start: UInt64 = 0
    /// Nanoseconds of the CPU's thread for the exits that are wanted, once they were.
    private(set) var duration: UInt64?

    init(_ lock: MachineLock, wanted: UInt64) {
      self.lock = lock
      self.wanted = wanted
    }

    func read(offset: UInt64, size: Int) -> UInt64 { 0 }

    func write(offset: UInt64, size: Int, value: UInt64) {
      count += 1
      // As many as the twin takes to warm up.
      if count == wanted / 10 { start = ctwin_thread_time() }
      guard count == wanted / 10 + wanted else { return }
      duration = ctwin_thread_time() - start
      lock.notifyAll()
    }
  }

  /// Nanoseconds of thread time for `exits` exits on a machine with sixteen devices.
  static func time(_ access: Access, exits: UInt64) throws -> UInt64 {
    let lock = MachineLock()
    lock.lock()
    defer { lock.unlock() }
    let kernel = LinuxKernel()
    let accelerator = try KVMAccelerator(on: kernel)
    let ram = try GuestRAM(size: 0x10000, on: kernel)
    let memory = AddressSpace()
    let ports = AddressSpace(splitsDeviceAccesses: false)
    let counter = Counter(lock, wanted: exits)
    memory.register(accelerator)
    memory.add(MemoryRegion(name: "ram", base: 0, size: ram.size, kind: ram.kind(at: 0)))
    for place in 0..<16 as Range<UInt64> {
      ports.add(
        MemoryRegion(name: "port", base: 0x500 + place << 4, size: 1, kind: .io(counter)))
      ports.add(
        MemoryRegion(name: "port", base: 0x510 + place << 8, size: 1, kind: .io(counter)))
      memory.add(
        MemoryRegion(
          name: "device", base: 0xd0000 + place << 12, size: 0x1000, kind: .io(counter)))
    }
    memory.writeBytes(0x1000, access.code)
    let cpus = try accelerator.makeCPUs(
      CPUTopology(count: 1), model: CPUModel(.host), lock: lock, ports: ports, memory: memory,
      observer: nil)
    defer {
      cpus.stop()
      memory.tearDown()
      ports.tearDown()
    }
    var state = CPUState.realModeReset
    state.cs = CPUSegment(selector: 0, base: 0, limit: 0xffff, attributes: 0x9b)
    state.rip = 0x1000
    cpus.setStartState(state)
    try cpus.reset()
    cpus.resume()
    lock.wait { counter.duration == nil }
    return counter.duration ?? .max
  }

  /// Nanoseconds of the twin; nil when it did not see what it should.
  static func timeOfTwin(_ access: Access, exits: UInt64) -> UInt64? {
    let code = access.code
    let time = unsafe code.withUnsafeBufferPointer { bytes -> UInt64 in
      guard let base = bytes.baseAddress else { return 0 }
      return unsafe ctwin_time_exits(base, bytes.count, access == .memory ? 1 : 0, exits)
    }
    return time == 0 ? nil : time
  }
}
