import Tracing

/// QEMU 11.1.3's names and formats of the events that this program has too, taken from QEMU's list and
/// not from ours, with 64-bit conversions as `%lx`.
enum QEMUEventTable {
  static let events: [TraceEvent: (name: String, format: String)] = [
    .vfioMdev: ("vfio_mdev", " (%s) is_mdev %d"),
    .vfioPciPopulateDeviceConfig: (
      "vfio_pci_populate_device_config",
      "Device '%s' config: size: 0x%lx, offset: 0x%lx, flags: 0x%lx"
    ),
    .vfioPciPopulateDeviceGetIrqInfoFailure: (
      "vfio_pci_populate_device_get_irq_info_failure",
      "VFIO_DEVICE_GET_IRQ_INFO failure: %s"
    ),
    .vfioPciEmulatedVendorId: ("vfio_pci_emulated_vendor_id", "%s 0x%04x"),
    .vfioPciEmulatedDeviceId: ("vfio_pci_emulated_device_id", "%s 0x%04x"),
    .vfioPciEmulatedSubVendorId: ("vfio_pci_emulated_sub_vendor_id", "%s 0x%04x"),
    .vfioPciEmulatedSubDeviceId: ("vfio_pci_emulated_sub_device_id", "%s 0x%04x"),
    .vfioPciEmulatedClassCode: ("vfio_pci_emulated_class_code", "%s 0x%06x"),
    .vfioPciSizeRom: ("vfio_pci_size_rom", "%s ROM size 0x%x"),
    .vfioPciLoadRom: (
      "vfio_pci_load_rom",
      "Device '%s' ROM: size: 0x%lx, offset: 0x%lx, flags: 0x%lx"
    ),
    .vfioRomRead: ("vfio_rom_read", " (%s, 0x%lx, 0x%x) = 0x%lx"),
    .vfioMsiSetup: ("vfio_msi_setup", "%s PCI MSI CAP @0x%x"),
    .vfioMsixEarlySetup: (
      "vfio_msix_early_setup",
      "%s PCI MSI-X CAP @0x%x, BAR %d, offset 0x%lx, entries %d, noresize %d"
    ),
    .vfioMsixFixup: ("vfio_msix_fixup", " (%s) MSI-X region %d mmap fixup [0x%lx - 0x%lx]"),
    .vfioMsixRelo: ("vfio_msix_relo", " (%s) BAR %d offset 0x%lx"),
    .vfioMsiEnable: ("vfio_msi_enable", " (%s) Enabled %d MSI vectors"),
    .vfioMsiDisable: ("vfio_msi_disable", " (%s)"),
    .vfioMsiInterrupt: ("vfio_msi_interrupt", " (%s) vector %d 0x%lx/0x%x"),
    .vfioMsixEnable: ("vfio_msix_enable", " (%s)"),
    .vfioMsixDisable: ("vfio_msix_disable", " (%s)"),
    .vfioMsixVectorDoUse: ("vfio_msix_vector_do_use", " (%s) vector %d used"),
    .vfioMsixVectorRelease: ("vfio_msix_vector_release", " (%s) vector %d released"),
    .vfioMsixPbaEnable: ("vfio_msix_pba_enable", " (%s)"),
    .vfioMsixPbaDisable: ("vfio_msix_pba_disable", " (%s)"),
    .vfioCheckPcieFlr: ("vfio_check_pcie_flr", "%s Supports FLR via PCIe cap"),
    .vfioCheckPmReset: ("vfio_check_pm_reset", "%s Supports PM reset"),
    .vfioCheckAfFlr: ("vfio_check_af_flr", "%s Supports FLR via AF cap"),
    .vfioAddExtCapDropped: ("vfio_add_ext_cap_dropped", "%s 0x%x@0x%x"),
    .vfioPciSynthesizePasidCap: ("vfio_pci_synthesize_pasid_cap", "%s offset: 0x%x"),
    .vfioPciReadConfig: ("vfio_pci_read_config", " (%s, @0x%x, len=0x%x) 0x%x"),
    .vfioPciWriteConfig: ("vfio_pci_write_config", " (%s, @0x%x, 0x%x, len=0x%x)"),
    .vfioIntxEnable: ("vfio_intx_enable", " (%s)"),
    .vfioIntxDisable: ("vfio_intx_disable", " (%s)"),
    .vfioIntxEnableKvm: ("vfio_intx_enable_kvm", " (%s) KVM INTx accel enabled"),
    .vfioIntxDisableKvm: ("vfio_intx_disable_kvm", " (%s) KVM INTx accel disabled"),
    .vfioIntxUpdate: ("vfio_intx_update", " (%s) IRQ moved %d -> %d"),
    .vfioIntxInterrupt: ("vfio_intx_interrupt", " (%s) Pin %c"),
    .vfioPciIntxEoi: ("vfio_pci_intx_eoi", " (%s) EOI"),
    .vfioDeviceResetHandler: ("vfio_device_reset_handler", ""),
    .vfioPciReset: ("vfio_pci_reset", " (%s)"),
    .vfioPciResetFlr: ("vfio_pci_reset_flr", "%s FLR/VFIO_DEVICE_RESET"),
    .vfioPciResetPm: ("vfio_pci_reset_pm", "%s PCI PM Reset"),
    .vfioPciHotReset: ("vfio_pci_hot_reset", " (%s) %s"),
    .vfioPciHotResetHasDepDevices: (
      "vfio_pci_hot_reset_has_dep_devices",
      "%s: hot reset dependent devices:"
    ),
    .vfioPciHotResetDepDevices: ("vfio_pci_hot_reset_dep_devices", "\t%04x:%02x:%02x.%x group %d"),
    .iommufdCdevPciHotResetDepDevices: (
      "iommufd_cdev_pci_hot_reset_dep_devices",
      "\t%04x:%02x:%02x.%x devid %d"
    ),
    .vfioPciHotResetResult: ("vfio_pci_hot_reset_result", "%s hot reset: %s"),
    .vfioRegionSetup: (
      "vfio_region_setup",
      "Device %s, region %d \"%s\", flags: 0x%lx, offset: 0x%lx, size: 0x%lx"
    ),
    .vfioRegionSparseMmapHeader: (
      "vfio_region_sparse_mmap_header",
      "Device %s region %d: %d sparse mmap entries"
    ),
    .vfioRegionSparseMmapEntry: (
      "vfio_region_sparse_mmap_entry",
      "sparse entry %d [0x%lx - 0x%lx]"
    ),
    .vfioRegionMmap: ("vfio_region_mmap", "Region %s [0x%lx - 0x%lx]"),
    .vfioRegionMmapFault: (
      "vfio_region_mmap_fault",
      "Region %s mmaps[%d], [0x%lx - 0x%lx], fault: %d"
    ),
    .vfioRegionDmabuf: (
      "vfio_region_dmabuf",
      "Device %s, dmabuf fd %d region %d \"%s\", offset: 0x%lx, size: 0x%lx"
    ),
    .vfioRegionMmapsSetEnabled: ("vfio_region_mmaps_set_enabled", "Region %s mmaps enabled: %d"),
    .vfioRegionUnmap: ("vfio_region_unmap", "Region %s unmap [0x%lx - 0x%lx]"),
    .vfioRegionExit: ("vfio_region_exit", "Device %s, region %d"),
    .vfioRegionFinalize: ("vfio_region_finalize", "Device %s, region %d"),
    .vfioRegionRead: ("vfio_region_read", " (%s:region%d+0x%lx, %d) = 0x%lx"),
    .vfioRegionWrite: ("vfio_region_write", " (%s:region%d+0x%lx, 0x%lx, %d)"),
    .vfioDeviceAttach: ("vfio_device_attach", " (%s) group %d"),
    .vfioDeviceGet: ("vfio_device_get", "Device %s flags: %u, regions: %u, irqs: %u"),
    .vfioDeviceDetach: ("vfio_device_detach", " (%s) group %d"),
    .vfioDevicePut: ("vfio_device_put", "close vdev->fd=%d"),
    .vfioGroupPut: ("vfio_group_put", "close group->fd=%d"),
    .vfioContainerDisconnect: ("vfio_container_disconnect", "close container->fd=%d"),
    .iommufdCdevGetfd: ("iommufd_cdev_getfd", " %s (fd=%d)"),
    .iommufdCdevConnectAndBind: (
      "iommufd_cdev_connect_and_bind",
      " [iommufd=%d] Successfully bound device %s (fd=%d): output devid=%d"
    ),
    .iommufdCdevAllocIoas: (
      "iommufd_cdev_alloc_ioas",
      " [iommufd=%d] new IOMMUFD container with ioasid=%d"
    ),
    .iommufdCdevPasidAttachIoasHwpt: (
      "iommufd_cdev_pasid_attach_ioas_hwpt",
      " [iommufd=%d] Successfully attached device %s (%d) pasid %u to id=%d"
    ),
    .iommufdCdevPasidDetachIoasHwpt: (
      "iommufd_cdev_pasid_detach_ioas_hwpt",
      " [iommufd=%d] Successfully detached %s pasid %u"
    ),
    .iommufdCdevFailAttachExistingContainer: ("iommufd_cdev_fail_attach_existing_container", " %s"),
    .iommufdCdevDeviceInfo: (
      "iommufd_cdev_device_info",
      " %s (%d) num_irqs=%d num_regions=%d flags=%d"
    ),
    .iommuBackendSetFd: ("iommu_backend_set_fd", "pre-opened /dev/iommu fd=%d"),
    .iommufdBackendConnect: ("iommufd_backend_connect", "fd=%d owned=%d users=%d"),
    .iommufdBackendDisconnect: ("iommufd_backend_disconnect", "fd=%d users=%d"),
    .iommufdBackendAllocIoas: ("iommufd_backend_alloc_ioas", " iommufd=%d ioas=%d"),
    .iommufdBackendAllocHwpt: (
      "iommufd_backend_alloc_hwpt",
      " iommufd=%d dev_id=%u pt_id=%u flags=0x%x hwpt_type=%u len=%u data_ptr=0x%lx out_hwpt=%u (%d)"
    ),
    .iommufdBackendFreeId: ("iommufd_backend_free_id", " iommufd=%d id=%d (%d)"),
    .iommufdBackendMapDma: (
      "iommufd_backend_map_dma",
      " iommufd=%d ioas=%d iova=0x%lx size=0x%lx addr=%p readonly=%d (%d)"
    ),
    .iommufdBackendMapFileDma: (
      "iommufd_backend_map_file_dma",
      " iommufd=%d ioas=%d iova=0x%lx size=0x%lx fd=%d start=%ld readonly=%d (%d)"
    ),
    .iommufdBackendUnmapDma: (
      "iommufd_backend_unmap_dma",
      " iommufd=%d ioas=%d iova=0x%lx size=0x%lx (%d)"
    ),
    .iommufdBackendUnmapDmaNonExist: (
      "iommufd_backend_unmap_dma_non_exist",
      " Unmap nonexistent mapping: iommufd=%d ioas=%d iova=0x%lx size=0x%lx (%d)"
    ),
    .vfioListenerRegionAddRam: (
      "vfio_listener_region_add_ram",
      "region_add [ram] 0x%lx - 0x%lx [%p]"
    ),
    .vfioListenerRegionAddNoDmaMap: (
      "vfio_listener_region_add_no_dma_map",
      "Region \"%s\" 0x%lx size=0x%lx is not aligned to 0x%lx and cannot be mapped for DMA"
    ),
    .vfioListenerRegionSkip: ("vfio_listener_region_skip", "SKIPPING %s 0x%lx - 0x%lx"),
    .vfioListenerRegionDel: ("vfio_listener_region_del", "region_del 0x%lx - 0x%lx"),
  ]
}
