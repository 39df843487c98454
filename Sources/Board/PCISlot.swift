/// Where a function sits on a bus: slot 0 to 31 and function 0 to 7.
package struct PCISlot: Hashable, Sendable {
  /// The slot in bits 7 to 3, the function in bits 2 to 0.
  package let devfn: UInt8

  package init(devfn: UInt8) { self.devfn = devfn }

  /// Nil when a number is out of range.
  package init?(slot: Int, function: Int = 0) {
    guard (0..<32).contains(slot), (0..<8).contains(function) else { return nil }
    devfn = UInt8(slot << 3 | function)
  }

  package var slot: Int { Int(devfn >> 3) }

  package var function: Int { Int(devfn & 7) }

  /// Function 0 of the same slot.
  var functionZero: PCISlot { PCISlot(devfn: devfn & 0xf8) }
}
