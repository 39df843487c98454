import CommandLine
import Testing

/// Names QEMU 11.1.3 prints in `-device vfio-pci,help` and `-help`: each is taken or refused as not
/// supported, never called unknown.
@Suite struct KnownNameTests {
  @Test(
    arguments: """
      acpi-index addr ats bootindex busnr display enable-migration failover_pair_id fd host iommufd \
      migration-events multifunction rombar romfile romsize skip-vsc-check sriov-pf sysfsdev vf-token \
      x-balloon-allowed x-device-dirty-page-tracking x-igd-gms x-igd-legacy-mode x-igd-lpc \
      x-igd-opregion x-intx-mmap-timeout-ms x-max-bounce-buffer-size \
      x-migration-load-config-after-iter x-migration-max-queued-buffers-size \
      x-migration-multifd-transfer x-msix-relocation x-no-geforce-quirks x-no-kvm-intx \
      x-no-kvm-ioeventfd x-no-kvm-msi x-no-kvm-msix x-no-mmap x-no-vfio-ioeventfd \
      x-nv-gpudirect-clique x-pci-class-code x-pci-device-id x-pci-sub-device-id x-pci-sub-vendor-id \
      x-pci-vendor-id x-pcie-ari-nextfn-1 x-pcie-err-unc-mask x-pcie-ext-tag x-pcie-lnksta-dllla \
      x-pre-copy-dirty-page-tracking x-req x-vga x-vpasid-cap-offset xres yres
      """.split(separator: " ").map(String.init))
  func devicePropertyIsKnown(name: String) {
    let text = complaint(["-device", "vfio-pci,host=1:2.3,\(name)=\u{1}"]) ?? ""
    #expect(!text.contains("Property 'vfio-pci.\(name)' not found"), "\(text)")
  }

  @Test(
    arguments: """
      D L M S accel acpitable action add-fd append audio audiodev bios blockdev boot cdrom chardev \
      compat cpu d daemonize debugcon device dfilter display drive dtb dump-vmstate echr enable-kvm \
      enable-sync-profile fda fdb fsdev full-screen fw_cfg gdb global h hda hdb hdc hdd help icount \
      incoming initrd iscsi jitdump k kernel loadvm m machine mem-path mem-prealloc mon monitor msg \
      mtdblock name net netdev nic no-fd-bootchk no-reboot no-shutdown no-user-config nodefaults \
      nographic numa object only-migratable option-rom overcommit parallel perfmap pflash pidfile \
      plugin preconfig qmp qmp-pretty qtest readconfig rtc run-with s sandbox sd seed serial set shim \
      smbios smp snapshot spice tpmdev trace usb usbdevice uuid version vga virtfs vnc \
      watchdog-action win2k-hack xen-attach xen-domid xen-domid-restrict
      """.split(separator: " ").map(String.init))
  func optionIsKnown(name: String) {
    let text = complaint(["-\(name)"]) ?? ""
    #expect(!text.contains("invalid option"), "\(text)")
  }
}
