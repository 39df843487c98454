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
  package func capability(_ identifier: UInt8) -> Int? {
    capabilities.first { $0.identifier == identifier }?.offset
  }

  /// The offset of an extended capability in the chain, or nil.
  package func extendedCapability(_ identifier: UInt16) -> Int? {
    extendedCapabilities.first { $0.identifier == identifier }?.offset
  }

  /// The standard capabilities in chain order; a looping chain ends at 48.
  package var capabilities: [(identifier: UInt8, offset: Int)] {
    guard word(at: PCIRegister.status) & PCIRegister.statusCapabilityList != 0 else { return [] }
    var found: [(identifier: UInt8, offset: Int)] = []
    var next = Int(byte(at: PCIRegister.capabilityPointer) & 0xFC)
    while next >= 0x40, found.count < 48 {
      found.append((byte(at: next), next))
      next = Int(byte(at: next + 1) & 0xFC)
    }
    return found
  }

  /// The extended capabilities in chain order; a looping chain ends at 960.
  package var extendedCapabilities: [(identifier: UInt16, offset: Int)] {
    guard size > 256, long(at: 0x100) != 0, long(at: 0x100) != 0xFFFF_FFFF else { return [] }
    var found: [(identifier: UInt16, offset: Int)] = []
    var next = 0x100
    while next >= 0x100, found.count < 960 {
      let header = long(at: next)
      found.append((UInt16(truncatingIfNeeded: header), next))
      next = Int(header >> 20 & 0xFFC)
    }
    return found
  }
}

/// Offsets and bits of the header that all functions share (PCI Local Bus 3.0, 6.1).
package enum PCIRegister {
  package static let vendor = 0x00
  package static let device = 0x02
  package static let command = 0x04
  package static let status = 0x06
  package static let revision = 0x08
  package static let cacheLine = 0x0C
  package static let latency = 0x0D
  package static let headerType = 0x0E
  package static let bist = 0x0F
  package static let bar0 = 0x10
  package static let subsystemVendor = 0x2C
  package static let subsystem = 0x2E
  package static let rom = 0x30
  package static let capabilityPointer = 0x34
  package static let interruptLine = 0x3C
  package static let interruptPin = 0x3D

  package static let commandIO: UInt16 = 0x1
  package static let commandMemory: UInt16 = 0x2
  package static let commandMaster: UInt16 = 0x4
  package static let commandInterruptDisable: UInt16 = 0x400
  package static let statusCapabilityList: UInt16 = 0x10
}

/// Identifiers of the standard capabilities that the model looks into.
package enum StandardCapability {
  package static let pm: UInt8 = 0x01
  package static let agp: UInt8 = 0x02
  package static let vpd: UInt8 = 0x03
  package static let msi: UInt8 = 0x05
  package static let pcix: UInt8 = 0x07
  package static let ht: UInt8 = 0x08
  package static let vendor: UInt8 = 0x09
  package static let pcie: UInt8 = 0x10
  package static let msix: UInt8 = 0x11
  package static let sata: UInt8 = 0x12
  package static let af: UInt8 = 0x13
}

/// Identifiers of the extended capabilities that the model looks into.
package enum ExtendedCapability {
  package static let aer: UInt16 = 0x01
  package static let vc: UInt16 = 0x02
  package static let dsn: UInt16 = 0x03
  package static let powerBudget: UInt16 = 0x04
  package static let mfvc: UInt16 = 0x08
  package static let vc9: UInt16 = 0x09
  package static let vendor: UInt16 = 0x0B
  package static let acs: UInt16 = 0x0D
  package static let ari: UInt16 = 0x0E
  package static let ats: UInt16 = 0x0F
  package static let sriov: UInt16 = 0x10
  package static let multicast: UInt16 = 0x12
  package static let pri: UInt16 = 0x13
  package static let resizableBAR: UInt16 = 0x15
  package static let dpa: UInt16 = 0x16
  package static let tph: UInt16 = 0x17
  package static let ltr: UInt16 = 0x18
  package static let secondaryPCIe: UInt16 = 0x19
  package static let pasid: UInt16 = 0x1B
  package static let dpc: UInt16 = 0x1D
  package static let l1Substates: UInt16 = 0x1E
  package static let ptm: UInt16 = 0x1F
  package static let dvsec: UInt16 = 0x23
}
