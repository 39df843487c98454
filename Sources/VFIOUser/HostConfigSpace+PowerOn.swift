internal import PCI
package import SimulatedKernel

extension HostConfigSpace {
  /// The space before any firmware: nothing decodes, BARs have no address and take one, nothing that an
  /// operating system enables is enabled.
  package func afterPowerOn(bars: [HostBAR], romSize: UInt64?) -> HostConfigSpace {
    var config = self
    config.set(0, at: PCIRegister.command, width: 2)
    config.set(0, at: PCIRegister.interruptLine, width: 1)
    for bar in bars {
      let register = PCIRegister.bar(bar.index)
      let width = bar.kind == .memory64 ? 8 : 4
      config.set(bar.typeBits, at: register, width: width)
      config.allow(writing: ~(max(16, bar.size) - 1), at: register, width: width)
      if bar.kind == .io { config.allow(writing: ~(bar.size - 1) & ~3, at: register, width: 4) }
    }
    if let romSize {
      config.set(0, at: PCIRegister.rom, width: 4)
      config.allow(writing: ~(romSize - 1) | 1, at: PCIRegister.rom, width: 4)
    }
    if let offset = capability(.msi) { config.clear(0x71, at: offset + 2) }
    if let offset = capability(.msix) { config.clear(0xC000, at: offset + 2) }
    if let offset = capability(.powerManagement) { config.clear(0x3, at: offset + 4) }
    for identifier in [ExtendedCapabilityID.pasid, .ats] {
      if let offset = extendedCapability(identifier) { config.clear(0xFFFF, at: offset + 6) }
    }
    if let offset = extendedCapability(.pri) { config.clear(0x3, at: offset + 4) }
    return config
  }

  /// Clears bits of a 16-bit register.
  private mutating func clear(_ bits: UInt16, at offset: Int) {
    set(UInt64(word(at: offset) & ~bits), at: offset, width: 2)
  }
}
