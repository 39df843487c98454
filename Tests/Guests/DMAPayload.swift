/// Memory that payloads use as they like.
enum Memory {
  /// Where transfers happen; the payload itself is at 1 MiB.
  static let buffer: UInt32 = 0x80_0000
  /// Survives a reset of the machine.
  static let marker: UInt32 = 0x70_0000

  static func fill(_ address: UInt32, _ count: UInt32, seed: UInt32) {
    for place in stride(from: UInt32(0), to: count, by: 4) {
      store32(address + place, (place ^ seed) &* 0x9E37_79B9)
    }
  }

  static func clear(_ address: UInt32, _ count: UInt32) {
    for place in stride(from: UInt32(0), to: count, by: 4) { store32(address + place, 0) }
  }

  static func isSame(_ one: UInt32, _ other: UInt32, _ count: UInt32) -> Bool {
    let words = (one | other) & 3 == 0 ? count & ~3 : 0
    for place in stride(from: UInt32(0), to: words, by: 4)
    where load32(one + place) != load32(other + place) { return false }
    for place in words..<count where load8(one + place) != load8(other + place) { return false }
    return true
  }

  /// FNV-1a with 32 bits.
  static func checksum(_ address: UInt32, _ count: UInt32) -> UInt32 {
    var sum: UInt32 = 0x811C_9DC5
    for place in 0..<count { sum = (sum ^ UInt32(load8(address + place))) &* 0x0100_0193 }
    return sum
  }
}

/// The DMA engine of the chosen function copies, is refused, and tells when it is done.
func checkDMA() {
  let driver = Driver.chosen
  switch driver.kind {
  case .testDevice: checkTestDeviceDMA(driver)
  case .edu: checkTeachingDeviceDMA(driver)
  case .e1000e: Report.skip("no DMA without packets")
  }
}

private func transfer(
  _ driver: Driver, _ command: UInt32, from source: UInt32, to destination: UInt32,
  _ count: UInt32
) -> UInt32 {
  let base = driver.base
  store32(base + 0x40, source)
  store32(base + 0x44, 0)
  store32(base + 0x48, destination)
  store32(base + 0x4C, 0)
  store32(base + 0x50, count)
  store32(base + 0x54, command)
  _ = Interrupts.wait { load32(base + 0x58) & 1 == 0 }
  return load32(base + 0x58)
}

private func checkTestDeviceDMA(_ driver: Driver) {
  let (source, target) = (Memory.buffer, Memory.buffer + 0x40_0000)
  let size = min(Parameters.number("bytes", or: 0x8000), load32(driver.base + 0x1C))
  Memory.fill(source, size, seed: 1)
  Memory.clear(target, size)
  Report.check(transfer(driver, 1, from: source, to: target, size), is: 2, "memory to memory")
  Report.check(Memory.isSame(source, target, size), "the copy is equal")
  Report.check(load32(driver.base + 0x60), is: Memory.checksum(source, size), "so is the checksum")
  checkOwnMemory(driver, source, target)
  Memory.clear(target, 0x3000)
  Report.check(
    transfer(driver, 1, from: source + 0x123, to: target + 0xFF7, 0x1235), is: 2,
    "odd addresses across pages")
  Report.check(
    Memory.isSame(source + 0x123, target + 0xFF7, 0x1235) && load8(target + 0xFF6) == 0
      && load8(target + 0xFF7 + 0x1235) == 0, "arrive and touch nothing beside")
  Report.check(transfer(driver, 0x101, from: source, to: target, 0x3000), is: 2, "a paced one")
  // Far above the memory, below the devices.
  let nowhere: UInt32 = 0xAF00_0000
  Report.check(transfer(driver, 1, from: nowhere, to: target, 16), is: 0x300, "a read of nothing")
  Report.check(transfer(driver, 1, from: source, to: nowhere, 16), is: 0x400, "a write to nothing")
  Report.check(load32(driver.base + 0x64), is: nowhere, "the faulting address is told")
  driver.function.command(clear: PCIFunction.Command.master)
  Report.check(transfer(driver, 1, from: source, to: target, 16), is: 0x100, "no bus master")
  driver.function.command(set: PCIFunction.Command.master)
  checkCompletion(driver, source, target)
}

private func checkOwnMemory(_ driver: Driver, _ source: UInt32, _ target: UInt32) {
  guard let own = BaseAddress(driver.function, 2), own.size >= 0x8000 else {
    return Report.skip("no BAR 2")
  }
  Report.check(transfer(driver, 2, from: source, to: 0x4000, 0x4000), is: 2, "memory to device")
  Report.check(Memory.isSame(source, own.address + 0x4000, 0x4000), "BAR 2 shows it")
  store32(own.address + 0x4004, 0x1122_3344)
  Memory.clear(target, 0x4000)
  Report.check(transfer(driver, 3, from: 0x4000, to: target, 0x4000), is: 2, "device to memory")
  Report.check(load32(target + 4), is: 0x1122_3344, "with what was written through BAR 2")
  Report.check(Memory.isSame(target, own.address + 0x4000, 0x4000), "and the rest is equal")
  Report.check(
    transfer(driver, 2, from: source, to: own.size - 8, 16), is: 0x500, "not beyond its memory")
}

private func checkCompletion(_ driver: Driver, _ source: UInt32, _ target: UInt32) {
  guard let messages = MessageInterrupts(driver.function) else {
    return Report.skip("the function has no MSI")
  }
  Interrupts.clearCounts()
  let vector = Interrupts.firstMessageVector
  messages.enable(vectors: 1, from: vector)
  store32(driver.base + 0x2C, 0)
  Report.check(transfer(driver, 1, from: source, to: target, 0x1000), is: 2, "a transfer with MSI")
  Report.check(Interrupts.wait { Interrupts.count(vector) == 1 }, "tells when it is done")
  messages.disable()
}

private func checkTeachingDeviceDMA(_ driver: Driver) {
  let (source, target) = (Memory.buffer, Memory.buffer + 0x1_0000)
  let own: UInt32 = 0x4_0000
  let size: UInt32 = 2048
  Memory.fill(source, size, seed: 2)
  Memory.clear(target, size)
  for (from, to, command) in [(source, own, UInt32(1)), (own, target, 3)] {
    store32(driver.base + 0x80, from)
    store32(driver.base + 0x84, 0)
    store32(driver.base + 0x88, to)
    store32(driver.base + 0x8C, 0)
    store32(driver.base + 0x90, size)
    store32(driver.base + 0x94, 0)
    store32(driver.base + 0x98, command)
    Report.check(Interrupts.wait { load32(driver.base + 0x98) & 1 == 0 }, "the transfer ends")
  }
  Report.check(Memory.isSame(source, target, size), "the copy is equal")
}
