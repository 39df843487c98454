/// Where a PCI function sits: domain, bus, device and function.
package struct PCIAddress: Hashable, Sendable, CustomStringConvertible {
  /// The PCI segment, 16 bits.
  package let domain: UInt16
  package let bus: UInt8
  /// The device (QEMU says slot), 0 to 31.
  package let device: UInt8
  /// The function, 0 to 7.
  package let function: UInt8

  /// Nil when `device` is over 31 or `function` over 7.
  package init?(domain: UInt16 = 0, bus: UInt8, device: UInt8, function: UInt8) {
    guard device <= 31, function <= 7 else { return nil }
    self.domain = domain
    self.bus = bus
    self.device = device
    self.function = function
  }

  /// The function that `devfn` means on a bus, as a configuration access names it.
  package init(domain: UInt16 = 0, bus: UInt8, devfn: UInt8) {
    self.domain = domain
    self.bus = bus
    device = devfn >> 3
    function = devfn & 7
  }

  /// Reads `[domain:]bus:device.function`, every field hexadecimal digits; nil for anything else or a
  /// field out of range.
  package init?(_ text: String) {
    let colons = text.split(separator: ":", omittingEmptySubsequences: false)
    guard colons.count == 2 || colons.count == 3, let last = colons.last else { return nil }
    let dots = last.split(separator: ".", omittingEmptySubsequences: false)
    guard dots.count == 2,
      let domain: UInt16 = colons.count == 3 ? Self.field(colons[0]) : 0,
      let bus: UInt8 = Self.field(colons[colons.count - 2]),
      let device: UInt8 = Self.field(dots[0]),
      let function: UInt8 = Self.field(dots[1])
    else { return nil }
    self.init(domain: domain, bus: bus, device: device, function: function)
  }

  /// Reads the full form only, `DDDD:BB:DD.F`, as sysfs names functions; nil for anything else.
  package init?(sysfsName: String) {
    self.init(sysfsName)
    guard description == sysfsName.lowercased() else { return nil }
  }

  /// Device in bits 7:3 and function in bits 2:0.
  package var devfn: UInt8 { device << 3 | function }

  /// The form of sysfs and of QEMU's traces: `0000:81:00.0`.
  package var description: String {
    // 12 bytes, which a string holds without an allocation.
    var text = ""
    Self.write(domain, 4, to: &text)
    text.append(":")
    Self.write(UInt16(bus), 2, to: &text)
    text.append(":")
    Self.write(UInt16(device), 2, to: &text)
    text.append(".")
    Self.write(UInt16(function), 1, to: &text)
    return text
  }

  /// Digits only: the standard initializer would also take a sign.
  private static func field<Value: FixedWidthInteger>(_ text: Substring) -> Value? {
    text.utf8.first == UInt8(ascii: "+") || text.utf8.first == UInt8(ascii: "-")
      ? nil : Value(text, radix: 16)
  }

  /// Appends the lowest `count` digits of a number, in lower-case hexadecimal.
  private static func write(_ value: UInt16, _ count: Int, to text: inout String) {
    for place in (0..<count).reversed() {
      let digit = UInt8(truncatingIfNeeded: value >> (4 * place)) & 0xf
      let character = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
      text.unicodeScalars.append(Unicode.Scalar(character))
    }
  }
}

extension PCIAddress: Comparable {
  /// By domain, then bus, device and function.
  package static func < (left: PCIAddress, right: PCIAddress) -> Bool {
    (left.domain, left.bus, left.devfn) < (right.domain, right.bus, right.devfn)
  }
}
