/// Resets the machine through port 0xCF9 as often as `resets` says, and looks at what it left.
func checkReset() {
  let wanted = Parameters.number("resets", or: 2)
  let magic: UInt32 = 0x5245_5300
  let seen = load32(Memory.marker) & 0xFFFF_FF00 == magic ? load32(Memory.marker) & 0xFF : 0
  Report.note("resets so far", seen)
  let function = Bus.functions.last { Driver($0) != nil }
  if let function, let driver = Driver(function) {
    typealias Command = PCIFunction.Command
    if seen > 0 {
      Report.check(
        function.read16(4) & (Command.master | Command.noINTx), is: 0, "command is clear")
    }
    function.command(set: Command.memory)
    if driver.kind == .testDevice {
      let resets = load32(driver.base + 0x18)
      if seen > 0 {
        Report.check(load32(driver.base + 0x10), is: 0, "scratch is clear")
        Report.check(resets > load32(Memory.marker + 4), "the function was reset")
      }
      store32(Memory.marker + 4, resets)
      store32(driver.base + 0x10, 0xABCD_0000 | seen)
    }
    Report.check(Interrupts.pinCount, is: 0, "no interrupt is left over")
    function.command(set: Command.master | Command.noINTx)
  }
  guard seen < min(wanted, 255) else {
    store32(Memory.marker, 0)
    return Report.check(seen, is: wanted, "the machine came back each time")
  }
  store32(Memory.marker, magic | seen + 1)
  out8(0xCF9, 2)
  out8(0xCF9, 6)
  for _ in 0..<200_000_000 { relax() }
  store32(Memory.marker, 0)
  Report.stop("the machine goes on after a reset")
}

/// Function level reset: registers clear, config restored by hand, the function works again.
func checkFunctionReset() {
  let driver = Driver.chosen
  let function = driver.function
  guard let express = function.capability(0x10), function.read32(express + 4) & 1 << 28 != 0 else {
    return Report.skip("the function has no function level reset")
  }
  let bases = BaseAddress.all(of: function)
  let addresses = bases.map { $0.address }
  for round in UInt32(1)...max(1, Parameters.number("count", or: 3)) {
    Report.note("round", round)
    var before: UInt32 = 0
    if driver.kind == .testDevice {
      before = load32(driver.base + 0x18)
      store32(driver.base + 0x10, 0x1234_5678)
      // A transfer is under way when the reset comes.
      Memory.fill(Memory.buffer, 0x4000, seed: round)
      Memory.clear(Memory.buffer + 0x4000, 0x4000)
      store32(driver.base + 0x40, Memory.buffer)
      store32(driver.base + 0x48, Memory.buffer + 0x4000)
      store32(driver.base + 0x50, 0x4000)
      store32(driver.base + 0x54, 0x101)
      Report.check(load32(driver.base + 0x58), is: 1, "a transfer is under way")
    }
    function.write16(express + 8, function.read16(express + 8) | 0x8000)
    Interrupts.settle()
    Report.check(function.exists, "the function is there after the reset")
    for (base, address) in zip(bases, addresses) { base.address = address }
    typealias Command = PCIFunction.Command
    function.command(set: Command.io | Command.memory | Command.master, clear: Command.noINTx)
    if driver.kind == .testDevice {
      Report.check(load32(driver.base), is: 0x4454_5653, "its registers are there")
      Report.check(load32(driver.base + 0x10), is: 0, "scratch is clear")
      Report.check(load32(driver.base + 0x18) > before, "the reset was counted")
      Report.check(load32(driver.base + 0x58), is: 0, "the transfer is forgotten")
      Report.check(load32(Memory.buffer + 0x5000), is: 0, "and moves nothing more")
    }
    guard driver.kind != .e1000e, let messages = MessageInterrupts(function) else { continue }
    Interrupts.clearCounts()
    messages.enable(vectors: 1, from: Interrupts.firstMessageVector)
    driver.allow()
    driver.raise(0)
    Report.check(
      Interrupts.wait { Interrupts.count(Interrupts.firstMessageVector) == 1 },
      "it interrupts again")
    driver.acknowledge()
    messages.disable()
  }
}
