/// The renaming of addresses that `--map A=B` asks for: where A names a function by its first address, B names
/// the same function by the second.
package struct AddressMap: Sendable {
  private var renames: [DeviceAddress: DeviceAddress] = [:]

  package var isEmpty: Bool { renames.isEmpty }

  /// Reads the values of `--map`; throws `invalidMap` for one without `=` and for an address given twice on
  /// a side, `invalidAddress`.
  package init(_ values: [String]) throws(ComparisonError) {
    for value in values {
      let parts = value.split(separator: "=", omittingEmptySubsequences: false)
      guard parts.count == 2 else { throw .invalidMap(value, repeats: nil) }
      let a = try DeviceAddress(String(parts[0]))
      let b = try DeviceAddress(String(parts[1]))
      if renames[a] != nil { throw .invalidMap(value, repeats: a.text) }
      if renames.values.contains(b) { throw .invalidMap(value, repeats: b.text) }
      renames[a] = b
    }
  }

  /// The name that `address` of A is compared by.
  func name(of address: DeviceAddress) -> DeviceAddress {
    renames[address] ?? address
  }

  /// Renames every address of `text` in place.
  func rename(in text: inout [UInt8]) {
    for start in DeviceAddress.positions(in: text) {
      let range = start..<(start + DeviceAddress.length)
      guard let address = DeviceAddress(bytes: Array(text[range])), let new = renames[address]
      else { continue }
      text.replaceSubrange(range, with: new.bytes)
    }
  }
}
