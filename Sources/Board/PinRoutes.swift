/// How the chipset wires interrupt pins of the root bus to the lines PIRQA (0) to PIRQH (7).
///
/// Slots 0 to 24 take turns on PIRQE to PIRQH. Those from 25 to 31 go as the `DnnIR` registers of the
/// root complex have it (ICH9 datasheet, 10.1.44 to 10.1.50), 4 bits a pin; slot 30 has none and goes to
/// PIRQE to PIRQH by pin. Pure.
struct PinRoutes: Equatable {
  /// By slot from 25; slot 30 is not used.
  private var registers = [UInt16](repeating: 0x3210, count: 7)

  func line(of slot: Int, pin: Int) -> Int {
    switch slot {
    case 25...29, 31: Int(registers[slot - 25] >> UInt16(4 * (pin & 3)) & 7)
    case 30: 4 + pin & 3
    default: 4 + (slot + pin) & 3
    }
  }

  /// The slot and the byte of its register at an offset in the root complex registers.
  private func place(_ offset: UInt64) -> (index: Int, shift: UInt16)? {
    let offsets: InlineArray<6, (UInt64, Int)> = [
      (0x3140, 31), (0x3144, 29), (0x3146, 28), (0x3148, 27), (0x314c, 26), (0x3150, 25),
    ]
    for index in 0..<6 where offsets[index].0 == offset & ~1 {
      return (offsets[index].1 - 25, UInt16(8 * (offset & 1)))
    }
    return nil
  }

  /// Reads 1, 2, 4 or 8 bytes; other registers are zeros.
  func read(offset: UInt64, size: Int) -> UInt64 {
    var value: UInt64 = 0
    for byte in 0..<UInt64(min(max(size, 0), 8)) {
      guard let (index, shift) = place(offset &+ byte) else { continue }
      value |= UInt64(registers[index] >> shift & 0xff) << (8 * byte)
    }
    return value
  }

  /// Writes 1, 2, 4 or 8 bytes; says whether a route register is among them.
  mutating func write(offset: UInt64, size: Int, value: UInt64) -> Bool {
    var isRoute = false
    for byte in 0..<UInt64(min(max(size, 0), 8)) {
      guard let (index, shift) = place(offset &+ byte) else { continue }
      isRoute = true
      let bits = UInt16(value >> (8 * byte) & 0x77) << shift
      registers[index] = registers[index] & ~(0xff << shift) | bits
    }
    return isRoute
  }
}
