extension TraceEvent {
  /// The event's entry in `definitions`.
  package var definition: TraceDefinition { Self.definitions[rawValue] }

  /// One entry for each event, in the order of the cases.
  ///
  /// Source: QEMU 11.1.3's events and formats; a format that starts with a blank or a TAB keeps it.
  package static let definitions: [TraceDefinition] = [
    TraceDefinition(.vfioMdev, "vfio_mdev", " (%s) is_mdev %d"),
    TraceDefinition(
      .vfioPciPopulateDeviceConfig, "vfio_pci_populate_device_config",
      "Device '%s' config: size: 0x%lx, offset: 0x%lx, flags: 0x%lx",
      proposal: TraceForm(
        "vfio_populate_device_config",
        "Device %s config:\n  size: 0x%lx, offset: 0x%lx, flags: 0x%lx")),
    TraceDefinition(
      .vfioPciPopulateDeviceGetIrqInfoFailure, "vfio_pci_populate_device_get_irq_info_failure",
      "VFIO_DEVICE_GET_IRQ_INFO failure: %s",
      proposal: TraceForm(
        "vfio_populate_device_get_irq_info_failure", "VFIO_DEVICE_GET_IRQ_INFO failure: %s")),
    TraceDefinition(
      .vfioPciEmulatedVendorId, "vfio_pci_emulated_vendor_id", "%s 0x%04x"),
    TraceDefinition(
      .vfioPciEmulatedDeviceId, "vfio_pci_emulated_device_id", "%s 0x%04x"),
    TraceDefinition(
      .vfioPciEmulatedSubVendorId, "vfio_pci_emulated_sub_vendor_id", "%s 0x%04x"),
    TraceDefinition(
      .vfioPciEmulatedSubDeviceId, "vfio_pci_emulated_sub_device_id", "%s 0x%04x"),
    TraceDefinition(
      .vfioPciEmulatedClassCode, "vfio_pci_emulated_class_code", "%s 0x%06x"),
    TraceDefinition(.vfioPciSizeRom, "vfio_pci_size_rom", "%s ROM size 0x%x"),
    TraceDefinition(
      .vfioPciLoadRom, "vfio_pci_load_rom",
      "Device '%s' ROM: size: 0x%lx, offset: 0x%lx, flags: 0x%lx"),
    TraceDefinition(.vfioRomRead, "vfio_rom_read", " (%s, 0x%lx, 0x%x) = 0x%lx"),
    TraceDefinition(.vfioMsiSetup, "vfio_msi_setup", "%s PCI MSI CAP @0x%x"),
    TraceDefinition(
      .vfioMsixEarlySetup, "vfio_msix_early_setup",
      "%s PCI MSI-X CAP @0x%x, BAR %d, offset 0x%lx, entries %d, noresize %d",
      proposal: TraceForm(
        "vfio_msix_early_setup", "%s PCI MSI-X CAP @0x%x, BAR %d, offset 0x%lx, entries %d")),
    TraceDefinition(
      .vfioMsixFixup, "vfio_msix_fixup", " (%s) MSI-X region %d mmap fixup [0x%lx - 0x%lx]"),
    TraceDefinition(.vfioMsixRelo, "vfio_msix_relo", " (%s) BAR %d offset 0x%lx"),
    TraceDefinition(.vfioCheckPcieFlr, "vfio_check_pcie_flr", "%s Supports FLR via PCIe cap"),
    TraceDefinition(.vfioCheckPmReset, "vfio_check_pm_reset", "%s Supports PM reset"),
    TraceDefinition(.vfioCheckAfFlr, "vfio_check_af_flr", "%s Supports FLR via AF cap"),
    TraceDefinition(.vfioAddExtCapDropped, "vfio_add_ext_cap_dropped", "%s 0x%x@0x%x"),
    TraceDefinition(
      .vfioPciSynthesizePasidCap, "vfio_pci_synthesize_pasid_cap", "%s offset: 0x%x"),
    TraceDefinition(
      .vfioPciReadConfig, "vfio_pci_read_config", " (%s, @0x%x, len=0x%x) 0x%x"),
    TraceDefinition(
      .vfioPciWriteConfig, "vfio_pci_write_config", " (%s, @0x%x, 0x%x, len=0x%x)"),

    TraceDefinition(.vfioIntxEnable, "vfio_intx_enable", " (%s)"),
    TraceDefinition(.vfioIntxDisable, "vfio_intx_disable", " (%s)"),
    TraceDefinition(
      .vfioIntxEnableKvm, "vfio_intx_enable_kvm", " (%s) KVM INTx accel enabled"),
    TraceDefinition(
      .vfioIntxDisableKvm, "vfio_intx_disable_kvm", " (%s) KVM INTx accel disabled"),
    TraceDefinition(.vfioIntxUpdate, "vfio_intx_update", " (%s) IRQ moved %d -> %d"),
    TraceDefinition(.vfioIntxInterrupt, "vfio_intx_interrupt", " (%s) Pin %c"),
    TraceDefinition(
      .vfioPciIntxEoi, "vfio_pci_intx_eoi", " (%s) EOI",
      proposal: TraceForm("vfio_intx_eoi", " (%s) EOI")),

    TraceDefinition(.vfioMsiEnable, "vfio_msi_enable", " (%s) Enabled %d MSI vectors"),
    TraceDefinition(.vfioMsiDisable, "vfio_msi_disable", " (%s)"),
    TraceDefinition(.vfioMsiInterrupt, "vfio_msi_interrupt", " (%s) vector %d 0x%lx/0x%x"),
    TraceDefinition(.vfioMsixEnable, "vfio_msix_enable", " (%s)"),
    TraceDefinition(.vfioMsixDisable, "vfio_msix_disable", " (%s)"),
    TraceDefinition(.vfioMsixVectorDoUse, "vfio_msix_vector_do_use", " (%s) vector %d used"),
    TraceDefinition(.vfioMsixVectorRelease, "vfio_msix_vector_release", " (%s) vector %d released"),
    TraceDefinition(.vfioMsixPbaEnable, "vfio_msix_pba_enable", " (%s)"),
    TraceDefinition(.vfioMsixPbaDisable, "vfio_msix_pba_disable", " (%s)"),

    TraceDefinition(.vfioDeviceResetHandler, "vfio_device_reset_handler", ""),
    TraceDefinition(.vfioPciReset, "vfio_pci_reset", " (%s)"),
    TraceDefinition(.vfioPciResetFlr, "vfio_pci_reset_flr", "%s FLR/VFIO_DEVICE_RESET"),
    TraceDefinition(.vfioPciResetPm, "vfio_pci_reset_pm", "%s PCI PM Reset"),
    TraceDefinition(.vfioPciHotReset, "vfio_pci_hot_reset", " (%s) %s"),
    TraceDefinition(
      .vfioPciHotResetHasDepDevices, "vfio_pci_hot_reset_has_dep_devices",
      "%s: hot reset dependent devices:"),
    TraceDefinition(
      .vfioPciHotResetDepDevices, "vfio_pci_hot_reset_dep_devices",
      "\t%04x:%02x:%02x.%x group %d"),
    TraceDefinition(
      .iommufdCdevPciHotResetDepDevices, "iommufd_cdev_pci_hot_reset_dep_devices",
      "\t%04x:%02x:%02x.%x devid %d",
      proposal: TraceForm(
        "vfio_pci_hot_reset_dep_devices_iommufd", "\t%04x:%02x:%02x.%x devid %d")),
    TraceDefinition(.vfioPciHotResetResult, "vfio_pci_hot_reset_result", "%s hot reset: %s"),

    TraceDefinition(
      .vfioRegionSetup, "vfio_region_setup",
      "Device %s, region %d \"%s\", flags: 0x%lx, offset: 0x%lx, size: 0x%lx"),
    TraceDefinition(
      .vfioRegionSparseMmapHeader, "vfio_region_sparse_mmap_header",
      "Device %s region %d: %d sparse mmap entries"),
    TraceDefinition(
      .vfioRegionSparseMmapEntry, "vfio_region_sparse_mmap_entry",
      "sparse entry %d [0x%lx - 0x%lx]"),
    TraceDefinition(.vfioRegionMmap, "vfio_region_mmap", "Region %s [0x%lx - 0x%lx]"),
    TraceDefinition(
      .vfioRegionMmapFault, "vfio_region_mmap_fault",
      "Region %s mmaps[%d], [0x%lx - 0x%lx], fault: %d"),
    TraceDefinition(
      .vfioRegionDmabuf, "vfio_region_dmabuf",
      "Device %s, dmabuf fd %d region %d \"%s\", offset: 0x%lx, size: 0x%lx"),
    TraceDefinition(
      .vfioRegionMmapsSetEnabled, "vfio_region_mmaps_set_enabled",
      "Region %s mmaps enabled: %d"),
    TraceDefinition(.vfioRegionUnmap, "vfio_region_unmap", "Region %s unmap [0x%lx - 0x%lx]"),
    TraceDefinition(.vfioRegionExit, "vfio_region_exit", "Device %s, region %d"),
    TraceDefinition(.vfioRegionFinalize, "vfio_region_finalize", "Device %s, region %d"),
    TraceDefinition(.vfioRegionRead, "vfio_region_read", " (%s:region%d+0x%lx, %d) = 0x%lx"),
    TraceDefinition(
      .vfioRegionWrite, "vfio_region_write", " (%s:region%d+0x%lx, 0x%lx, %d)"),

    TraceDefinition(
      .vfioDeviceAttach, "vfio_device_attach", " (%s) group %d",
      proposal: TraceForm("vfio_attach_device", " (%s) group %d")),
    TraceDefinition(
      .vfioDeviceGet, "vfio_device_get", "Device %s flags: %u, regions: %u, irqs: %u",
      proposal: TraceForm("vfio_get_device", "Device %s flags: %u, regions: %u, irqs: %u")),
    TraceDefinition(
      .vfioDeviceDetach, "vfio_device_detach", " (%s) group %d",
      proposal: TraceForm("vfio_detach_device", " (%s) group %d")),
    TraceDefinition(
      .vfioDevicePut, "vfio_device_put", "close vdev->fd=%d",
      proposal: TraceForm("vfio_put_base_device", "close vdev->fd=%d")),
    TraceDefinition(
      .vfioGroupPut, "vfio_group_put", "close group->fd=%d",
      proposal: TraceForm("vfio_put_group", "close group->fd=%d")),
    TraceDefinition(
      .vfioContainerDisconnect, "vfio_container_disconnect", "close container->fd=%d",
      proposal: TraceForm("vfio_disconnect_container", "close container->fd=%d")),

    TraceDefinition(
      .iommufdCdevGetfd, "iommufd_cdev_getfd", " %s (fd=%d)",
      proposal: TraceForm("vfio_iommufd_get_devicefd", " %s (fd=%d)")),
    TraceDefinition(
      .iommufdCdevConnectAndBind, "iommufd_cdev_connect_and_bind",
      " [iommufd=%d] Successfully bound device %s (fd=%d): output devid=%d",
      proposal: TraceForm(
        "vfio_iommufd_bind_device",
        " [iommufd=%d] Succesfully bound device %s (fd=%d): output devid=%d")),
    TraceDefinition(
      .iommufdCdevAllocIoas, "iommufd_cdev_alloc_ioas",
      " [iommufd=%d] new IOMMUFD container with ioasid=%d",
      proposal: TraceForm(
        "vfio_iommufd_alloc_ioas", " [iommufd=%d] new IOMMUFD container with ioasid=%d")),
    TraceDefinition(
      .iommufdCdevPasidAttachIoasHwpt, "iommufd_cdev_pasid_attach_ioas_hwpt",
      " [iommufd=%d] Successfully attached device %s (%d) pasid %u to id=%d",
      proposal: TraceForm(
        "vfio_iommufd_attach_device",
        " [iommufd=%1$d] Succesfully attached device %2$s (%3$d) to ioasid=%6$d: output hwptd=%5$d")
    ),
    TraceDefinition(
      .iommufdCdevPasidDetachIoasHwpt, "iommufd_cdev_pasid_detach_ioas_hwpt",
      " [iommufd=%d] Successfully detached %s pasid %u",
      proposal: TraceForm(
        "vfio_iommufd_detach_device", " [iommufd=%1$d] Detached %2$s from ioasid=%4$d")),
    TraceDefinition(
      .iommufdCdevFailAttachExistingContainer, "iommufd_cdev_fail_attach_existing_container",
      " %s", proposal: TraceForm("vfio_iommufd_fail_attach_existing_container", " %s")),
    TraceDefinition(
      .iommufdCdevDeviceInfo, "iommufd_cdev_device_info",
      " %s (%d) num_irqs=%d num_regions=%d flags=%d",
      proposal: TraceForm(
        "vfio_iommufd_device_info", " %s (%d) num_irqs=%d num_regions=%d flags=%d")),

    TraceDefinition(
      .iommuBackendSetFd, "iommu_backend_set_fd", "pre-opened /dev/iommu fd=%d"),
    TraceDefinition(
      .iommufdBackendConnect, "iommufd_backend_connect", "fd=%d owned=%d users=%d",
      proposal: TraceForm("iommufd_backend_connect", "fd=%d owned=%d users=%d (0)")),
    TraceDefinition(.iommufdBackendDisconnect, "iommufd_backend_disconnect", "fd=%d users=%d"),
    TraceDefinition(
      .iommufdBackendAllocIoas, "iommufd_backend_alloc_ioas", " iommufd=%d ioas=%d",
      proposal: TraceForm("iommufd_backend_alloc_ioas", " iommufd=%d ioas=%d (0)")),
    TraceDefinition(
      .iommufdBackendAllocHwpt, "iommufd_backend_alloc_hwpt",
      " iommufd=%d dev_id=%u pt_id=%u flags=0x%x hwpt_type=%u len=%u data_ptr=0x%lx out_hwpt=%u (%d)"
    ),
    TraceDefinition(.iommufdBackendFreeId, "iommufd_backend_free_id", " iommufd=%d id=%d (%d)"),
    TraceDefinition(
      .iommufdBackendMapDma, "iommufd_backend_map_dma",
      " iommufd=%d ioas=%d iova=0x%lx size=0x%lx addr=%p readonly=%d (%d)"),
    TraceDefinition(
      .iommufdBackendMapFileDma, "iommufd_backend_map_file_dma",
      " iommufd=%d ioas=%d iova=0x%lx size=0x%lx fd=%d start=%ld readonly=%d (%d)"),
    TraceDefinition(
      .iommufdBackendUnmapDma, "iommufd_backend_unmap_dma",
      " iommufd=%d ioas=%d iova=0x%lx size=0x%lx (%d)"),
    TraceDefinition(
      .iommufdBackendUnmapDmaNonExist, "iommufd_backend_unmap_dma_non_exist",
      " Unmap nonexistent mapping: iommufd=%d ioas=%d iova=0x%lx size=0x%lx (%d)"),

    TraceDefinition(
      .vfioListenerRegionAddRam, "vfio_listener_region_add_ram",
      "region_add [ram] 0x%lx - 0x%lx [%p]"),
    TraceDefinition(
      .vfioListenerRegionAddNoDmaMap, "vfio_listener_region_add_no_dma_map",
      "Region \"%s\" 0x%lx size=0x%lx is not aligned to 0x%lx and cannot be mapped for DMA"),
    TraceDefinition(
      .vfioListenerRegionSkip, "vfio_listener_region_skip", "SKIPPING %s 0x%lx - 0x%lx"),
    TraceDefinition(
      .vfioListenerRegionDel, "vfio_listener_region_del", "region_del 0x%lx - 0x%lx"),

    TraceDefinition(
      .swiftvmmResetPlan, "swiftvmm_reset_plan", "%s method %s because %s"),

    TraceDefinition(
      .viommuDeviceFacts, "viommu_device_facts",
      "%s unit %s type %s address bits %d PASID bits %d capabilities 0x%lx"),
    TraceDefinition(
      .viommuDecision, "viommu_decision", "%s requested %s effective %s limited by %s"),
    TraceDefinition(.viommuFunctionPasid, "viommu_function_pasid", "%s %s"),
    TraceDefinition(.viommuRefused, "viommu_refused", "%s"),
    TraceDefinition(.viommuRemoved, "viommu_removed", "%s"),
    TraceDefinition(.viommuFrozen, "viommu_frozen", "cap 0x%lx ecap 0x%lx"),
    TraceDefinition(.viommuGuestRequest, "viommu_guest_request", "%s"),
  ]
}
