/// What firmware tables say of the PCI host: windows for `_CRS`, wiring for `_PRT`, the configuration
/// window for MCFG. Values only; as QEMU's q35 has them.
package struct PCIHostFacts: Equatable, Sendable {
  /// One interrupt pin of the root bus, for all functions of a slot.
  package struct Pin: Equatable, Sendable {
    package let slot: Int
    /// 0 for INTA to 3 for INTD.
    package let pin: Int
    /// The line that the pin is wired to at power-on: 0 for PIRQA to 7 for PIRQH. Its register for the
    /// 8259 is `routeRegister`.
    package let line: Int
    /// The I/O APIC's input, 16 to 23: where the pin goes with APICs.
    package var globalInterrupt: UInt32 { 16 + UInt32(line) }
    /// Offset in the config space of 1f.0 of the line's routing register, for PNP0C0F links.
    package var routeRegister: Int { line < 4 ? 0x60 + line : 0x64 + line }
  }

  /// A root port on bus 0, behind which hot plug may happen.
  package struct Port: Equatable, Sendable {
    package let slot: Int
    package let function: Int
    package let id: String?
    package let isHotPluggable: Bool
  }

  /// The memory window to configuration space, 1 MiB a bus from bus 0.
  package let configWindow: ClosedRange<UInt64>
  package let buses: ClosedRange<UInt8> = 0...255
  /// Memory for BARs below 4 GiB: from the end of RAM to the I/O APIC, around the configuration window.
  package let memoryBelow4G: [ClosedRange<UInt64>]
  /// Memory for 64-bit BARs above all RAM; nil where the CPUs' addresses end before.
  package let memoryAbove4G: ClosedRange<UInt64>?
  /// Ports for I/O BARs; 0xcf8 to 0xcff are the host bridge's own.
  package let ports: [ClosedRange<UInt16>] = [0...0xcf7, 0xd00...0xffff]
  /// 32 slots of four pins, by slot, then by pin.
  package let pins: [Pin]
  package let rootPorts: [Port]
  /// Where the power management ports are after `applyFirmwareSettings`.
  package let powerManagement = PowerManagementPlace(
    base: FirmwareSettings.powerManagementBase, systemControlInterrupt: 9)

  /// How much address space 64-bit BARs get, as QEMU's `pci-hole64-size`.
  private static let sizeAbove4G: UInt64 = 32 << 30
  private static let alignmentAbove4G: UInt64 = 1 << 30

  /// Computes the facts of a board with this memory; `addressBits` is the width of the CPUs' physical
  /// addresses.
  package init(_ layout: RAMLayout, addressBits: Int, rootPorts: [Port] = []) {
    let config = FirmwareSettings.configWindowBase
    configWindow = config...(config + (256 << 20) - 1)
    memoryBelow4G = [
      max(layout.below4G, 0x10_0000)...(configWindow.lowerBound - 1),
      (configWindow.upperBound + 1)...0xfebf_ffff,
    ]
    let mask = Self.alignmentAbove4G - 1
    let (end, isBeyond) = (RAMLayout.above4GStart + mask).addingReportingOverflow(layout.above4G)
    let start = end & ~mask
    let limit = addressBits < 64 ? UInt64(1) << UInt64(max(0, addressBits)) : .max
    let (last, overflow) = start.addingReportingOverflow(Self.sizeAbove4G)
    memoryAbove4G = isBeyond || overflow || start >= limit ? nil : start...(min(last, limit) - 1)
    let routes = PinRoutes()
    pins = (0..<32).flatMap { slot in
      (0..<4).map { Pin(slot: slot, pin: $0, line: routes.line(of: slot, pin: $0)) }
    }
    self.rootPorts = rootPorts
  }
}
