extension ConfigImage {
  /// Puts the copy into the state that a guest finds after a bus reset.
  ///
  /// Cleared: what a guest may change of command, status and interrupt line, the cache line size, the
  /// addresses of BARs and ROM (their type bits stay), the power state, and what it may change of MSI
  /// and MSI-X and of PASID. The capabilities are those of the copy's own chains.
  package mutating func resetForBusReset() {
    clearChangeable(PCIRegister.command, count: 4)
    set(PCIRegister.cacheLine, UInt8(0))
    clearChangeable(PCIRegister.bar0, count: 24)
    clearChangeable(PCIRegister.rom, count: 4)
    clearChangeable(PCIRegister.interruptLine, count: 1)
    for capability in CapabilityWalk.standard(in: values).capabilities {
      let offset = capability.offset
      switch capability.id {
      case .powerManagement:
        let control = PowerManagementCapability(in: self, at: offset).controlOffset
        set(control, byte(at: control) & ~(writable[safe: control] & 0x3))
      case .msi:
        let msi = MSICapability(in: self, at: offset)
        clearChangeable(offset, count: min(msi.length, capability.length))
        msi.clearPending(in: &self)
      case .msix:
        clearChangeable(offset + 2, count: 2)
      default:
        break
      }
    }
    for capability in CapabilityWalk.extended(in: values).capabilities
    where capability.id == .pasid {
      PASIDCapability.clearControl(at: capability.offset, in: &self)
    }
  }

  /// Clears the bits that a guest can change in a span of bytes.
  mutating func clearChangeable(_ offset: Int, count: Int) {
    for place in offset..<offset + count {
      set(place, byte(at: place) & ~(writable[safe: place] | clearOnWrite[safe: place]))
    }
  }
}

extension [UInt8] {
  /// The byte at an index, 0 outside.
  fileprivate subscript(safe index: Int) -> UInt8 { indices.contains(index) ? self[index] : 0 }
}
