package import PCI

extension HostCapability {
  /// A standard capability known only by its bytes after the header.
  package static func standard(_ identifier: CapabilityID, at offset: Int, body: [UInt8]) -> Self {
    var capability = HostCapability(identifier, at: offset, length: 2 + body.count)
    capability.overlay(body)
    return capability
  }

  /// Power management; `control` is PMCSR, whose bit 3 says that D3hot keeps state.
  package static func powerManagement(
    at offset: Int, capabilities: UInt16, control: UInt16
  ) -> Self {
    var capability = HostCapability(.powerManagement, at: offset, length: 8)
    capability.set(2, UInt64(capabilities), width: 2)
    capability.set(4, UInt64(control), width: 2, writable: 0x1F03, clearedByOne: 0x8000)
    return capability
  }

  /// MSI with room for `vectors`, a power of two up to 32.
  package static func msi(
    at offset: Int, vectors: Int, is64Bit: Bool, hasMasks: Bool
  ) -> Self {
    let length = 10 + (is64Bit ? 4 : 0) + (hasMasks ? 10 : 0)
    var capability = HostCapability(.msi, at: offset, length: length)
    let capable = UInt64(max(1, vectors).trailingZeroBitCount) << 1
    capability.set(
      2, capable | (is64Bit ? 0x80 : 0) | (hasMasks ? 0x100 : 0), width: 2, writable: 0x71)
    capability.set(4, 0, width: 4, writable: 0xFFFF_FFFC)
    if is64Bit { capability.set(8, 0, width: 4, writable: 0xFFFF_FFFF) }
    let data = is64Bit ? 12 : 8
    capability.set(data, 0, width: 2, writable: 0xFFFF)
    if hasMasks {
      let used = vectors >= 32 ? 0xFFFF_FFFF : (UInt64(1) << UInt64(vectors)) - 1
      capability.set(data + 4, 0, width: 4, writable: used)
    }
    return capability
  }

  /// MSI-X with its table and pending bits in BARs; offsets are multiples of 8.
  package static func msix(
    at offset: Int, vectors: Int, tableBAR: Int, tableOffset: UInt32, pendingBAR: Int,
    pendingOffset: UInt32
  ) -> Self {
    var capability = HostCapability(.msix, at: offset, length: 12)
    capability.set(2, UInt64(vectors - 1), width: 2, writable: 0xC000)
    capability.set(4, UInt64(tableOffset) | UInt64(tableBAR), width: 4)
    capability.set(8, UInt64(pendingOffset) | UInt64(pendingBAR), width: 4)
    return capability
  }

  /// Vital product data, reached through an address and a data register.
  package static func vitalProductData(at offset: Int) -> Self {
    var capability = HostCapability(.vpd, at: offset, length: 8)
    capability.set(2, 0, width: 2, writable: 0xFFFF)
    capability.set(4, 0, width: 4, writable: 0xFFFF_FFFF)
    return capability
  }

  /// Advanced features of a conventional function.
  package static func advancedFeatures(at offset: Int, hasFLR: Bool) -> Self {
    var capability = HostCapability(.advancedFeatures, at: offset, length: 6)
    capability.set(2, 6, width: 1)
    capability.set(3, hasFLR ? 3 : 1, width: 1)
    return capability
  }

  /// A vendor's own capability: its length byte, then `body`.
  package static func vendor(at offset: Int, body: [UInt8]) -> Self {
    .standard(.vendorSpecific, at: offset, body: [UInt8(clamping: 3 + body.count)] + body)
  }
}

/// The registers of a PCI Express capability (PCI Express Base 5.0, 7.5.3).
package struct HostExpressRegisters: Sendable, Equatable {
  package var version: UInt8 = 2
  /// Device/port type: 0 endpoint, 1 legacy endpoint, 4 root port, 7 PCIe-to-PCI bridge, 9 integrated.
  package var type: UInt8 = 0
  package var deviceCapabilities: UInt32 = 0x0000_8001
  package var deviceControl: UInt16 = 0x2810
  package var deviceControlWritable: UInt16 = 0x7FFF
  package var linkCapabilities: UInt32 = 0x0004_7C11
  package var linkControl: UInt16 = 0x0000
  package var linkStatus: UInt16 = 0x1011
  package var deviceCapabilities2: UInt32 = 0
  package var deviceControl2Writable: UInt16 = 0x041F
  package var linkCapabilities2: UInt32 = 0x0000_0002

  package init() {}

  /// Bit 28 of the device capabilities.
  package var hasFLR: Bool {
    get { deviceCapabilities & 1 << 28 != 0 }
    set { deviceCapabilities = deviceCapabilities & ~(1 << 28) | (newValue ? 1 << 28 : 0) }
  }

  /// The capability, 20 bytes in version 1 and 60 in version 2.
  package func capability(at offset: Int) -> HostCapability {
    var capability = HostCapability(.pcie, at: offset, length: version < 2 ? 20 : 60)
    capability.set(2, UInt64(version) | UInt64(type) << 4, width: 2)
    capability.set(4, UInt64(deviceCapabilities), width: 4)
    // The FLR bit is an order, not a state: it always reads 0.
    capability.set(
      8, UInt64(deviceControl), width: 2, writable: UInt64(deviceControlWritable & 0x7FFF))
    capability.set(10, 0, width: 2, clearedByOne: 0xF)
    capability.set(12, UInt64(linkCapabilities), width: 4)
    capability.set(16, UInt64(linkControl), width: 2, writable: 0x01C3)
    capability.set(18, UInt64(linkStatus), width: 2)
    capability.set(36, UInt64(deviceCapabilities2), width: 4)
    capability.set(40, 0, width: 2, writable: UInt64(deviceControl2Writable))
    capability.set(44, UInt64(linkCapabilities2), width: 4)
    capability.set(48, UInt64(linkCapabilities & 0xF), width: 2, writable: 0x001F)
    return capability
  }
}
