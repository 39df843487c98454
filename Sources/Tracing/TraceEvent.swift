/// A trace event that this program can emit, by QEMU's name in lower camel case.
///
/// The raw value indexes `TraceEvent.definitions`, which holds names and formats.
public enum TraceEvent: Int, CaseIterable, Sendable {
  case vfioMdev
  case vfioPciPopulateDeviceConfig
  case vfioPciPopulateDeviceGetIrqInfoFailure
  case vfioPciEmulatedVendorId
  case vfioPciEmulatedDeviceId
  case vfioPciEmulatedSubVendorId
  case vfioPciEmulatedSubDeviceId
  case vfioPciEmulatedClassCode
  case vfioPciSizeRom
  case vfioPciLoadRom
  case vfioRomRead
  case vfioMsiSetup
  case vfioMsixEarlySetup
  case vfioMsixFixup
  case vfioMsixRelo
  case vfioCheckPcieFlr
  case vfioCheckPmReset
  case vfioCheckAfFlr
  case vfioAddExtCapDropped
  case vfioPciSynthesizePasidCap
  case vfioPciReadConfig
  case vfioPciWriteConfig

  case vfioIntxEnable
  case vfioIntxDisable
  case vfioIntxEnableKvm
  case vfioIntxDisableKvm
  case vfioIntxUpdate
  case vfioIntxInterrupt
  case vfioPciIntxEoi

  case vfioMsiEnable
  case vfioMsiDisable
  case vfioMsiInterrupt
  case vfioMsixEnable
  case vfioMsixDisable
  case vfioMsixVectorDoUse
  case vfioMsixVectorRelease
  case vfioMsixPbaEnable
  case vfioMsixPbaDisable

  case vfioDeviceResetHandler
  case vfioPciReset
  case vfioPciResetFlr
  case vfioPciResetPm
  case vfioPciHotReset
  case vfioPciHotResetHasDepDevices
  case vfioPciHotResetDepDevices
  case iommufdCdevPciHotResetDepDevices
  case vfioPciHotResetResult

  case vfioRegionSetup
  case vfioRegionSparseMmapHeader
  case vfioRegionSparseMmapEntry
  case vfioRegionMmap
  case vfioRegionMmapFault
  case vfioRegionDmabuf
  case vfioRegionMmapsSetEnabled
  case vfioRegionUnmap
  case vfioRegionExit
  case vfioRegionFinalize
  case vfioRegionRead
  case vfioRegionWrite

  case vfioDeviceAttach
  case vfioDeviceGet
  case vfioDeviceDetach
  case vfioDevicePut
  case vfioGroupPut
  case vfioContainerDisconnect

  case iommufdCdevGetfd
  case iommufdCdevConnectAndBind
  case iommufdCdevAllocIoas
  case iommufdCdevPasidAttachIoasHwpt
  case iommufdCdevPasidDetachIoasHwpt
  case iommufdCdevFailAttachExistingContainer
  case iommufdCdevDeviceInfo

  case iommuBackendSetFd
  case iommufdBackendConnect
  case iommufdBackendDisconnect
  case iommufdBackendAllocIoas
  case iommufdBackendAllocHwpt
  case iommufdBackendFreeId
  case iommufdBackendMapDma
  case iommufdBackendMapFileDma
  case iommufdBackendUnmapDma
  case iommufdBackendUnmapDmaNonExist

  case vfioListenerRegionAddRam
  case vfioListenerRegionAddNoDmaMap
  case vfioListenerRegionSkip
  case vfioListenerRegionDel

  /// Our own: which reset method a function gets and why.
  case swiftvmmResetPlan

  /// Our own: what the host tells of a function to the vIOMMU.
  case viommuDeviceFacts
  /// Our own: a property of the vIOMMU got another value, or got it otherwise.
  case viommuDecision
  /// Our own: the PASID capability that a function shows, or why it shows none.
  case viommuFunctionPasid
  /// Our own: a device cannot live with the vIOMMU, or the properties do not go together.
  case viommuRefused
  /// Our own: a device has left.
  case viommuRemoved
  /// Our own: the values change no more.
  case viommuFrozen
  /// Our own: the guest switched on what the vIOMMU does not do.
  case viommuGuestRequest
}
