package import PCI
package import VirtualIOMMU

/// One `-device vfio-pci`.
package struct VFIOPCIDevice: Sendable, Equatable {
  /// The option as written, `-device vfio-pci,host=...`: the prefix of every message about it.
  package let optionText: String

  /// Which host function it is.
  package let source: HostFunctionSource

  /// Its properties; `properties.iommufd`, when set, names an object of the configuration.
  package let properties: VFIOPCIProperties

  package init(optionText: String, source: HostFunctionSource, properties: VFIOPCIProperties) {
    self.optionText = optionText
    self.source = source
    self.properties = properties
  }
}

/// How a host function was named.
package enum HostFunctionSource: Sendable, Equatable {
  /// `host=`.
  case address(PCIAddress)

  /// `sysfsdev=`, which wins over `host=`.
  case sysfsPath(String)

  /// The function's directory in sysfs.
  package var sysfsPath: String {
    switch self {
    case .address(let address): "/sys/bus/pci/devices/\(address)"
    case .sysfsPath(let path): path
    }
  }

  /// The last component of the path: the name in traces and messages.
  package var name: String {
    switch self {
    case .address(let address): address.description
    case .sysfsPath(let path): path.split(separator: "/").last.map(String.init) ?? path
    }
  }
}

/// What becomes of the function's expansion ROM.
package enum ExpansionROM: Sendable, Equatable {
  /// The host function's own ROM.
  case host

  /// A file in its place.
  case file(String)

  /// No ROM BAR.
  case none
}

/// The properties of `-device vfio-pci`, with QEMU's defaults.
package struct VFIOPCIProperties: Sendable, Equatable {
  /// The name by which monitors know the device.
  package var id: String?

  /// `host`: the host function by address.
  package var host: PCIAddress?

  /// `sysfsdev`: the host function by its sysfs directory.
  package var sysfsDevice: String?

  /// `iommufd`: the id of an iommufd object; its presence alone selects the cdev back end.
  package var iommufd: String?

  /// `bus`: the guest bus, the root bus or that of a root port; `nil` is the root bus.
  package var bus: String?

  /// `addr`: where the guest finds the function; `nil` is the first free slot.
  package var address: GuestPCIAddress?

  /// `multifunction`: header type bit 7.
  package var multifunction = false

  /// `romfile`; an empty string is no ROM at all.
  package var romFile: String?

  /// `rombar`: 0 is no ROM BAR, above 0 shows it although the function is known to have a bad one,
  /// below 0 decides by itself.
  package var romBAR: Int32 = -1

  /// `x-no-mmap`: BARs are never mapped, so each access is a host call and is traced.
  package var noMmap = false

  /// `x-no-kvm-intx`: INTx goes through the main loop.
  package var noKVMIntx = false

  /// `x-intx-mmap-timeout-ms`: idle milliseconds after an INTx before BARs are mapped again; 0 never.
  package var intxMmapTimeout: UInt32 = 1100

  /// `x-no-kvm-msi`: MSI goes through the main loop.
  package var noKVMMSI = false

  /// `x-no-kvm-msix`: MSI-X goes through the main loop.
  package var noKVMMSIX = false

  /// `x-msix-relocation`: where MSI-X table and pending bits are moved.
  package var msixRelocation: MSIXRelocation = .off

  /// `x-req`: whether the host may ask for the function back.
  package var honoursRequests = true

  /// `x-err`: what becomes of the machine when the host reports an uncorrectable error.
  package var errorPolicy: ErrorPolicy = .stop

  /// Numbers shown to the guest in place of the function's own.
  package var identity = IdentityOverrides()

  /// `x-vpasid-cap-offset`: where a PASID capability goes.
  package var pasidCapabilityOffset = PASIDCapabilityOffset.automatic

  /// `ats`: whether the guest finds the ATS capability.
  package var ats: ATSDecision.Request = .auto

  package init() {}

  /// The words of `x-msix-relocation`.
  package enum MSIXRelocation: String, Sendable, CaseIterable {
    case off, auto, bar0, bar1, bar2, bar3, bar4, bar5

    /// The BAR meant, or nil for `off` and `auto`.
    package var bar: Int? { Self.allCases.firstIndex(of: self).flatMap { $0 < 2 ? nil : $0 - 2 } }
  }

  /// The values of `x-vpasid-cap-offset`.
  package enum PASIDCapabilityOffset: Sendable, Equatable {
    /// `auto`, or 0 as in QEMU: the best place that is free.
    case automatic
    /// In bytes.
    case at(UInt16)
  }

  /// The words of `x-err`.
  package enum ErrorPolicy: String, Sendable, CaseIterable {
    /// The machine stops with an internal error, as under QEMU.
    case stop
    /// The error is reported and the machine goes on.
    case report
  }

  /// `x-pci-vendor-id` and its like, each `0xffffffff` for the function's own number.
  package struct IdentityOverrides: Sendable, Equatable {
    package var vendor: UInt32 = .max
    package var device: UInt32 = .max
    package var subsystemVendor: UInt32 = .max
    package var subsystemDevice: UInt32 = .max
    package var classCode: UInt32 = .max

    package init() {}
  }

  /// What `romfile` and `rombar` ask for together.
  package var rom: ExpansionROM {
    if romBAR == 0 || romFile == "" { return .none }
    return romFile.map(ExpansionROM.file) ?? .host
  }
}

