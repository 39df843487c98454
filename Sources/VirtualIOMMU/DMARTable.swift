package import PCI

/// The ACPI table that tells a guest of the vIOMMU, as QEMU 11.1 writes it for a q35 machine (VT-d 4.1,
/// chapter 8).
package struct DMARTable: Equatable, Sendable {
  /// A function on a root bus that the vIOMMU is in front of.
  package struct Scope: Equatable, Sendable {
    /// What the guest finds there.
    package enum Kind: UInt8, Sendable {
      /// An endpoint, a host bridge included.
      case endpoint = 1
      /// A root port or a bridge: all below it is meant too.
      case bridge = 2
    }

    package let kind: Kind
    package let address: PCIAddress

    package init(_ kind: Kind, _ address: PCIAddress) {
      self.kind = kind
      self.address = address
    }
  }

  /// The I/O APIC's requester id: bus 0xff, slot 0, function 0.
  private static let interruptControllerBus: UInt8 = 0xff
  private static let interruptControllerID: UInt8 = 0

  /// The whole table, its checksum included.
  package let bytes: [UInt8]

  /// - Parameter scopes: Every function on a root bus, in any order; the domain is left out.
  package init(_ values: VIOMMUValues, scopes: [Scope]) {
    var remapping: [UInt8] = []
    Self.appendScope(
      kind: 3, enumeration: Self.interruptControllerID, bus: Self.interruptControllerBus, devfn: 0,
      to: &remapping)
    for scope in scopes.sorted(by: { $0.address < $1.address }) {
      Self.appendScope(
        kind: scope.kind.rawValue, enumeration: 0, bus: scope.address.bus,
        devfn: scope.address.devfn, to: &remapping)
    }

    var table: [UInt8] = []
    // Host address width less one, flags (interrupts are remapped), 10 reserved bytes.
    table.append(UInt8(truncatingIfNeeded: values.addressWidth - 1))
    table.append(values.remapsInterrupts ? 1 : 0)
    table += [UInt8](repeating: 0, count: 10)
    // One remapping unit without the flag that would include all functions.
    LittleEndian.append(0, count: 2, to: &table)
    LittleEndian.append(UInt64(16 + remapping.count), count: 2, to: &table)
    LittleEndian.append(0, count: 4, to: &table)
    LittleEndian.append(VTdRegisters.baseAddress, count: 8, to: &table)
    table += remapping
    if values.hasDeviceTLB {
      // All root ports let ATS through.
      LittleEndian.append(2, count: 2, to: &table)
      LittleEndian.append(8, count: 2, to: &table)
      table += [1, 0, 0, 0]
    }
    bytes = Self.headed(table)
  }

  /// One entry of a device scope with a path of one step.
  private static func appendScope(
    kind: UInt8, enumeration: UInt8, bus: UInt8, devfn: UInt8, to bytes: inout [UInt8]
  ) {
    bytes += [kind, 8, 0, 0, enumeration, bus, devfn >> 3, devfn & 7]
  }

  /// A table behind the header that every ACPI table has (ACPI 6.5, 5.2.6); its bytes sum up to 0.
  private static func headed(_ table: [UInt8]) -> [UInt8] {
    var bytes = Array("DMAR".utf8)
    LittleEndian.append(UInt64(36 + table.count), count: 4, to: &bytes)
    bytes += [1, 0]
    bytes += Array("BOCHS ".utf8) + Array("BXPC    ".utf8)
    LittleEndian.append(1, count: 4, to: &bytes)
    bytes += Array("BXPC".utf8)
    LittleEndian.append(1, count: 4, to: &bytes)
    bytes += table
    bytes[9] = bytes.reduce(0) { $0 &- $1 }
    return bytes
  }
}
