/// Where the chipset has its power management ports, and which interrupt they raise.
package struct PowerManagementPlace: Equatable, Sendable {
  /// The first of 128 ports, a multiple of 128; nil while they are off.
  package let base: UInt16?
  /// The global system interrupt of the SCI.
  package let systemControlInterrupt: UInt32

  package init(base: UInt16?, systemControlInterrupt: UInt32) {
    self.base = base
    self.systemControlInterrupt = systemControlInterrupt
  }
}

/// What firmware programs on this board before a guest's kernel starts.
package enum FirmwareSettings {
  /// `PMBASE`.
  package static let powerManagementBase = PowerManagementPorts.base
  /// `RCBA`.
  package static let rootComplexBase: UInt32 = 0xfed1_c000
  /// `PCIEXBAR`, for 256 buses.
  package static let configWindowBase: UInt64 = 0xb000_0000
}
