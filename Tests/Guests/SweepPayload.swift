/// Does to each function on the main bus what a driver may do to one, whatever it is: config space read
/// whole, registers sized and moved, decoding, interrupts of each kind on and off, power states, its own
/// reset. Then the machine is reset, all is done again, and the machine is turned off.
///
/// The order of accesses is fixed, so that what two VMMs say of them can be compared line by line.
func sweepFunctions() {
  let isSecond = load32(Memory.marker) == 0x5357_4545
  store32(Memory.marker, 0)
  for function in assignedFunctions() {
    function.describe()
    sweepConfig(function)
    sweepBars(function)
    sweepDecoding(function)
    sweepMessages(function)
    sweepMessageTable(function)
    sweepPowerStates(function)
    sweepFunctionReset(function)
    function.command(set: 7)
  }
  guard !isSecond else { return }
  store32(Memory.marker, 0x5357_4545)
  out8(0xCF9, 2)
  out8(0xCF9, 6)
  Interrupts.settle()
  Report.stop("the machine goes on after a reset")
}

/// Takes each function on the main bus into use, with one vector of each kind of interrupt, and lets go
/// of it: what a start needs to have the VMM open all that a guest makes it open, in few accesses.
func useFunctions() {
  typealias Command = PCIFunction.Command
  for function in assignedFunctions() {
    function.command(set: Command.io | Command.memory | Command.master)
    if let messages = MessageInterrupts(function) {
      messages.enable(vectors: 1, from: Interrupts.firstMessageVector)
      messages.disable()
    }
    if let table = MessageTable(function) {
      table.set(0, vector: Interrupts.firstMessageVector, isMasked: true)
      table.enable()
      table.mask(0, false)
    }
  }
}

/// Functions on the main bus that are not the chipset's.
private func assignedFunctions() -> [PCIFunction] {
  let functions = Bus.functions.filter {
    $0.bus == 0 && $0.device != 0 && $0.device < 0x1F && !$0.isBridge
  }
  Report.check(!functions.isEmpty, "there is a function")
  return functions
}

private func sweepConfig(_ function: PCIFunction) {
  let identity = function.identity
  for offset in stride(from: UInt32(0), to: 0x100, by: 4) { _ = function.read32(offset) }
  if PCIFunction.window != 0 {
    for offset in stride(from: UInt32(0x100), to: 0x1000, by: 4) {
      _ = function.read32(offset, by: .window)
    }
  }
  let line = function.read8(0x3C)
  function.write8(0x3C, 0x0A)
  Report.check(function.read8(0x3C), is: 0x0A, "the interrupt line takes a byte")
  function.write8(0x3C, line)
  function.write32(0, 0)
  Report.check(function.identity, is: identity, "vendor and device take no write")
  Report.check(function.read8(0x3D) <= 4, "the pin is one of four")
}

private func sweepBars(_ function: PCIFunction) {
  typealias Command = PCIFunction.Command
  for base in BaseAddress.all(of: function) {
    let home = base.address
    Report.check(base.isAligned, "the address is aligned")
    // At addresses that do not depend on what else the machine has.
    let away: UInt32 = base.isIO ? 0xE000 : 0xE000_0000
    for (command, new) in [(0, away), (Command.io | Command.memory, away + max(base.size, 4096))] {
      function.command(set: command, clear: Command.io | Command.memory)
      base.address = new
      Report.check(base.address, is: new, "the register takes an address")
      base.address = home
      Report.check(base.address, is: home, "and the old one again")
    }
    guard base.is64Bit else { continue }
    base.upperHalf = 8
    Report.check(base.upperHalf, is: 8, "the upper half takes an address")
    base.upperHalf = 0
  }
}

private func sweepDecoding(_ function: PCIFunction) {
  typealias Command = PCIFunction.Command
  let all = Command.io | Command.memory | Command.master | Command.noINTx
  for bits in [
    0, Command.memory, Command.io | Command.memory, Command.io, Command.memory | Command.master,
    all, Command.memory | Command.master,
  ] {
    function.command(set: bits, clear: all & ~bits)
    let seen = function.read16(4) & Command.memory
    Report.check(seen, is: bits & Command.memory, "memory decoding is as written")
  }
}

private func sweepMessages(_ function: PCIFunction) {
  guard let messages = MessageInterrupts(function) else { return Report.skip("no MSI") }
  Report.note("MSI vectors", messages.capacity)
  for vectors in messages.capacity == 1 ? [1] : [1, messages.capacity] {
    messages.enable(vectors: vectors, from: Interrupts.firstMessageVector)
    Report.check(function.read16(messages.offset + 2) & 1, is: 1, "MSI is on")
    if messages.hasMasks {
      messages.masks = 1
      _ = messages.pending
      messages.masks = 0
    }
    messages.disable()
    Report.check(function.read16(messages.offset + 2) & 1, is: 0, "MSI is off")
  }
}

private func sweepMessageTable(_ function: PCIFunction) {
  guard let table = MessageTable(function) else { return Report.skip("no MSI-X") }
  function.command(set: PCIFunction.Command.memory)
  let vectors = min(table.capacity, 4)
  Report.note("MSI-X vectors", table.capacity)
  let first = Interrupts.firstMessageVector
  for entry in 0..<vectors { table.set(entry, vector: first + entry, isMasked: true) }
  table.isMasked = true
  table.enable()
  for entry in 0..<vectors { table.mask(entry, false) }
  table.isMasked = true
  for entry in 0..<vectors { Report.check(!table.isPending(entry), "nothing pends") }
  table.isMasked = false
  table.mask(0, true)
  table.set(0, vector: first + vectors, isMasked: false)
  Report.check(table.word(0, 2), is: first + vectors, "an entry takes another vector")
  table.disable()
  // On once more, with all entries as they are, and off while the function is masked.
  table.enable()
  table.isMasked = true
  table.disable()
  for entry in 0..<vectors { table.mask(entry, true) }
}

private func sweepPowerStates(_ function: PCIFunction) {
  guard let power = function.capability(1) else { return Report.skip("no power management") }
  let home = BaseAddress.all(of: function).map { $0.address }
  let control = function.read16(power + 4)
  function.write16(power + 4, control | 3)
  Interrupts.settle()
  Report.check(function.read16(power + 4) & 3, is: 3, "the function sleeps")
  function.write16(power + 4, control & ~3)
  Interrupts.settle()
  Report.check(function.read16(power + 4) & 3, is: 0, "and is awake")
  restore(function, home)
}

private func sweepFunctionReset(_ function: PCIFunction) {
  guard let express = function.capability(0x10) else { return Report.skip("no PCI Express") }
  guard function.read32(express + 4) & 1 << 28 != 0 else {
    return Report.skip("no function level reset")
  }
  let home = BaseAddress.all(of: function).map { $0.address }
  function.write16(express + 8, function.read16(express + 8) | 0x8000)
  Interrupts.settle()
  Report.check(function.exists, "the function is there after its reset")
  restore(function, home)
}

/// Gives a function that forgot them its addresses back.
private func restore(_ function: PCIFunction, _ addresses: [UInt32]) {
  for (base, address) in zip(BaseAddress.all(of: function), addresses) { base.address = address }
  function.command(set: PCIFunction.Command.memory, clear: PCIFunction.Command.noINTx)
}
