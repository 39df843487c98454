/// Walks the buses, and reads and writes config space in every width and by both mechanisms.
func checkConfig() {
  for function in Bus.functions { function.describe() }
  Report.check(Bus.functions.contains(PCIFunction(bus: 0, device: 0, function: 0)), "host bridge")
  checkAddressPort()
  if PCIFunction.window != 0 { checkWindow() } else { Report.skip("no config window") }
  let function =
    Parameters.function ?? Bus.functions.first { Driver($0) != nil } ?? Bus.functions.last
    ?? PCIFunction(bus: 0, device: 0, function: 0)
  Report.check(function.exists, "chosen function is there")
  checkWidths(function)
  checkWrites(function)
  checkCapabilities(function)
}

private func checkAddressPort() {
  out32(0xCF8, 0x8000_F8FC)
  Report.check(in32(0xCF8), is: 0x8000_F8FC, "address port keeps what is written")
  out32(0xCF8, 0)
  Report.check(in32(0xCFC), is: 0xFFFF_FFFF, "without the enable bit data reads as ones")
  var absent = PCIFunction(bus: 0, device: 31, function: 7)
  while absent.exists, absent.device > 0 { absent.device -= 1 }
  Report.check(absent.read32(0), is: 0xFFFF_FFFF, "a function that is not there reads as ones")
  absent.write32(4, 7)
  Report.check(absent.read32(4), is: 0xFFFF_FFFF, "and takes no write")
}

private func checkWindow() {
  var isSame = true
  for function in Bus.functions {
    for offset in stride(from: UInt32(0), to: 0x40, by: 4) where offset != 4 {
      if function.read32(offset) != function.read32(offset, by: .window) { isSame = false }
    }
  }
  Report.check(isSame, "ports and window show the same headers")
  let absent = PCIFunction(bus: 0xFE, device: 31, function: 7)
  Report.check(absent.read32(0, by: .window), is: 0xFFFF_FFFF, "the window of nobody reads as ones")
}

private func checkWidths(_ function: PCIFunction) {
  let mechanisms: [PCIFunction.Mechanism] = PCIFunction.window == 0 ? [.ports] : [.ports, .window]
  for mechanism in mechanisms {
    var isSame = true
    for offset in stride(from: UInt32(8), to: 0x40, by: 4) {
      let whole = function.read32(offset, by: mechanism)
      let words =
        function.read16(offset, by: mechanism) | function.read16(offset + 2, by: mechanism) << 16
      var bytes: UInt32 = 0
      for byte in UInt32(0)..<4 {
        bytes |= function.read8(offset + byte, by: mechanism) << (8 * byte)
      }
      if whole != words || whole != bytes { isSame = false }
    }
    Report.check(
      isSame, mechanism == .ports ? "widths agree by ports" : "widths agree in the window")
    let line = function.read8(0x3C, by: mechanism)
    function.write8(0x3C, 0x5A, by: mechanism)
    Report.check(function.read8(0x3C, by: mechanism), is: 0x5A, "the interrupt line takes a byte")
    function.write16(0x3C, 0x00A5, by: mechanism)
    Report.check(function.read8(0x3C, by: mechanism), is: 0xA5, "and the low byte of a word")
    function.write8(0x3C, line, by: mechanism)
  }
}

private func checkWrites(_ function: PCIFunction) {
  let (identity, kind) = (function.identity, function.read32(8))
  function.write32(0, ~identity)
  function.write32(8, ~kind)
  Report.check(function.identity, is: identity, "vendor and device take no write")
  Report.check(function.read32(8), is: kind, "class and revision take no write")
  typealias Command = PCIFunction.Command
  let command = function.read16(4)
  function.write16(4, command | Command.memory | Command.master)
  Report.check(
    function.read16(4) & (Command.memory | Command.master), is: Command.memory | Command.master,
    "command bits can be set")
  function.write16(4, command & ~(Command.memory | Command.master | Command.io))
  Report.check(function.read16(4) & 7, is: 0, "and cleared")
  function.write16(4, command)
}

private func checkCapabilities(_ function: PCIFunction) {
  var count: UInt32 = 0
  var isGood = true
  if function.read16(6) & 0x10 != 0 {
    var offset = function.read8(0x34)
    while offset != 0, count < 48 {
      if offset & 3 != 0 || offset < 0x40 || function.read8(offset) == 0xFF { isGood = false }
      count += 1
      offset = function.read8(offset + 1)
    }
  }
  Report.note("capabilities", count)
  Report.check(isGood && count < 48, "the list of capabilities ends")
  guard PCIFunction.window != 0, function.capability(0x10) != nil else { return }
  var offset: UInt32 = 0x100
  count = 0
  while offset >= 0x100, count < 960 {
    let header = function.read32(offset, by: .window)
    if header == 0 || header == 0xFFFF_FFFF { break }
    if header >> 20 & 3 != 0 { isGood = false }
    count += 1
    offset = header >> 20
  }
  Report.note("extended capabilities", count)
  Report.check(isGood && count < 960, "the list of extended capabilities ends")
}
