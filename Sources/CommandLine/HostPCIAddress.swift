/// The address of a PCI function on the host: `[domain:]bus:slot.function`, all fields hexadecimal.
package struct HostPCIAddress: Sendable, Hashable, CustomStringConvertible {
  /// The PCI domain, 16 bits; 0 unless written.
  package let domain: UInt16

  /// The bus number, 8 bits.
  package let bus: UInt8

  /// The slot, 0 to 31.
  package let slot: UInt8

  /// The function, 0 to 7.
  package let function: UInt8

  /// Makes an address; `nil` when `slot` is over 31 or `function` over 7.
  package init?(domain: UInt16 = 0, bus: UInt8, slot: UInt8, function: UInt8) {
    guard slot <= 31, function <= 7 else { return nil }
    self.domain = domain
    self.bus = bus
    self.slot = slot
    self.function = function
  }

  /// Reads QEMU's text form; `nil` when a field is missing, not hexadecimal, or out of range.
  package init?(_ text: String) {
    let colons = text.split(separator: ":", omittingEmptySubsequences: false)
    guard colons.count == 2 || colons.count == 3, let last = colons.last else { return nil }
    let dots = last.split(separator: ".", omittingEmptySubsequences: false)
    guard dots.count == 2,
      let domain = colons.count == 3 ? UInt16(hexadecimalDigits: colons[0]) : 0,
      let bus = UInt8(hexadecimalDigits: colons[colons.count - 2]),
      let slot = UInt8(hexadecimalDigits: dots[0]),
      let function = UInt8(hexadecimalDigits: dots[1])
    else { return nil }
    self.init(domain: domain, bus: bus, slot: slot, function: function)
  }

  /// The form sysfs and QEMU's traces use: `0000:81:00.0`.
  package var description: String {
    domain.hexadecimal(width: 4) + ":" + bus.hexadecimal(width: 2) + ":"
      + slot.hexadecimal(width: 2) + "." + function.hexadecimal(width: 1)
  }
}

extension FixedWidthInteger {
  /// Reads digits only: no sign, prefix or blank, and at least one digit.
  init?(hexadecimalDigits text: some StringProtocol) {
    guard let first = text.utf8.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-") else {
      return nil
    }
    self.init(text, radix: 16)
  }

  /// Lower-case hexadecimal digits, padded with zeros to `width`.
  func hexadecimal(width: Int) -> String {
    let digits = String(self, radix: 16)
    return String(repeating: "0", count: Swift.max(0, width - digits.utf8.count)) + digits
  }
}
