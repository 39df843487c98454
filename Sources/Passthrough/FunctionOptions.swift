package import PCI
package import VirtualIOMMU

/// The properties of `-device vfio-pci` that shape a function once it is attached.
package struct FunctionOptions: Sendable, Equatable {
  /// `x-no-mmap`: every BAR access traps.
  package var isMappingAllowed = true
  /// `x-no-kvm-intx`: INTx comes through this process.
  package var isINTxAccelerationAllowed = true
  /// `x-no-kvm-msi`: MSI comes through this process.
  package var isMSIAccelerationAllowed = true
  /// `x-no-kvm-msix`: MSI-X comes through this process.
  package var isMSIXAccelerationAllowed = true
  /// `x-intx-mmap-timeout-ms`: how long mappings stay off after an INTx; 0 for good.
  package var mappingTimeout: UInt32 = 1100
  /// `multifunction`: whether the guest sees bit 7 of the header type.
  package var isMultifunction = false
  /// `romfile`: a file for the expansion ROM; empty for no ROM; nil for the host's ROM.
  package var romFile: String?
  /// `rombar=0` hides the ROM.
  package var isROMBarEnabled = true

  /// `x-pci-vendor-id` and its like.
  package var identity = IdentityOverrides()
  /// `x-msix-relocation`; nil leaves the table where the device has it.
  package var msixRelocation: MSIXRelocationTarget?
  /// `x-req`: whether the host may ask for the device back.
  package var isRequestHonoured = true
  /// `x-err`: whether an error of the device stops the machine, or is only reported.
  package var stopsOnError = true

  /// `ats`: whether the guest finds the function's ATS capability.
  package var ats = ATSDecision.Request.auto
  /// `x-vpasid-cap-offset`: where the PASID capability goes, if the function shows one.
  package var vpasidCapabilityOffset = ExtendedCapabilityPlacement.Place.auto

  package init() {}
}
