/// Who made a PCI function and what it is: the first two numbers of its config space.
package struct PCIIdentity: Sendable, Hashable {
  package let vendor: UInt16
  package let device: UInt16

  package init(vendor: UInt16, device: UInt16) {
    self.vendor = vendor
    self.device = device
  }
}

extension PCIIdentity: CustomStringConvertible {
  /// The form of `lspci -nn`: `[8086:10d3]`.
  package var description: String {
    "[\(Self.digits(vendor)):\(Self.digits(device))]"
  }

  private static func digits(_ value: UInt16) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 4 - digits.utf8.count) + digits
  }
}
