/// The first serial port, written to without interrupts.
enum Console {
  private static let port: UInt16 = 0x3F8

  static func put(_ byte: UInt8) {
    var patience = 100_000
    while in8(port + 5) & 0x20 == 0, patience > 0 { patience -= 1 }
    out8(port, byte)
  }

  static func put(_ text: StaticString) {
    text.withUTF8Buffer { for byte in $0 { put(byte) } }
  }

  static func put(hex value: UInt32, digits: Int) {
    for digit in (0..<digits).reversed() {
      let nibble = UInt8(value >> UInt32(4 * digit) & 0xF)
      put(nibble < 10 ? 0x30 + nibble : 0x57 + nibble)
    }
  }

  static func put(decimal value: UInt32) {
    if value >= 10 { put(decimal: value / 10) }
    put(0x30 + UInt8(value % 10))
  }
}

/// Says what was found and how it should be, one line a check, and ends the machine with the result.
struct Report {
  private var passed: UInt32 = 0
  private var failed: UInt32 = 0

  nonisolated(unsafe) private static var now = Report()

  static func check(_ isGood: Bool, _ name: StaticString) {
    begin(isGood, name)
    Console.put("\n")
  }

  /// Checks a value; says both when it is another.
  static func check(_ value: UInt32, is expected: UInt32, _ name: StaticString) {
    begin(value == expected, name)
    if value != expected {
      Console.put(": 0x")
      Console.put(hex: value, digits: 8)
      Console.put(", not 0x")
      Console.put(hex: expected, digits: 8)
    }
    Console.put("\n")
  }

  private static func begin(_ isGood: Bool, _ name: StaticString) {
    if isGood { now.passed += 1 } else { now.failed += 1 }
    Console.put(isGood ? "ok   " : "FAIL ")
    Console.put(name)
  }

  /// A line of information: a word and a number.
  static func note(_ name: StaticString, _ value: UInt32) {
    Console.put("# ")
    Console.put(name)
    Console.put(" ")
    Console.put(decimal: value)
    Console.put("\n")
  }

  /// Says why a part of the payload does not apply.
  static func skip(_ reason: StaticString) {
    Console.put("skip ")
    Console.put(reason)
    Console.put("\n")
  }

  /// The last line, and the end: to the debug exit port goes 0 when all was good, 1 when not, 2 when
  /// nothing could be checked.
  static func finish() -> Never {
    Console.put(decimal: now.passed)
    Console.put(" passed, ")
    Console.put(decimal: now.failed)
    Console.put(" failed\n")
    end(now.failed > 0 ? 1 : now.passed > 0 ? 0 : 2)
  }

  /// Ends at once with a message.
  static func stop(_ message: StaticString) -> Never {
    Console.put("FAIL ")
    Console.put(message)
    Console.put("\n")
    end(1)
  }

  private static func end(_ status: UInt32) -> Never {
    out32(0xF4, status)
    // Without the debug exit device the machine is turned off, by a Q35's power management.
    let bridge = PCIFunction(bus: 0, device: 31, function: 0)
    if bridge.identity == 0x2918_8086 {
      bridge.write32(0x40, 0x600)
      bridge.write8(0x44, 0x80)
      out16(0x604, 0x2000)
    }
    while true {
      forbidInterrupts()
      halt()
    }
  }
}
