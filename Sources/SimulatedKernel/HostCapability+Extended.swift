package import PCI

extension HostCapability {
  /// An extended capability known only by its bytes after the header.
  package static func extended(
    _ identifier: ExtendedCapabilityID, at offset: Int, version: UInt8, body: [UInt8]
  ) -> Self {
    var capability = HostCapability(
      identifier, at: offset, version: version, length: 4 + body.count)
    capability.overlay(body)
    return capability
  }

  /// Advanced error reporting of an endpoint, 44 bytes.
  package static func errorReporting(at offset: Int, version: UInt8) -> Self {
    var capability = HostCapability(.aer, at: offset, version: version, length: 44)
    let uncorrectable: UInt64 = 0x03FF_F031
    capability.set(4, 0, width: 4, clearedByOne: uncorrectable)
    capability.set(8, 0, width: 4, writable: uncorrectable)
    capability.set(12, 0x0006_2030, width: 4, writable: uncorrectable)
    capability.set(16, 0, width: 4, clearedByOne: 0xF1C1)
    capability.set(20, 0x2000, width: 4, writable: 0xF1C1)
    capability.set(24, 0x00A0, width: 4, writable: 0x0140)
    return capability
  }

  /// Device serial number.
  package static func serialNumber(at offset: Int, serial: UInt64) -> Self {
    var capability = HostCapability(.deviceSerialNumber, at: offset, version: 1, length: 12)
    capability.set(4, serial, width: 8)
    return capability
  }

  /// Alternative routing-ID interpretation; `next` is the next function's number or 0.
  package static func alternativeRouting(at offset: Int, next: UInt8) -> Self {
    var capability = HostCapability(.ari, at: offset, version: 1, length: 8)
    capability.set(4, UInt64(next) << 8, width: 2)
    return capability
  }

  /// SR-IOV of a physical function without VFs enabled.
  package static func singleRootIOV(
    at offset: Int, totalVFs: UInt16, firstOffset: UInt16, stride: UInt16, device: UInt16,
    pageSizes: UInt32
  ) -> Self {
    var capability = HostCapability(.sriov, at: offset, version: 1, length: 64)
    capability.set(8, 0, width: 2, writable: 0x1F)
    capability.set(12, UInt64(totalVFs), width: 2)
    capability.set(14, UInt64(totalVFs), width: 2)
    capability.set(16, 0, width: 2, writable: 0xFFFF)
    capability.set(20, UInt64(firstOffset), width: 2)
    capability.set(22, UInt64(stride), width: 2)
    capability.set(26, UInt64(device), width: 2)
    capability.set(28, UInt64(pageSizes), width: 4)
    capability.set(32, 1, width: 4, writable: UInt64(pageSizes))
    return capability
  }

  /// Address translation services.
  package static func addressTranslation(
    at offset: Int, queueDepth: UInt8, isPageAligned: Bool
  ) -> Self {
    var capability = HostCapability(.ats, at: offset, version: 1, length: 8)
    capability.set(4, UInt64(queueDepth & 0x1F) | (isPageAligned ? 0x20 : 0), width: 2)
    capability.set(6, 0, width: 2, writable: 0x801F)
    return capability
  }

  /// PASID, enabled with both permissions it offers, as drivers of the IOMMU leave it at boot.
  package static func pasid(
    at offset: Int, width: UInt8, canExecute: Bool, isPrivileged: Bool
  ) -> Self {
    var capability = HostCapability(.pasid, at: offset, version: 1, length: 8)
    let permissions: UInt64 = (canExecute ? 2 : 0) | (isPrivileged ? 4 : 0)
    capability.set(4, permissions | UInt64(width) << 8, width: 2)
    capability.set(6, 1 | permissions, width: 2, writable: 1 | permissions)
    return capability
  }

  /// Page request interface.
  package static func pageRequest(at offset: Int, capacity: UInt32) -> Self {
    var capability = HostCapability(.pri, at: offset, version: 1, length: 16)
    capability.set(4, 0, width: 2, writable: 0x3)
    capability.set(6, 0x0100, width: 2, clearedByOne: 0x3)
    capability.set(8, UInt64(capacity), width: 4)
    capability.set(12, 0, width: 4, writable: 0xFFFF_FFFF)
    return capability
  }

  /// TLP processing hints without a steering table in the capability.
  package static func processingHints(at offset: Int) -> Self {
    var capability = HostCapability(.tph, at: offset, version: 1, length: 12)
    capability.set(4, 0x5, width: 4)
    capability.set(8, 0, width: 4, writable: 0x0307)
    return capability
  }

  /// Access control services.
  package static func accessControl(at offset: Int, capabilities: UInt16) -> Self {
    var capability = HostCapability(.acs, at: offset, version: 1, length: 8)
    capability.set(4, UInt64(capabilities), width: 2)
    capability.set(6, 0, width: 2, writable: UInt64(capabilities & 0x7F))
    return capability
  }

  /// Latency tolerance reporting.
  package static func latencyTolerance(at offset: Int) -> Self {
    var capability = HostCapability(.ltr, at: offset, version: 1, length: 8)
    capability.set(4, 0, width: 4, writable: 0x1FFF_1FFF)
    return capability
  }

  /// Secondary PCI Express for a link of `lanes`.
  package static func secondaryExpress(at offset: Int, lanes: Int) -> Self {
    HostCapability(.secondaryPCIe, at: offset, version: 1, length: 12 + (2 * lanes + 3) / 4 * 4)
  }
}