extension VFIOPCIProperties: PropertySet {
  static let table = PropertyTable<VFIOPCIProperties>(
    owner: "vfio-pci", wording: .property, impliedKey: "driver",
    helpOption: "-device vfio-pci,help",
    properties: [
      .selector("driver"),
      .identifier("id", \.id, "name for monitors"),
      .value(
        "host", "str", \.host, "host PCI function, [domain:]bus:slot.function",
        "[DOMAIN:]BUS:SLOT.FUNCTION in hexadecimal, for example 0000:81:00.0",
        read: { PCIAddress($0) }),
      .text("sysfsdev", \.sysfsDevice, "sysfs directory of the host function; wins over host"),
      .text(
        "iommufd", type: "link<iommufd>", \.iommufd,
        "id of the iommufd object to use; without it the group back end is used"),
      .text("bus", \.bus, "guest bus: \(rootBus), or the id of a pcie-root-port"),
      .value(
        "addr", "str", \.address, "guest slot and function in hexadecimal, as 06.0 or 06",
        "SLOT[.FUNCTION] in hexadecimal, slot up to 1f and function up to 7",
        read: { GuestPCIAddress($0) }),
      .toggle("multifunction", \.multifunction, "show the guest a multifunction header"),
      .text("romfile", \.romFile, "file in place of the expansion ROM; empty for no ROM"),
      .int32("rombar", \.romBAR, "0 for no ROM BAR, 1 to insist on one, -1 to decide by itself"),
      .toggle("x-no-mmap", \.noMmap, "never map BARs, so that each access is traced (debug)"),
      .toggle("x-no-kvm-intx", \.noKVMIntx, "deliver INTx through the main loop (debug)"),
      .unsigned(
        "x-intx-mmap-timeout-ms", type: "uint32", \.intxMmapTimeout,
        "milliseconds after an INTx before BARs are mapped again (debug)"),
      .toggle("x-no-kvm-msi", \.noKVMMSI, "deliver MSI through the main loop (debug)"),
      .toggle("x-no-kvm-msix", \.noKVMMSIX, "deliver MSI-X through the main loop (debug)"),
      .word(
        "x-msix-relocation", type: "OffAutoPCIBAR", \.msixRelocation,
        "BAR that MSI-X table and pending bits are moved to"),
      .toggle("x-req", \.honoursRequests, "give the function back when the host asks (debug)"),
      .word(
        "x-err", type: "stop|report", \.errorPolicy,
        "stop the machine at an error of the device, or report it and go on"),
      .unsigned("x-pci-vendor-id", type: "uint32", \.identity.vendor, "vendor shown to the guest"),
      .unsigned("x-pci-device-id", type: "uint32", \.identity.device, "device shown to the guest"),
      .unsigned(
        "x-pci-sub-vendor-id", type: "uint32", \.identity.subsystemVendor,
        "subsystem vendor shown to the guest"),
      .unsigned(
        "x-pci-sub-device-id", type: "uint32", \.identity.subsystemDevice,
        "subsystem device shown to the guest"),
      .unsigned(
        "x-pci-class-code", type: "uint32", \.identity.classCode, "class shown to the guest"),
      .word(
        "ats", type: "OnOffAuto", \.ats,
        "show the ATS capability: off never, on if the device has it or fail where the host says no, "
          + "auto if both have it"),
      pasidCapabilityOffset,
    ],
    unsupported: """
      acpi-index bootindex busnr display enable-migration failover_pair_id fd migration-events \
      romsize skip-vsc-check sriov-pf vf-token x-balloon-allowed x-device-dirty-page-tracking \
      x-igd-gms x-igd-legacy-mode x-igd-lpc x-igd-opregion x-max-bounce-buffer-size \
      x-migration-load-config-after-iter x-migration-max-queued-buffers-size \
      x-migration-multifd-transfer x-no-geforce-quirks x-no-kvm-ioeventfd x-no-vfio-ioeventfd \
      x-nv-gpudirect-clique x-pcie-ari-nextfn-1 x-pcie-err-unc-mask x-pcie-ext-tag \
      x-pcie-lnksta-dllla x-pre-copy-dirty-page-tracking x-vga xres yres
      """)

  /// `x-vpasid-cap-offset`; QEMU's 0 is `auto`.
  private static let pasidCapabilityOffset = Property<VFIOPCIProperties>(
    name: "x-vpasid-cap-offset", typeName: "uint16|auto",
    summary: "offset of the PASID capability in config space, or auto for a place that is free",
    shown: { properties in
      switch properties.pasidCapabilityOffset {
      case .automatic: "auto"
      case .at(let offset): "0x" + offset.hexadecimal(width: 1)
      }
    },
    assign: { properties, text in
      guard text != "auto" else {
        properties.pasidCapabilityOffset = .automatic
        return nil
      }
      guard let number = NumberText.integer(text) else { return .notIntegerOrAuto }
      guard let offset = UInt16(exactly: number) else { return .notInRange(type: "uint16_t") }
      properties.pasidCapabilityOffset = offset == 0 ? .automatic : .at(offset)
      return nil
    })

  /// The bus that is always there.
  static let rootBus = "pcie.0"
}

extension VFIOPCIDevice {
  /// Reads a device's properties and resolves what they link to.
  static func read(
    _ list: KeyValueList, option: String, known: KnownDevices,
    warnings: inout [CommandLineWarning]
  ) throws(CommandLineError) -> VFIOPCIDevice {
    var properties = try VFIOPCIProperties.read(list, option: option, warnings: &warnings)
    try known.requireBus(properties.bus, option: option)
    if properties.iommufd?.isEmpty == true { properties.iommufd = nil }
    if let link = properties.iommufd, !known.iommufds.contains(link) {
      throw CommandLineError(option: option, reason: .linkNotFound(link, known: known.iommufds))
    }
    if let path = properties.sysfsDevice {
      return VFIOPCIDevice(optionText: option, source: .sysfsPath(path), properties: properties)
    }
    guard let address = properties.host else {
      throw CommandLineError(option: option, reason: .noHostDevice)
    }
    return VFIOPCIDevice(optionText: option, source: .address(address), properties: properties)
  }
}
