package import PCI

/// One `-device pcie-root-port`.
package typealias PCIeRootPortDevice = DeviceOption<PCIeRootPortProperties>

/// The properties of `-device pcie-root-port`, with QEMU's defaults.
package struct PCIeRootPortProperties: Sendable, Equatable {
  /// `bus`: the bus that the port itself is on; `nil` is the root bus.
  package var bus: String?

  /// `addr`: where the guest finds the port; `nil` is the first free slot.
  package var address: GuestPCIAddress?

  /// What the port is like. Its id is also the name of the bus behind it.
  package var options = RootPortOptions()

  package init() {}
}

extension PCIeRootPortProperties: PropertySet {
  static let table = PropertyTable<PCIeRootPortProperties>(
    owner: "pcie-root-port", wording: .property, impliedKey: "driver",
    helpOption: "-device pcie-root-port,help",
    properties: [
      .selector("driver"),
      .identifier("id", \.options.id, "name for monitors, and of the bus behind the port"),
      .text("bus", \.bus, "bus that the port is on"),
      .value(
        "addr", "str", \.address, "guest slot and function in hexadecimal, as 06.0 or 06",
        "SLOT[.FUNCTION] in hexadecimal, slot up to 1f and function up to 7",
        read: { GuestPCIAddress($0) }),
      .toggle("multifunction", \.options.isMultifunction, "show the guest a multifunction header"),
      .unsigned("port", type: "uint8", \.options.port, "port number"),
      .unsigned("chassis", type: "uint8", \.options.chassis, "chassis number"),
      .unsigned("slot", type: "uint16", \.options.slot, "physical slot number"),
      .toggle("hotplug", \.options.isHotPluggable, "whether functions may come and go"),
      .toggle(
        "power_controller_present", \.options.hasPowerController,
        "whether the guest switches the slot's power"),
      .choice(
        "x-speed", type: "PCIELinkSpeed", \.options.speed,
        RootPortOptions.LinkSpeed.allCases.map { ($0.name, $0) }, "fastest link speed in GT/s"),
      .choice(
        "x-width", type: "PCIELinkWidth", \.options.width,
        [1, 2, 4, 8, 12, 16, 32].map { ("\($0)", $0) }, "widest link in lanes"),
      .toggle("x-pcie-ext-tag", \.options.hasExtendedTags, "extended tags"),
      .toggle(
        "x-pcie-err-unc-mask", \.options.masksUnsupportedErrors, "errors that are masked at first"),
    ],
    unsupported: """
      acpi-index aer_log_max bus-reserve busnr disable-acs failover_pair_id io-reserve mem-reserve \
      pref32-reserve pref64-reserve rombar romfile romsize sriov-pf \
      x-do-not-expose-native-hotplug-cap x-max-bounce-buffer-size x-migrate-msix \
      x-native-hotplug x-pcie-ari-nextfn-1 x-pcie-lnksta-dllla
      """)
}
