/// A system description table in the making: the common header (ACPI 6.5, 5.2.6) and what follows.
struct ACPITable {
  private(set) var bytes: [UInt8]

  /// A table of no contents yet; `signature` has four characters.
  init(_ signature: String, revision: UInt8) {
    bytes = [UInt8](signature.utf8)
    append(UInt32(0))
    append(revision)
    append(UInt8(0))
    append("SWVMM ")
    append("SWIFTVMM")
    append(UInt32(1))
    append("SVMM")
    append(UInt32(1))
  }

  mutating func append(_ value: some FixedWidthInteger & UnsignedInteger) {
    bytes.append(little: value)
  }

  mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  mutating func append(_ contents: [UInt8]) { bytes.append(contentsOf: contents) }

  /// A generic address (5.2.3.2) of whole registers at an I/O port; port 0 is no register.
  mutating func append(register port: UInt16, bits: UInt8, accessBytes: UInt8) {
    guard port != 0 else {
      append([UInt8](repeating: 0, count: 12))
      return
    }
    // Space 1 is I/O; access sizes 1, 2 and 3 are 1, 2 and 4 bytes.
    let access: UInt8 = accessBytes == 4 ? 3 : accessBytes
    append([1, bits, 0, access])
    append(UInt64(port))
  }

  /// The table with its length and checksum.
  var finished: [UInt8] {
    var table = bytes
    table.store(little: UInt32(table.count), at: 4)
    table[9] = Self.checksum(table)
    return table
  }

  /// The byte that makes the sum of all bytes 0, where it is 0 now.
  static func checksum(_ bytes: some Sequence<UInt8>) -> UInt8 { 0 &- bytes.reduce(0, &+) }
}
