extension ConfigImage {
  /// The config space of a root port at power-on, every bit ours.
  package init(rootPort options: RootPortOptions, slot: HotPlugSlot) {
    self.init()
    set(0x00, UInt32(0x000c_1b36))
    set(0x08, UInt32(0x0604_0000))
    BridgeHeader.install(in: &self)
    set(0x0e, UInt8(options.isMultifunction ? 0x81 : 0x01))
    set(0x06, UInt16(0x10))
    makeWritable(0x10, mask: ~UInt32(RootPortLayout.barSize - 1))
    set(0x34, UInt8(options.hasReserve ? RootPortLayout.reserve : RootPortLayout.express))
    set(0x3d, UInt8(1))
    // Subsystem ids (PCI Bridge 1.2, 5.1), the end of the chain.
    set(0x40, UInt32(0x0000_000d))
    set(0x44, UInt32(0x0000_1b36))
    set(RootPortLayout.msix, UInt32(0x0000_4011))
    makeWritable(RootPortLayout.msix + 2, mask: UInt16(0xc000))
    set(RootPortLayout.msix + 8, UInt32(RootPortLayout.pendingOffset))
    setExpress(options, slot)
    if options.hasReserve { setReserve(options) }
    setAdvancedErrors(options)
    set(RootPortLayout.accessControl, UInt32(0x0001_000d))
    set(RootPortLayout.accessControl + 4, UInt32(0x0000_005f))
    makeWritable(RootPortLayout.accessControl + 6, mask: UInt16(0x5f))
  }

  /// Puts what a guest may change into its state after a machine reset; as in QEMU the masks and
  /// severities of errors stay, and the blocking of prefixes.
  package mutating func resetRootPort(_ slot: HotPlugSlot) {
    BridgeHeader.reset(in: &self)
    set(0x10, UInt32(0))
    set(RootPortLayout.msix + 2, UInt16(0))
    let express = RootPortLayout.express
    set(express + 0x08, UInt16(0))
    set(express + 0x10, UInt16(0))
    set(express + 0x1c, UInt16(0))
    set(express + 0x28, UInt16(read(offset: express + 0x28, length: 2) & 0x8000))
    set(RootPortLayout.advancedErrors + 0x2c, UInt32(0))
    set(RootPortLayout.accessControl + 6, UInt16(0))
    setSlot(slot)
  }

  /// Shows the state of the slot.
  package mutating func setSlot(_ slot: HotPlugSlot) {
    set(RootPortLayout.slotControl, slot.control)
    set(RootPortLayout.slotStatus, slot.status)
  }

  /// PCIe 6.0, 7.5.3.
  private mutating func setExpress(_ options: RootPortOptions, _ slot: HotPlugSlot) {
    let express = RootPortLayout.express
    let speed = UInt32(options.speed.rawValue)
    // Next 0x48, version 2, a root port with a slot, MSI-X vector 0.
    set(express, UInt32(0x0142_4810))
    set(express + 0x04, UInt32(options.hasExtendedTags ? 0x8020 : 0x8000))
    makeWritable(express + 0x08, mask: UInt16(0x000f))
    // L0s, link active reporting, and from 5 GT/s on bandwidth notification.
    let link =
      speed | UInt32(options.width & 0x3f) << 4 | 0x400 | (speed > 1 ? 0x30_0000 : 0x20_0000)
    set(express + 0x0c, link | UInt32(options.port) << 24)
    set(express + 0x12, RootPortLayout.linkStatus(options))
    set(express + 0x14, slot.capabilities)
    setSlot(slot)
    makeWritable(express + 0x1c, mask: UInt16(0x7))
    // Extended format and end-to-end TLP prefixes, ARI forwarding.
    set(express + 0x24, UInt32(0x0030_0020))
    makeWritable(express + 0x28, mask: UInt16(0x8020))
    if speed > 1 {
      let speeds = speed > 2 ? (UInt32(2) << speed) - 2 : 0
      set(express + 0x2c, speeds)
      set(express + 0x30, UInt16(speed))
    }
  }

  /// QEMU's vendor capability for firmware: all ones where nothing is said.
  private mutating func setReserve(_ options: RootPortOptions) {
    let reserve = RootPortLayout.reserve
    let low: (UInt64?) -> UInt32 = { $0.map { UInt32(truncatingIfNeeded: $0) } ?? .max }
    set(reserve, UInt32(0x0120_0009) | UInt32(RootPortLayout.express) << 8)
    set(reserve + 0x04, options.busReserve ?? .max)
    set(reserve + 0x08, options.ioReserve ?? .max)
    set(reserve + 0x10, low(options.memoryReserve))
    set(reserve + 0x14, low(options.prefetchable32Reserve))
    set(reserve + 0x18, options.prefetchable64Reserve ?? .max)
  }

  /// PCIe 6.0, 7.8.4.
  private mutating func setAdvancedErrors(_ options: RootPortOptions) {
    let errors = RootPortLayout.advancedErrors
    set(errors, UInt32(0x1482_0001))
    if options.masksUnsupportedErrors {
      set(errors + 0x08, UInt32(0x0240_0000))
      makeWritable(errors + 0x08, mask: UInt32(0x03ff_f030))
    }
    set(errors + 0x0c, UInt32(0x0046_2030))
    makeWritable(errors + 0x0c, mask: UInt32(0x03ff_f030))
    set(errors + 0x14, UInt32(0x0000_e000))
    makeWritable(errors + 0x14, mask: UInt32(0x0000_f1c1))
    set(errors + 0x18, UInt32(0x0000_02a0))
    makeWritable(errors + 0x18, mask: UInt32(0x0000_0540))
    makeWritable(errors + 0x2c, mask: UInt32(0x7))
  }
}
