package import PCI

/// Which BAR `x-msix-relocation` moves the MSI-X table and the pending bits to.
package enum MSIXRelocationTarget: Equatable, Sendable {
  /// The one that is known to suit the function, of which there is none.
  case automatic
  /// 0 to 5: a BAR that is there grows, another one is added.
  case bar(Int)
}

/// Where a relocated MSI-X table lies, and the BARs that the guest sees because of it.
///
/// Pure. The table and its pending bits get host pages of their own, so that no page of the device's
/// registers has to trap because the table is in it.
package struct MSIXRelocation: Equatable, Sendable {
  /// Why a table cannot go where it is wanted.
  package enum Problem: Error, Equatable, Sendable {
    case unknownFunction
    case ioBAR(Int)
    /// The BAR is the upper half of the one before it.
    case upperHalf(Int)
    case noSpace(Int)
  }

  package let registers: MSIXCapability.Registers
  /// Sizes of the six BARs in bytes, 0 for none.
  package let sizes: [UInt64]
  /// Their registers, with the kind in the low bits.
  package let dwords: [UInt32]

  /// Decides for a function whose BARs have these sizes and registers, six of each.
  package static func make(
    to target: MSIXRelocationTarget, _ original: MSIXCapability.Registers, sizes: [UInt64],
    dwords: [UInt32], pageSize: UInt64 = 4096
  ) throws(Problem) -> MSIXRelocation {
    guard case .bar(let index) = target, sizes.indices.contains(index),
      dwords.count == sizes.count
    else { throw .unknownFunction }
    let length = original.tableLength + original.pendingLength
    let needed = ((length + pageSize - 1) / pageSize * pageSize).roundedUpToPowerOfTwo
    let layout = BARLayout(sizes: sizes, dwords: dwords)
    var (sizes, dwords) = (sizes, dwords)
    var tableOffset: UInt64 = 0
    if sizes[index] == 0 {
      if index > 0, layout[index - 1]?.kind == .memory64 { throw .upperHalf(index) }
      // Prefetchable, since the emulated table can be read without effect.
      let has64Bit = index < 5 && sizes[index + 1] == 0
      dwords[index] = has64Bit ? 0xc : 0x8
      sizes[index] = needed
    } else {
      guard dwords[index] & 1 == 0 else { throw .ioBAR(index) }
      guard sizes[index] <= 1 << 30 || layout[index]?.kind == .memory64, sizes[index] < 1 << 62
      else { throw .noSpace(index) }
      sizes[index] = max(sizes[index], needed) * 2
      tableOffset = sizes[index] / 2
    }
    return MSIXRelocation(
      registers: MSIXCapability.Registers(
        vectorCount: original.vectorCount, tableBAR: index, tableOffset: tableOffset,
        pendingBAR: index, pendingOffset: tableOffset + original.tableLength),
      sizes: sizes, dwords: dwords)
  }
}

extension MSIXRelocation.Problem {
  /// QEMU's sentence; `vendor` and `device` are the function's.
  func message(vendor: UInt32, device: UInt32) -> String {
    switch self {
    case .unknownFunction:
      "No automatic MSI-X relocation available for device \(Self.hex(vendor)):\(Self.hex(device))"
    case .ioBAR(let index): "Invalid MSI-X relocation BAR \(index), I/O port BAR"
    case .upperHalf(let index):
      "Invalid MSI-X relocation BAR \(index), consumed by 64-bit BAR \(index - 1)"
    case .noSpace(let index):
      "Invalid MSI-X relocation BAR \(index), no space to extend 32-bit BAR"
    }
  }

  private static func hex(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
