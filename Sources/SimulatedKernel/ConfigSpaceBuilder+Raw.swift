extension ConfigSpaceBuilder {
  /// A space with exactly the given 256 or 4096 bytes. What a write does to each register follows
  /// from the header and the capabilities found in them; BARs keep the builder's.
  package func build(raw bytes: [UInt8]) -> HostConfigSpace {
    var found = HostConfigSpace(size: bytes.count)
    found.set(bytes, at: 0)
    var config = HostConfigSpace(size: bytes.count)
    for (identifier, offset) in found.capabilities {
      Self.recognized(identifier, at: offset, in: found)?.place(in: &config)
    }
    for (identifier, offset) in found.extendedCapabilities {
      Self.recognizedExtended(identifier, at: offset)?.place(in: &config)
    }
    config.set(bytes, at: 0)
    let type = UInt64(bytes[PCIRegister.headerType] & 0x7F) | (isMultifunction ? 0x80 : 0)
    config.set(type, at: PCIRegister.headerType, width: 1)
    Self.placeBARs(bars, rom: rom, in: &config)
    Self.allowHeaderWrites(commandWritable: commandWritable, in: &config)
    return config
  }

  private static func recognized(
    _ identifier: UInt8, at offset: Int, in config: HostConfigSpace
  ) -> HostCapability? {
    switch identifier {
    case StandardCapability.pm:
      return .powerManagement(at: offset, capabilities: 0, control: 0)
    case StandardCapability.msi:
      let control = config.word(at: offset + 2)
      return .msi(
        at: offset, vectors: 1 << Int(control >> 1 & 7), is64Bit: control & 0x80 != 0,
        hasMasks: control & 0x100 != 0)
    case StandardCapability.msix:
      return .msix(
        at: offset, vectors: 1, tableBAR: 0, tableOffset: 0, pendingBAR: 0, pendingOffset: 0)
    case StandardCapability.pcie: return HostExpressRegisters().capability(at: offset)
    case StandardCapability.vpd: return .vitalProductData(at: offset)
    default: return nil
    }
  }

  private static func recognizedExtended(
    _ identifier: UInt16, at offset: Int
  ) -> HostCapability? {
    switch identifier {
    case ExtendedCapability.aer: .errorReporting(at: offset, version: 2)
    case ExtendedCapability.ats: .addressTranslation(at: offset, queueDepth: 0, isPageAligned: true)
    case ExtendedCapability.acs: .accessControl(at: offset, capabilities: 0x7F)
    case ExtendedCapability.ltr: .latencyTolerance(at: offset)
    default: nil
    }
  }
}
