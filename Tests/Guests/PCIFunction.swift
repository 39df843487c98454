/// A PCI function by its address, and its config space.
struct PCIFunction: Equatable {
  var bus: UInt32
  var device: UInt32
  var function: UInt32

  /// How config space is reached.
  enum Mechanism {
    /// Address port 0xCF8 and data port 0xCFC: 256 bytes.
    case ports
    /// The window that the host bridge was given: 4096 bytes.
    case window
  }

  /// Where the window is; 0 without one.
  nonisolated(unsafe) static var window: UInt32 = 0

  private var windowAddress: UInt32 { Self.window + (bus << 20 | device << 15 | function << 12) }

  /// Writes the address port.
  func select(_ offset: UInt32) {
    out32(0xCF8, 1 << 31 | bus << 16 | device << 11 | function << 8 | offset & 0xFC)
  }

  func read8(_ offset: UInt32, by mechanism: Mechanism = .ports) -> UInt32 {
    if mechanism == .window { return UInt32(load8(windowAddress + offset)) }
    select(offset)
    return UInt32(in8(0xCFC + UInt16(offset & 3)))
  }

  func read16(_ offset: UInt32, by mechanism: Mechanism = .ports) -> UInt32 {
    if mechanism == .window { return UInt32(load16(windowAddress + offset)) }
    select(offset)
    return UInt32(in16(0xCFC + UInt16(offset & 2)))
  }

  func read32(_ offset: UInt32, by mechanism: Mechanism = .ports) -> UInt32 {
    if mechanism == .window { return load32(windowAddress + offset) }
    select(offset)
    return in32(0xCFC)
  }

  func write8(_ offset: UInt32, _ value: UInt32, by mechanism: Mechanism = .ports) {
    if mechanism == .window {
      return store8(windowAddress + offset, UInt8(truncatingIfNeeded: value))
    }
    select(offset)
    out8(0xCFC + UInt16(offset & 3), UInt8(truncatingIfNeeded: value))
  }

  func write16(_ offset: UInt32, _ value: UInt32, by mechanism: Mechanism = .ports) {
    if mechanism == .window {
      return store16(windowAddress + offset, UInt16(truncatingIfNeeded: value))
    }
    select(offset)
    out16(0xCFC + UInt16(offset & 2), UInt16(truncatingIfNeeded: value))
  }

  func write32(_ offset: UInt32, _ value: UInt32, by mechanism: Mechanism = .ports) {
    if mechanism == .window { return store32(windowAddress + offset, value) }
    select(offset)
    out32(0xCFC, value)
  }

  // MARK: Header

  var exists: Bool { read16(0) != 0xFFFF }
  /// Vendor, and device in the upper half.
  var identity: UInt32 { read32(0) }
  var isBridge: Bool { read8(0x0E) & 0x7F == 1 }

  /// Bits of the command register.
  enum Command {
    static let io: UInt32 = 1
    static let memory: UInt32 = 2
    static let master: UInt32 = 4
    static let noINTx: UInt32 = 0x400
  }

  /// Sets and clears bits of the command register.
  func command(set: UInt32 = 0, clear: UInt32 = 0) {
    write16(4, read16(4) & ~clear | set)
  }

  /// The offset of a standard capability, nil without it.
  func capability(_ identifier: UInt32) -> UInt32? {
    guard read16(6) & 0x10 != 0 else { return nil }
    var offset = read8(0x34) & 0xFC
    var patience = 48
    while offset >= 0x40, patience > 0 {
      if read8(offset) == identifier { return offset }
      offset = read8(offset + 1) & 0xFC
      patience -= 1
    }
    return nil
  }

  /// Says the address and what is there.
  func describe() {
    Console.put("# function ")
    Console.put(hex: bus, digits: 2)
    Console.put(":")
    Console.put(hex: device, digits: 2)
    Console.put(".")
    Console.put(hex: function, digits: 1)
    Console.put(" ")
    Console.put(hex: identity & 0xFFFF, digits: 4)
    Console.put(":")
    Console.put(hex: identity >> 16, digits: 4)
    Console.put(" class ")
    Console.put(hex: read32(8) >> 8, digits: 6)
    Console.put("\n")
  }
}
