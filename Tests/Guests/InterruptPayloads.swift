/// The pin: counted, shared status shown, held back by the command register.
func checkPins() {
  let driver = Driver.chosen
  let function = driver.function
  guard function.read8(0x3D) != 0 else { return Report.skip("the function has no pin") }
  let count = Parameters.number("count", or: 100)
  Interrupts.openPins { driver.acknowledge() }
  driver.allow()
  var isEach = true
  for number in 1...max(1, count) {
    driver.raise(0)
    if !Interrupts.wait({ Interrupts.pinCount >= number }) {
      isEach = false
      break
    }
  }
  Interrupts.settle()
  Report.check(isEach, "each interrupt arrives")
  Report.check(Interrupts.pinCount, is: max(1, count), "and no other")
  for line in UInt32(16)..<Interrupts.lineCount
  where Interrupts.count(Interrupts.firstLineVector + line) != 0 {
    Report.note("I/O APIC line", line)
  }
  function.command(set: PCIFunction.Command.noINTx)
  Interrupts.clearCounts()
  driver.raise(0)
  Interrupts.settle()
  Report.check(Interrupts.pinCount, is: 0, "the command register holds the pin back")
  Report.check(function.read16(6) & 8, is: 8, "the status register shows it waiting")
  function.command(clear: PCIFunction.Command.noINTx)
  Report.check(Interrupts.wait { Interrupts.pinCount >= 1 }, "and it comes when let through")
  Interrupts.settle()
  Report.check(Interrupts.pinCount, is: 1, "once")
  Report.check(function.read16(6) & 8, is: 0, "the status register is clear after it")
  Report.note("strays", Interrupts.strays)
  Interrupts.closePins()
}

/// MSI: vectors counted, masked ones pend.
func checkMessages() {
  let driver = Driver.chosen
  guard let messages = MessageInterrupts(driver.function) else {
    return Report.skip("the function has no MSI")
  }
  let first = Interrupts.firstMessageVector
  // What a VMM offers may be less than what the function has.
  let vectors = min(messages.capacity, driver.messageCount)
  Report.note("vectors", vectors)
  messages.enable(vectors: vectors, from: first)
  driver.allow()
  let rounds = Parameters.number("count", or: 100)
  var isEach = true
  for round in 1...max(1, rounds) {
    for vector in 0..<vectors {
      driver.raise(vector)
      if !Interrupts.wait({ Interrupts.count(first + vector) >= round }) { isEach = false }
      driver.acknowledge()
    }
    if !isEach { break }
  }
  Report.check(isEach, "each message arrives at its vector")
  var isExact = true
  for vector in 0..<vectors where Interrupts.count(first + vector) != max(1, rounds) {
    isExact = false
  }
  Report.check(isExact, "and no other")
  checkMessageMasks(driver, messages, first, vectors)
  messages.disable()
  Interrupts.clearCounts()
  driver.function.command(set: PCIFunction.Command.noINTx)
  driver.raise(0)
  Interrupts.settle()
  Report.check(Interrupts.count(first), is: 0, "nothing comes once it is off")
  driver.acknowledge()
}

private func checkMessageMasks(
  _ driver: Driver, _ messages: MessageInterrupts, _ first: UInt32, _ vectors: UInt32
) {
  guard messages.hasMasks else { return Report.skip("no mask bits") }
  let last = vectors - 1
  Interrupts.clearCounts()
  messages.masks = 1 << last
  Report.check(messages.masks, is: 1 << last, "mask bits can be written")
  for _ in 0..<3 { driver.raise(last) }
  Interrupts.settle()
  Report.check(Interrupts.count(first + last), is: 0, "a masked vector does not come")
  // A VMM that shows mask bits of its own may show none here.
  Report.note("pending bits", messages.pending)
  messages.masks = 0
  Report.check(Interrupts.wait { Interrupts.count(first + last) >= 1 }, "and comes when unmasked")
  Interrupts.settle()
  Report.check(Interrupts.count(first + last), is: 1, "once")
  Report.check(messages.pending, is: 0, "and pends no more")
}

/// MSI-X: entries written and read, vectors counted, masks of entries and of the function.
func checkMessageTable() {
  let driver = Driver.chosen
  guard driver.vectorCount > 0, let table = MessageTable(driver.function) else {
    return Report.skip("the function has no MSI-X to be raised")
  }
  let first = Interrupts.firstMessageVector
  let vectors = min(table.capacity, min(driver.vectorCount, 64))
  Report.note("vectors", vectors)
  for entry in 0..<vectors { table.set(entry, vector: first + entry, isMasked: true) }
  Report.check(
    table.word(vectors - 1, 0) == Interrupts.messageAddress
      && table.word(vectors - 1, 2) == first + vectors - 1 && table.word(vectors - 1, 3) & 1 == 1,
    "entries keep what is written")
  table.enable()
  driver.allow()
  for entry in 0..<vectors { table.mask(entry, false) }
  let rounds = Parameters.number("count", or: 100)
  var isEach = true
  for round in 1...max(1, rounds) {
    for entry in 0..<vectors {
      driver.raise(entry)
      if !Interrupts.wait({ Interrupts.count(first + entry) >= round }) { isEach = false }
    }
    if !isEach { break }
  }
  Report.check(isEach, "each message arrives at its vector")
  var isExact = true
  for entry in 0..<vectors where Interrupts.count(first + entry) != max(1, rounds) {
    isExact = false
  }
  Report.check(isExact, "and no other")
  checkTableMasks(driver, table, first, vectors)
  Interrupts.clearCounts()
  table.set(0, vector: first + 100, isMasked: false)
  driver.raise(0)
  Report.check(
    Interrupts.wait { Interrupts.count(first + 100) == 1 } && Interrupts.count(first) == 0,
    "an entry can be pointed at another vector")
  table.disable()
  Interrupts.clearCounts()
  driver.function.command(set: PCIFunction.Command.noINTx)
  driver.raise(1)
  Interrupts.settle()
  Report.check(Interrupts.count(first + 1), is: 0, "nothing comes once it is off")
  driver.acknowledge()
}

private func checkTableMasks(
  _ driver: Driver, _ table: MessageTable, _ first: UInt32, _ vectors: UInt32
) {
  let last = vectors - 1
  Interrupts.clearCounts()
  table.mask(last, true)
  for _ in 0..<3 { driver.raise(last) }
  Interrupts.settle()
  Report.check(Interrupts.count(first + last), is: 0, "a masked entry sends nothing")
  Report.check(Interrupts.wait { table.isPending(last) }, "its bit pends")
  table.mask(last, false)
  Report.check(Interrupts.wait { Interrupts.count(first + last) >= 1 }, "it comes when unmasked")
  Interrupts.settle()
  Report.check(Interrupts.count(first + last), is: 1, "once")
  Report.check(!table.isPending(last), "and pends no more")
  Interrupts.clearCounts()
  table.isMasked = true
  for entry in 0..<vectors { driver.raise(entry) }
  Interrupts.settle()
  var sum: UInt32 = 0
  for entry in 0..<vectors { sum += Interrupts.count(first + entry) }
  Report.check(sum, is: 0, "a masked function sends nothing")
  table.isMasked = false
  var isEach = true
  for entry in 0..<vectors {
    if !Interrupts.wait({ Interrupts.count(first + entry) >= 1 }) { isEach = false }
  }
  Interrupts.settle()
  for entry in 0..<vectors where Interrupts.count(first + entry) != 1 { isEach = false }
  Report.check(isEach, "all vectors come once when it is unmasked")
}
