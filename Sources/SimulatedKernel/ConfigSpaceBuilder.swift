internal import PCI

/// Builds the config space of a function as the firmware leaves it: a type 0 header, or type 1 when
/// it leads to a secondary bus.
package struct ConfigSpaceBuilder: Sendable, Equatable {
  package var vendor: UInt16
  package var device: UInt16
  package var subsystemVendor: UInt16 = 0
  package var subsystem: UInt16 = 0
  /// Base class, subclass and interface in 24 bits.
  package var classCode: UInt32 = 0
  package var revision: UInt8 = 0
  /// The command register as the firmware left it.
  package var command: UInt16 = 0
  /// The bits of the command register that the function has.
  package var commandWritable: UInt16 = 0x0547
  package var isMultifunction = false
  /// An SR-IOV virtual function: all ones for vendor and device, no decoding bits, no BARs.
  package var isVirtual = false
  /// 0 for none, 1 to 4 for INTA to INTD.
  package var interruptPin: UInt8 = 0
  package var interruptLine: UInt8 = 0
  package var bars: [HostBAR] = []
  package var rom: HostROM?
  /// The bus that a bridge leads to.
  package var secondaryBus: UInt8?
  /// In chain order.
  package var capabilities: [HostCapability] = []
  /// In chain order; the first is at 0x100.
  package var extendedCapabilities: [HostCapability] = []

  package init(vendor: UInt16, device: UInt16) {
    self.vendor = vendor
    self.device = device
  }

  /// The finished space: 4096 bytes with a PCI Express capability, else 256.
  package func build() -> HostConfigSpace {
    let isExpress = capabilities.contains { $0.identifier == .standard(.pcie) }
    var config = HostConfigSpace(size: isExpress ? 4096 : 256)
    placeHeader(in: &config)
    link(capabilities, in: &config)
    linkExtended(in: &config)
    return config
  }

  private func placeHeader(in config: inout HostConfigSpace) {
    let identity = isVirtual ? 0xFFFF_FFFF : identity
    config.set(UInt64(identity), at: PCIRegister.vendor, width: 4)
    config.set(isVirtual ? 0 : UInt64(command), at: PCIRegister.command, width: 2)
    config.set(UInt64(classCode) << 8 | UInt64(revision), at: PCIRegister.revision, width: 4)
    let type: UInt64 = secondaryBus == nil ? 0 : 1
    config.set(type | (isMultifunction ? 0x80 : 0), at: PCIRegister.headerType, width: 1)
    if let secondaryBus {
      config.set(UInt64(secondaryBus) << 8 | UInt64(secondaryBus) << 16, at: 0x18, width: 3)
    } else {
      config.set(UInt64(subsystemVendor), at: PCIRegister.subsystemVendor, width: 2)
      config.set(UInt64(subsystem), at: PCIRegister.subsystem, width: 2)
    }
    config.set(UInt64(interruptLine), at: PCIRegister.interruptLine, width: 1)
    config.set(UInt64(interruptPin), at: PCIRegister.interruptPin, width: 1)
    if !isVirtual { Self.placeBARs(bars, rom: rom, in: &config) }
    Self.allowHeaderWrites(
      commandWritable: isVirtual ? PCIRegister.commandMaster : commandWritable, in: &config)
  }

  /// Vendor and, in the upper half, device.
  package var identity: UInt32 { UInt32(vendor) | UInt32(device) << 16 }

  /// Puts the firmware's BAR addresses and type bits into a space.
  static func placeBARs(_ bars: [HostBAR], rom: HostROM?, in config: inout HostConfigSpace) {
    for bar in bars {
      config.set(
        bar.address | bar.typeBits, at: PCIRegister.bar(bar.index),
        width: bar.kind == .memory64 ? 8 : 4)
    }
    if let rom { config.set(rom.address, at: PCIRegister.rom, width: 4) }
  }

  /// Says what a write to the header changes; BARs belong to the host and take none.
  static func allowHeaderWrites(commandWritable: UInt16, in config: inout HostConfigSpace) {
    config.allow(writing: UInt64(commandWritable), at: PCIRegister.command, width: 2)
    config.allow(writing: 0, clearing: 0xF900, at: PCIRegister.status, width: 2)
    config.allow(writing: 0xFF, at: PCIRegister.cacheLine, width: 1)
    config.allow(writing: 0xFF, at: PCIRegister.interruptLine, width: 1)
  }

  private func link(_ chain: [HostCapability], in config: inout HostConfigSpace) {
    guard let first = chain.first else { return }
    let status = config.word(at: PCIRegister.status) | PCIRegister.statusCapabilityList
    config.set(UInt64(status), at: PCIRegister.status, width: 2)
    config.set(UInt64(first.offset), at: PCIRegister.capabilityPointer, width: 1)
    for (index, capability) in chain.enumerated() {
      let next = index + 1 < chain.count ? chain[index + 1].offset : 0
      capability.place(in: &config)
      config.set(capability.identifier.number, at: capability.offset, width: 1)
      config.set(UInt64(next), at: capability.offset + 1, width: 1)
    }
  }

  private func linkExtended(in config: inout HostConfigSpace) {
    for (index, capability) in extendedCapabilities.enumerated() {
      let following =
        index + 1 < extendedCapabilities.count ? extendedCapabilities[index + 1].offset : 0
      let next = capability.next.map(Int.init) ?? following
      let header =
        capability.identifier.number | UInt64(capability.version) << 16 | UInt64(next) << 20
      capability.place(in: &config)
      config.set(header, at: capability.offset, width: 4)
    }
  }
}
