/// Where a function sits on the guest's root bus: `SLOT[.FUNCTION]`, hexadecimal.
package struct GuestPCIAddress: Sendable, Hashable, CustomStringConvertible {
  /// The slot, 0 to 31.
  package let slot: UInt8

  /// The function, 0 to 7; 0 unless written.
  package let function: UInt8

  /// Makes an address; `nil` when `slot` is over 31 or `function` over 7.
  package init?(slot: UInt8, function: UInt8 = 0) {
    guard slot <= 31, function <= 7 else { return nil }
    self.slot = slot
    self.function = function
  }

  /// Reads QEMU's text form, `0x` allowed before a field; `nil` when a field is not a hexadecimal
  /// number in range.
  package init?(_ text: String) {
    let fields = text.split(separator: ".", omittingEmptySubsequences: false)
    guard fields.count == 1 || fields.count == 2, let slot = Self.field(fields[0]) else {
      return nil
    }
    guard fields.count == 2 else {
      self.init(slot: slot)
      return
    }
    guard let function = Self.field(fields[1]) else { return nil }
    self.init(slot: slot, function: function)
  }

  /// Slot and function as PCI packs them: slot in bits 7:3, function in bits 2:0.
  package var devfn: UInt8 { slot << 3 | function }

  /// The form `lspci` uses: `04.0`.
  package var description: String {
    slot.hexadecimal(width: 2) + "." + function.hexadecimal(width: 1)
  }

  private static func field(_ text: Substring) -> UInt8? {
    UInt8(hexadecimalDigits: text.hasPrefix("0x") ? text.dropFirst(2) : text)
  }
}
