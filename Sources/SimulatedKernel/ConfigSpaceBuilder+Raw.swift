internal import PCI

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
    _ identifier: CapabilityID, at offset: Int, in config: HostConfigSpace
  ) -> HostCapability? {
    switch identifier {
    case .powerManagement:
      return .powerManagement(at: offset, capabilities: 0, control: 0)
    case .msi:
      let control = config.word(at: offset + 2)
      return .msi(
        at: offset, vectors: 1 << Int(control >> 1 & 7), is64Bit: control & 0x80 != 0,
        hasMasks: control & 0x100 != 0)
    case .msix:
      return .msix(
        at: offset, vectors: 1, tableBAR: 0, tableOffset: 0, pendingBAR: 0, pendingOffset: 0)
    case .pcie: return HostExpressRegisters().capability(at: offset)
    case .vpd: return .vitalProductData(at: offset)
    default: return nil
    }
  }

  private static func recognizedExtended(
    _ identifier: ExtendedCapabilityID, at offset: Int
  ) -> HostCapability? {
    switch identifier {
    case .aer: .errorReporting(at: offset, version: 2)
    case .ats: .addressTranslation(at: offset, queueDepth: 0, isPageAligned: true)
    case .acs: .accessControl(at: offset, capabilities: 0x7F)
    case .ltr: .latencyTolerance(at: offset)
    default: nil
    }
  }
}
