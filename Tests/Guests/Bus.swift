/// The buses of the machine, which a firmware may or may not have set up.
enum Bus {
  /// All functions in the order of the walk.
  nonisolated(unsafe) private(set) static var functions: [PCIFunction] = []
  nonisolated(unsafe) private static var lastBus: UInt32 = 0
  /// The next free addresses of memory and ports, for what the firmware left open.
  nonisolated(unsafe) private static var memory: UInt32 = 0xD000_0000
  nonisolated(unsafe) private static var ports: UInt32 = 0xC000

  /// Opens the config window and finds all functions, bridges' buses included; gives addresses to all
  /// registers that have none.
  static func setUp() {
    openWindow()
    closeOldRoutes()
    walk(0)
    for function in functions where !function.isBridge { place(function) }
  }

  /// The config window of a Q35 host bridge, at 0xB0000000 unless a firmware chose.
  private static func openWindow() {
    let bridge = PCIFunction(bus: 0, device: 0, function: 0)
    guard bridge.identity == 0x29C0_8086 else { return }
    if bridge.read32(0x60) & 1 == 0 {
      bridge.write32(0x64, 0)
      bridge.write32(0x60, 0xB000_0001)
    }
    PCIFunction.window = bridge.read32(0x60) & 0xF000_0000
  }

  /// Has the pins go to the I/O APIC alone: what an ICH9 routes to the old controller as well, a VMM
  /// may deliver there only (PIRQ routing, bit 7 turns it off).
  private static func closeOldRoutes() {
    let bridge = PCIFunction(bus: 0, device: 31, function: 0)
    guard bridge.identity == 0x2918_8086 else { return }
    for register in [UInt32(0x60), 0x68] { bridge.write32(register, 0x8080_8080) }
  }

  private static func walk(_ bus: UInt32) {
    for device in UInt32(0)..<32 {
      let first = PCIFunction(bus: bus, device: device, function: 0)
      guard first.exists else { continue }
      let count: UInt32 = first.read8(0x0E) & 0x80 == 0 ? 1 : 8
      for number in 0..<count {
        let function = PCIFunction(bus: bus, device: device, function: number)
        guard function.exists else { continue }
        functions.append(function)
        if function.isBridge { enter(function) }
      }
    }
  }

  /// Walks the bus behind a bridge, with a number and windows of its own if it has none.
  private static func enter(_ bridge: PCIFunction) {
    let given = bridge.read8(0x19)
    if given != 0 {
      lastBus = max(lastBus, bridge.read8(0x1A))
      return walk(given)
    }
    lastBus += 1
    let bus = lastBus
    // What is behind gets its addresses here, inside windows as large as they turn out to be.
    memory = (memory + 0xF_FFFF) & ~0xF_FFFF
    ports = (ports + 0xFFF) & ~0xFFF
    let (firstMemory, firstPort) = (memory, ports)
    bridge.write8(0x18, bridge.bus)
    bridge.write8(0x19, bus)
    bridge.write8(0x1A, 0xFF)
    walk(bus)
    bridge.write8(0x1A, lastBus)
    for function in functions where function.bus == bus && !function.isBridge { place(function) }
    memory = max((memory + 0xF_FFFF) & ~0xF_FFFF, firstMemory + 0x10_0000)
    ports = max((ports + 0xFFF) & ~0xFFF, firstPort + 0x1000)
    bridge.write16(0x20, firstMemory >> 16)
    bridge.write16(0x22, (memory - 1) >> 16)
    bridge.write8(0x1C, firstPort >> 8 & 0xF0)
    bridge.write8(0x1D, (ports - 1) >> 8 & 0xF0)
    bridge.write16(0x24, 0xFFF0)
    bridge.write16(0x26, 0)
    bridge.command(
      set: PCIFunction.Command.io | PCIFunction.Command.memory | PCIFunction.Command.master)
  }

  /// Gives addresses to the registers of a function that have none.
  static func place(_ function: PCIFunction) {
    for base in BaseAddress.all(of: function) where base.isUnset && base.size != 0 {
      base.address = free(base.size, isIO: base.isIO)
    }
  }

  /// A free, aligned address of memory, or of ports.
  static func free(_ size: UInt32, isIO: Bool) -> UInt32 {
    if isIO {
      let start = (ports + size - 1) & ~(size - 1)
      ports = start + size
      return start
    }
    let unit = max(size, 4096)
    let start = (memory + unit - 1) & ~(unit - 1)
    memory = start + unit
    return start
  }

  /// The function that the command line names, or the first one that a driver knows.
  static var chosen: PCIFunction {
    if let named = Parameters.function {
      guard named.exists else { Report.stop("the named function is not there") }
      return named
    }
    for function in functions where Driver(function) != nil { return function }
    Report.stop("no function of a known kind; name one with function=BB:DD.F")
  }
}
