package import PCI

/// The address of a PCI bus on the simulated host: `DDDD:BB` in hexadecimal.
package struct HostBusAddress: Hashable, Sendable, CustomStringConvertible {
  package let domain: UInt16
  package let bus: UInt8

  package init(domain: UInt16, bus: UInt8) {
    self.domain = domain
    self.bus = bus
  }

  /// Reads `DDDD:BB`; nil for anything else.
  package init?(_ text: String) {
    guard let first = PCIAddress(sysfsName: text + ":00.0") else { return nil }
    self = first.busAddress
  }

  package var description: String {
    String(PCIAddress(domain: domain, bus: bus, devfn: 0).description.prefix(7))
  }
}

extension PCIAddress {
  /// The bus the function sits on.
  package var busAddress: HostBusAddress { HostBusAddress(domain: domain, bus: bus) }
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
