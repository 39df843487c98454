/// Loops for benchmarks: cycles of the time stamp counter for one access. All but the reads of memory
/// and of a mapped BAR leave the guest. 2 to the power `log2` accesses each.
func measureExits() {
  let power = min(24, Parameters.number("log2", or: 14))
  let count = UInt32(1) << power
  func measure(_ name: StaticString, _ body: () -> Void) {
    body()
    let start = timeStamp()
    for _ in 0..<count { body() }
    let cycles = (timeStamp() - start) >> UInt64(power)
    Report.note(name, UInt32(truncatingIfNeeded: cycles))
  }
  Report.note("accesses", count)
  measure("memory-read") { _ = load32(Memory.buffer) }
  measure("port-write") { out8(0x80, 0) }
  measure("port-read") { _ = in8(0x80) }
  let bridge = PCIFunction(bus: 0, device: 0, function: 0)
  bridge.select(0)
  measure("config-data") { _ = in32(0xCFC) }
  measure("config-ports") { _ = bridge.read32(0) }
  if PCIFunction.window != 0 {
    measure("config-window") { _ = bridge.read32(0, by: .window) }
  }
  if let function = Parameters.function ?? Bus.functions.last(where: { Driver($0) != nil }) {
    function.describe()
    measure("function-config") { _ = function.read32(0) }
    if PCIFunction.window != 0 {
      measure("function-window") { _ = function.read32(0, by: .window) }
    }
    if let driver = Driver(function) {
      function.command(set: PCIFunction.Command.memory)
      let register = driver.base + (driver.kind == .testDevice ? 0x10 : driver.kind == .edu ? 4 : 8)
      measure("bar-read") { _ = load32(register) }
      if driver.kind == .testDevice {
        measure("bar-write") { store32(register, 1) }
        if let memory = BaseAddress(function, 2), !memory.isIO {
          let place = memory.address
          measure("bar-mapped-read") { _ = load32(place) }
        }
      }
    }
  }
  Report.check(timeStamp() != 0, "the loops ended")
}
