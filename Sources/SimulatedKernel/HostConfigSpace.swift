package import PCI

/// The config space of one function as the hardware has it: values and what a write does to them.
///
/// Offsets outside the space read as 0xFF and take no write; nothing traps.
package struct HostConfigSpace: Sendable, Equatable {
  /// 256 or 4096 bytes.
  package private(set) var bytes: [UInt8]
  /// Bits that a write sets or clears.
  private var writable: [UInt8]
  /// Bits that a written 1 clears.
  private var clearedByOne: [UInt8]

  /// A space of `size` bytes, all zero and read-only.
  package init(size: Int) {
    bytes = Array(repeating: 0, count: size)
    writable = bytes
    clearedByOne = bytes
  }

  package var size: Int { bytes.count }

  /// Reads up to 8 bytes, little-endian.
  package func value(at offset: Int, width: Int) -> UInt64 {
    var value: UInt64 = 0
    var position = offset + width
    while position > offset {
      position -= 1
      value = value << 8 | UInt64(byte(at: position))
    }
    return value
  }

  package func byte(at offset: Int) -> UInt8 {
    offset >= 0 && offset < bytes.count ? bytes[offset] : 0xFF
  }
  package func word(at offset: Int) -> UInt16 { UInt16(value(at: offset, width: 2)) }
  package func long(at offset: Int) -> UInt32 { UInt32(value(at: offset, width: 4)) }

  /// Writes one byte as a bus write does.
  package mutating func write(_ byte: UInt8, at offset: Int) {
    guard bytes.indices.contains(offset) else { return }
    let mask = writable[offset]
    bytes[offset] = (bytes[offset] & ~mask | byte & mask) & ~(byte & clearedByOne[offset])
  }

  /// Writes a 16-bit register as a bus write does.
  package mutating func write(word: UInt16, at offset: Int) {
    write(UInt8(truncatingIfNeeded: word), at: offset)
    write(UInt8(word >> 8), at: offset + 1)
  }

  /// Sets a register from the hardware's side, whatever its masks.
  package mutating func set(_ value: UInt64, at offset: Int, width: Int) {
    for index in 0..<width where bytes.indices.contains(offset + index) {
      bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))
    }
  }

  /// Copies bytes in from the hardware's side, whatever their masks.
  package mutating func set(_ values: [UInt8], at offset: Int) {
    for (index, value) in values.enumerated() where bytes.indices.contains(offset + index) {
      bytes[offset + index] = value
    }
  }

  /// Says which bits of a register a write changes, and which a written 1 clears.
  package mutating func allow(
    writing mask: UInt64, clearing oneToClear: UInt64 = 0, at offset: Int, width: Int
  ) {
    for index in 0..<width where bytes.indices.contains(offset + index) {
      writable[offset + index] = UInt8(truncatingIfNeeded: mask >> (8 * UInt64(index)))
      clearedByOne[offset + index] = UInt8(truncatingIfNeeded: oneToClear >> (8 * UInt64(index)))
    }
  }

  /// The offset of a standard capability in the chain, or nil.
  package func capability(_ identifier: CapabilityID) -> Int? {
    capabilities.first { $0.identifier == identifier }?.offset
  }

  /// The offset of an extended capability in the chain, or nil.
  package func extendedCapability(_ identifier: ExtendedCapabilityID) -> Int? {
    extendedCapabilities.first { $0.identifier == identifier }?.offset
  }

  /// The standard capabilities in chain order; a looping chain ends at 48.
  package var capabilities: [(identifier: CapabilityID, offset: Int)] {
    guard word(at: PCIRegister.status) & PCIRegister.statusCapabilityList != 0 else { return [] }
    var found: [(identifier: CapabilityID, offset: Int)] = []
    var next = Int(byte(at: PCIRegister.capabilityPointer) & 0xFC)
    while next >= 0x40, found.count < 48 {
      found.append((CapabilityID(rawValue: byte(at: next)), next))
      next = Int(byte(at: next + 1) & 0xFC)
    }
    return found
  }

  /// The extended capabilities in chain order; a looping chain ends at 960.
  package var extendedCapabilities: [(identifier: ExtendedCapabilityID, offset: Int)] {
    guard size > 256, long(at: 0x100) != 0, long(at: 0x100) != 0xFFFF_FFFF else { return [] }
    var found: [(identifier: ExtendedCapabilityID, offset: Int)] = []
    var next = 0x100
    while next >= 0x100, found.count < 960 {
      let header = long(at: next)
      found.append((ExtendedCapabilityID(rawValue: UInt16(truncatingIfNeeded: header)), next))
      next = Int(header >> 20 & 0xFFC)
    }
    return found
  }
}
