/// The address of a PCI function on the simulated host: `DDDD:BB:DD.F` in hexadecimal.
package struct HostAddress: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The PCI segment.
  package var domain: UInt16
  package var bus: UInt8
  /// The slot, 0 to 31.
  package var device: UInt8
  /// The function, 0 to 7.
  package var function: UInt8

  package init(domain: UInt16, bus: UInt8, device: UInt8, function: UInt8) {
    self.domain = domain
    self.bus = bus
    self.device = device & 31
    self.function = function & 7
  }

  /// Reads the full form only, as sysfs names functions; nil for anything else.
  package init?(_ text: String) {
    let characters = Array(text.utf8)
    guard characters.count == 12, characters[4] == 0x3A, characters[7] == 0x3A,
      characters[10] == 0x2E,
      let domain = Self.hexadecimal(characters[0..<4]),
      let bus = Self.hexadecimal(characters[5..<7]),
      let device = Self.hexadecimal(characters[8..<10]), device < 32,
      let function = Self.hexadecimal(characters[11..<12]), function < 8
    else { return nil }
    self.init(
      domain: UInt16(domain), bus: UInt8(bus), device: UInt8(device), function: UInt8(function))
  }

  /// Slot and function in one byte, as hot-reset entries carry it.
  package var devfn: UInt8 { device << 3 | function }

  /// The bus the function sits on.
  package var busAddress: HostBusAddress { HostBusAddress(domain: domain, bus: bus) }

  package var description: String {
    "\(busAddress):\(padded(UInt64(device), 2)).\(function)"
  }

  package static func < (left: Self, right: Self) -> Bool {
    (left.domain, left.bus, left.devfn) < (right.domain, right.bus, right.devfn)
  }

  static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt32? {
    var value: UInt32 = 0
    for digit in digits {
      guard let number = hexadecimalDigit(digit) else { return nil }
      value = value << 4 | UInt32(number)
    }
    return value
  }
}

/// The address of a PCI bus on the simulated host: `DDDD:BB` in hexadecimal.
package struct HostBusAddress: Hashable, Sendable, CustomStringConvertible {
  package var domain: UInt16
  package var bus: UInt8

  package init(domain: UInt16, bus: UInt8) {
    self.domain = domain
    self.bus = bus
  }

  /// Reads `DDDD:BB`; nil for anything else.
  package init?(_ text: String) {
    let characters = Array(text.utf8)
    guard characters.count == 7, characters[4] == 0x3A,
      let domain = HostAddress.hexadecimal(characters[0..<4]),
      let bus = HostAddress.hexadecimal(characters[5..<7])
    else { return nil }
    self.init(domain: UInt16(domain), bus: UInt8(bus))
  }

  package var description: String { "\(padded(UInt64(domain), 4)):\(padded(UInt64(bus), 2))" }
}

/// The value of one hexadecimal digit in ASCII, or nil.
func hexadecimalDigit(_ character: UInt8) -> UInt8? {
  switch character {
  case 0x30...0x39: character - 0x30
  case 0x41...0x46: character - 0x41 + 10
  case 0x61...0x66: character - 0x61 + 10
  default: nil
  }
}

/// A number in lower-case hexadecimal with leading zeros up to `width` digits.
func padded(_ value: UInt64, _ width: Int) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
