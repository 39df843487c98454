/// The processor's own interrupt controller, the I/O APIC, and how often each vector came.
enum Interrupts {
  private static let local: UInt32 = 0xFEE0_0000
  private static let lines: UInt32 = 0xFEC0_0000
  /// The vector of I/O APIC line 0; the others follow.
  static let firstLineVector: UInt32 = 0x40
  /// The first of the vectors for messages.
  static let firstMessageVector: UInt32 = 0x80
  /// What the local controller gives for an interrupt that went away.
  private static let spurious: UInt32 = 0xFF

  nonisolated(unsafe) private static var quiet: (() -> Bool)?
  /// Interrupts by pins that no device had asked for, as the end of a level may give.
  nonisolated(unsafe) private(set) static var strays: UInt32 = 0

  /// Turns the old controller off and the local one on; all lines of the I/O APIC are masked.
  static func setUp() {
    loadInterruptTable()
    out8(0x21, 0xFF)
    out8(0xA1, 0xFF)
    store32(local + 0x80, 0)
    store32(local + 0xF0, 0x100 | spurious)
    for line in 0..<lineCount { setLine(line, 1 << 16) }
    allowInterrupts()
  }

  /// Lines of the I/O APIC that have vectors here.
  static var lineCount: UInt32 { min(48, readLines(1) >> 16 & 0xFF + 1) }

  private static func readLines(_ register: UInt32) -> UInt32 {
    store32(lines, register)
    return load32(lines + 0x10)
  }

  private static func setLine(_ line: UInt32, _ low: UInt32) {
    store32(lines, 0x11 + 2 * line)
    store32(lines + 0x10, processor << 24)
    store32(lines, 0x10 + 2 * line)
    store32(lines + 0x10, low)
  }

  /// Lets the lines of PCI pins (16 and up) through, by level, each with its own vector. `quiet` is
  /// called before the end of each interrupt, makes the device let go, and says whether it was the one.
  static func openPins(_ quiet: @escaping () -> Bool) {
    self.quiet = quiet
    for line in 16..<lineCount { setLine(line, 1 << 15 | firstLineVector + line) }
  }

  static func closePins() {
    for line in 16..<lineCount { setLine(line, 1 << 16) }
    quiet = nil
  }

  private static var processor: UInt32 { load32(local + 0x20) >> 24 }

  /// The address of a message to this processor.
  static var messageAddress: UInt32 { local | processor << 12 }

  // MARK: Counting

  static func count(_ vector: UInt32) -> UInt32 { interruptCount(vector) }

  /// How many interrupts came by pins.
  static var pinCount: UInt32 {
    var sum: UInt32 = 0
    for line in UInt32(16)..<48 { sum += count(firstLineVector + line) }
    return sum
  }

  static func clearCounts() {
    forbidInterrupts()
    clearInterruptCounts()
    allowInterrupts()
  }

  /// Waits until a condition holds, for some seconds at most.
  static func wait(_ isDone: () -> Bool) -> Bool {
    let start = timeStamp()
    while timeStamp() - start < 1 << 33 {
      if isDone() { return true }
      relax()
    }
    return isDone()
  }

  /// Gives an interrupt that should not come the time to come: milliseconds.
  static func settle() {
    let start = timeStamp()
    while timeStamp() - start < 1 << 23 { relax() }
  }

  static func take(_ vector: UInt32) {
    if let quiet, !quiet() { strays += 1 } else { countInterrupt(vector) }
    if vector != spurious { store32(local + 0xB0, 0) }
  }
}

/// Every interrupt and exception comes here.
@_cdecl("handleInterrupt") func handleInterrupt(_ frame: UnsafePointer<InterruptFrame>) {
  let vector = UInt32(truncatingIfNeeded: frame.pointee.vector)
  guard vector < 32 else { return Interrupts.take(vector) }
  Console.put("exception ")
  Console.put(decimal: vector)
  Console.put(" at 0x")
  Console.put(hex: UInt32(truncatingIfNeeded: frame.pointee.address), digits: 8)
  Console.put("\n")
  Report.stop("an exception")
}
