/// The resources of a device as the bytes of a resource template (ACPI 6.5, 6.4), in the order of
/// their appending.
struct ResourceTemplate {
  private var bytes: [UInt8] = []

  /// The template with its end tag, as a buffer.
  var buffer: AML { AML.buffer(bytes + [0x79, 0]) }

  /// Fixed I/O ports (6.4.2.5), at most 255.
  mutating func addPorts(_ first: UInt16, count: UInt8) {
    bytes += [0x47, 1]
    bytes.append(little: first)
    bytes.append(little: first)
    bytes += [1, count]
  }

  /// An edge-triggered ISA interrupt 0 to 15 of one device (6.4.2.1).
  mutating func addISAInterrupt(_ number: UInt8) {
    bytes += [0x22]
    bytes.append(little: UInt16(1) << UInt16(number & 15))
  }

  /// Level-triggered shared interrupts to choose from, or the one chosen (6.4.3.6). The first number
  /// is at byte 5 of a template that starts with them.
  mutating func addSharedInterrupts(_ numbers: [UInt32]) {
    bytes += [0x89]
    bytes.append(little: UInt16(2 + 4 * numbers.count))
    // Consumer, level, active high, shared.
    bytes += [0x09, UInt8(truncatingIfNeeded: numbers.count)]
    for number in numbers { bytes.append(little: number) }
  }

  /// Memory of the device itself (6.4.3.5.1), at any address.
  mutating func addMemory(_ range: Range<UInt64>) {
    append(0x8a, type: 0, flags: 1, isProducer: false, range) { UInt64($0) }
  }

  /// Bus numbers from 0 that a bridge hands on (6.4.3.5.3).
  mutating func addBuses(through last: UInt8) {
    append(0x88, type: 2, flags: 0, 0..<(UInt64(last) + 1)) { UInt16(truncatingIfNeeded: $0) }
  }

  /// Ports that a bridge hands on.
  mutating func addPortWindow(_ ports: ClosedRange<UInt16>) {
    let range = UInt64(ports.lowerBound)..<(UInt64(ports.upperBound) + 1)
    append(0x88, type: 1, flags: 3, range) { UInt16(truncatingIfNeeded: $0) }
  }

  /// Memory that a bridge hands on: uncached, readable and writable. Nothing for an empty range.
  mutating func addMemoryWindow(_ range: Range<UInt64>) {
    if range.isEmpty { return }
    if range.upperBound <= 1 << 32 {
      append(0x87, type: 0, flags: 1, range) { UInt32(truncatingIfNeeded: $0) }
    } else {
      append(0x8a, type: 0, flags: 1, range) { UInt64($0) }
    }
  }

  /// An address space descriptor (6.4.3.5) of fixed ends, without translation, whose fields have the
  /// width that `field` gives them.
  private mutating func append<Field: FixedWidthInteger & UnsignedInteger>(
    _ tag: UInt8, type: UInt8, flags: UInt8, isProducer: Bool = true, _ range: Range<UInt64>,
    _ field: (UInt64) -> Field
  ) {
    bytes += [tag]
    bytes.append(little: UInt16(3 + 5 * Field.bitWidth / 8))
    bytes += [type, isProducer ? 0x0c : 0x0d, flags]
    let length = range.upperBound - range.lowerBound
    for value in [0, range.lowerBound, range.upperBound &- 1, 0, length] {
      bytes.append(little: field(value))
    }
  }
}
