/// Sizes, moves and swaps the base address registers of a function and looks at what they show.
func checkBars() {
  let function = Bus.chosen
  function.describe()
  typealias Command = PCIFunction.Command
  let bases = BaseAddress.all(of: function)
  Report.note("registers", UInt32(bases.count))
  Report.check(!bases.isEmpty, "the function has registers")
  for base in bases {
    Report.check(base.isAligned, base.isIO ? "I/O address is aligned" : "address is aligned")
  }
  function.command(set: Command.io | Command.memory)
  let places = bases.compactMap { BARContent($0) }
  for place in places {
    place.mark()
    Report.check(place.isShown, "contents are there")
  }
  for place in places { checkMove(place) }
  for place in places where place.base.is64Bit { checkFarMove(place) }
  checkDecoding(function, places)
  checkSwap(function, places.filter { !$0.base.isIO })
  for base in bases {
    let before = base.address
    base.address = 0xFFFF_FFFF
    let top = (base.isIO ? 0xFFFF_FFFC : 0xFFFF_FFF0) & ~(base.size &- 1)
    Report.check(base.address, is: top, "only address bits can be written")
    base.address = before
  }
  for place in places { Report.check(place.isShown, "contents are there at the end") }
}

/// A place in a BAR whose value tells that the BAR is shown.
private struct BARContent {
  let base: BaseAddress
  private let offset: UInt32
  private let value: UInt32
  private let isWritten: Bool

  /// nil for a BAR of which nothing is known.
  init?(_ base: BaseAddress) {
    self.base = base
    guard let driver = Driver(base.function) else {
      // What stands in the first word of memory serves if it could not be nothing's.
      guard !base.isIO else { return nil }
      (offset, value, isWritten) = (0, load32(base.address), false)
      if value == 0 || value == 0xFFFF_FFFF { return nil }
      return
    }
    switch (driver.kind, base.index) {
    // The scratch register, by way of memory or ports.
    case (.testDevice, 0), (.testDevice, 4): (offset, value, isWritten) = (0x10, 0x1357_9BDF, true)
    case (.testDevice, 2): (offset, value, isWritten) = (base.size - 4, 0x2468_ACE0, true)
    case (.edu, 0): (offset, value, isWritten) = (0, 0x0100_00ED, false)
    // The interrupt throttling register.
    case (.e1000e, 0): (offset, value, isWritten) = (0xC4, 0x0000_1234, true)
    default: return nil
    }
  }

  private func read(at address: UInt32) -> UInt32 {
    base.isIO ? in32(UInt16(truncatingIfNeeded: address + offset)) : load32(address + offset)
  }

  func mark() {
    guard isWritten else { return }
    if base.isIO {
      out32(UInt16(truncatingIfNeeded: base.address + offset), value)
    } else {
      store32(base.address + offset, value)
    }
  }

  var isShown: Bool { isShown(at: base.address) }

  func isShown(at address: UInt32) -> Bool { read(at: address) == value }

  /// Whether it is shown at 32 GiB.
  var isShownFar: Bool { loadFar32(0x8_0000_0000 + UInt64(offset)) == value }
}

private func checkMove(_ place: BARContent) {
  let home = place.base.address
  for _ in 0..<3 {
    let old = place.base.address
    let new = Bus.free(place.base.size, isIO: place.base.isIO)
    guard !place.base.isIO || new < 0x1_0000 else { break }
    guard place.base.function.bus == 0 else {
      Report.skip("moves behind a bridge leave its window")
      break
    }
    place.base.address = new
    Report.check(place.base.address, is: new, "the register takes an address")
    Report.check(place.isShown, "contents moved along")
    Report.check(!place.isShown(at: old), "and left the old address")
  }
  place.base.address = home
  Report.check(place.isShown, "contents are back")
}

/// Moves a 64-bit register above 4 GiB and back.
private func checkFarMove(_ place: BARContent) {
  guard place.base.function.bus == 0, place.base.size <= 1 << 30 else {
    return Report.skip("no move above 4 GiB")
  }
  let home = place.base.address
  place.base.address = 0
  place.base.upperHalf = 8
  Report.check(place.base.upperHalf, is: 8, "the upper half takes an address")
  Report.check(place.isShownFar, "contents moved above 4 GiB")
  Report.check(!place.isShown(at: home), "and left the old address")
  place.base.address = home
  Report.check(place.isShown && !place.isShownFar, "contents are back below")
}

private func checkDecoding(_ function: PCIFunction, _ places: [BARContent]) {
  typealias Command = PCIFunction.Command
  for _ in 0..<2 {
    function.command(clear: Command.io | Command.memory)
    for place in places { Report.check(!place.isShown, "without decoding nothing is shown") }
    function.command(set: Command.memory)
    for place in places {
      Report.check(place.isShown == !place.base.isIO, "memory decoding shows memory alone")
    }
    function.command(set: Command.io)
    for place in places { Report.check(place.isShown, "with both all are shown") }
  }
}

/// Exchanges two memory registers, with decoding off and with it on, where they overlap for a moment.
private func checkSwap(_ function: PCIFunction, _ places: [BARContent]) {
  guard places.count >= 2 else { return Report.skip("no two memory registers to swap") }
  typealias Command = PCIFunction.Command
  let (first, second) = (places[0], places[1])
  // Two places as large and as aligned as the larger one needs, so that either fits in either.
  let size = max(first.base.size, second.base.size)
  let homes = (first.base.address, second.base.address)
  let (here, there): (UInt32, UInt32)
  if function.bus == 0 {
    (here, there) = (Bus.free(size, isIO: false), Bus.free(size, isIO: false))
  } else {
    return Report.skip("swaps behind a bridge leave its window")
  }
  first.base.address = here
  second.base.address = there
  for isDecoding in [false, true] {
    if !isDecoding { function.command(clear: Command.memory) }
    let (a, b) = (first.base.address, second.base.address)
    first.base.address = b
    second.base.address = a
    function.command(set: Command.memory)
    Report.check(first.base.address == b && second.base.address == a, "registers are swapped")
    Report.check(first.isShown && second.isShown, "contents are swapped")
  }
  first.base.address = homes.0
  second.base.address = homes.1
}
