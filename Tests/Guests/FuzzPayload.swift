/// Writes what no driver would into the config space and registers of a function, for as many `count`
/// accesses from `seed` on, and ends with the function as it was found.
func writeNonsense() {
  let function = Bus.chosen
  function.describe()
  let bases = BaseAddress.all(of: function)
  let homes = bases.map { $0.address }
  let header = (0..<16).map { function.read32(UInt32(4 * $0)) }
  var state = Parameters.number("seed", or: 1) | 1
  func random() -> UInt32 {
    state ^= state << 13
    state ^= state >> 17
    state ^= state << 5
    return state
  }
  let driver = Driver(function)
  let mechanisms: [PCIFunction.Mechanism] = PCIFunction.window == 0 ? [.ports] : [.ports, .window]
  forbidInterrupts()
  for _ in 0..<Parameters.number("count", or: 20_000) {
    let mechanism = mechanisms[Int(random() & UInt32(mechanisms.count - 1))]
    let offset = random() & (mechanism == .window ? 0xFFC : 0xFC)
    switch random() % 8 {
    case 0: function.write8(offset | random() & 3, random(), by: mechanism)
    case 1: function.write16(offset | random() & 2, random(), by: mechanism)
    case 2: function.write32(offset, random(), by: mechanism)
    case 3: function.write32(0x10 + random() % 6 * 4, random() & ~(random() & 0xFF_FFFF))
    case 4: function.write16(4, random())
    case 5: _ = function.read32(offset, by: mechanism)
    default:
      // Registers, but for those that start a transfer or send a message to wherever the config
      // space says, with the BAR where it was found.
      guard driver?.kind == .testDevice, let home = homes.first else { continue }
      function.command(set: PCIFunction.Command.memory, clear: PCIFunction.Command.master)
      bases[0].address = home
      let register = random() & 0xFC
      if register < 0x20 || register >= 0x60 { store32(home + register, random()) }
      _ = load32(home + register)
    }
  }
  // No interrupt of any kind goes on, and the function is where it was.
  function.command(clear: 0xFFFF)
  if let offset = function.capability(5) { function.write16(offset + 2, 0) }
  if let offset = function.capability(0x11) { function.write16(offset + 2, 0) }
  if let offset = function.capability(1) { function.write16(offset + 4, 0) }
  for (base, home) in zip(bases, homes) { base.address = home }
  allowInterrupts()
  Report.check(function.identity, is: header[0], "vendor and device are what they were")
  Report.check(function.read32(8), is: header[2], "so are class and revision")
  function.command(set: PCIFunction.Command.memory)
  if let driver, driver.kind == .testDevice {
    Report.check(load32(driver.base), is: 0x4454_5653, "its registers are there")
  }
}
