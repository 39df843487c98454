/// One `-device pcie-root-port`.
package struct PCIeRootPortDevice: Sendable, Equatable {
  /// The option as written, the prefix of every message about it.
  package let optionText: String

  /// Its properties.
  package let properties: PCIeRootPortProperties

  package init(optionText: String, properties: PCIeRootPortProperties) {
    self.optionText = optionText
    self.properties = properties
  }
}

/// The properties of `-device pcie-root-port`, with QEMU's defaults.
package struct PCIeRootPortProperties: Sendable, Equatable {
  /// The name by which monitors know the port, and the name of the bus behind it.
  package var id: String?

  /// `bus`: the bus that the port itself is on; `nil` is the root bus.
  package var bus: String?

  /// `addr`: where the guest finds the port; `nil` is the first free slot.
  package var address: GuestPCIAddress?

  /// `multifunction`: header type bit 7.
  package var multifunction = false

  /// `port`: the port number in the link capabilities register.
  package var port: UInt8 = 0

  /// `chassis` of the slot, 1 to 255 when several ports are told apart by it.
  package var chassis: UInt8 = 0

  /// `slot`: the physical slot number, which is to differ within a chassis.
  package var slot: UInt16 = 0

  /// `hotplug`: whether the slot is hot-plug capable.
  package var isHotPlugCapable = true

  /// `x-speed`: the fastest link speed.
  package var speed: LinkSpeed = .gen4

  /// `x-width`: the widest link, in lanes.
  package var width: LinkWidth = .x32

  package init() {}

  /// Link speeds by their `x-speed` names, in GT/s.
  package enum LinkSpeed: String, Sendable, CaseIterable {
    case gen1 = "2_5"
    case gen2 = "5"
    case gen3 = "8"
    case gen4 = "16"
    case gen5 = "32"
    case gen6 = "64"

    /// The link speed field of the capability register, 1 to 6.
    package var code: UInt8 {
      switch self {
      case .gen1: 1
      case .gen2: 2
      case .gen3: 3
      case .gen4: 4
      case .gen5: 5
      case .gen6: 6
      }
    }
  }

  /// Link widths by their `x-width` names.
  package enum LinkWidth: String, Sendable, CaseIterable {
    case x1 = "1"
    case x2 = "2"
    case x4 = "4"
    case x8 = "8"
    case x12 = "12"
    case x16 = "16"
    case x32 = "32"

    /// The number of lanes.
    package var lanes: UInt8 { UInt8(rawValue) ?? 1 }
  }
}

extension PCIeRootPortProperties: PropertySet {
  static let table = PropertyTable<PCIeRootPortProperties>(
    owner: "pcie-root-port", wording: .property, impliedKey: "driver",
    helpOption: "-device pcie-root-port,help",
    properties: [
      .selector("driver"),
      .identifier("id", \.id, "name for monitors, and of the bus behind the port"),
      .text("bus", \.bus, "bus that the port is on"),
      .value(
        "addr", "str", \.address, "guest slot and function in hexadecimal, as 06.0 or 06",
        "SLOT[.FUNCTION] in hexadecimal, slot up to 1f and function up to 7",
        read: { GuestPCIAddress($0) }),
      .toggle("multifunction", \.multifunction, "show the guest a multifunction header"),
      .unsigned("port", type: "uint8", \.port, "port number"),
      .unsigned("chassis", type: "uint8", \.chassis, "chassis number"),
      .unsigned("slot", type: "uint16", \.slot, "physical slot number"),
      .toggle("hotplug", \.isHotPlugCapable, "whether functions may come and go"),
      .word("x-speed", type: "PCIELinkSpeed", \.speed, "fastest link speed in GT/s"),
      .word("x-width", type: "PCIELinkWidth", \.width, "widest link in lanes"),
    ],
    unsupported: """
      acpi-index aer_log_max bus-reserve busnr disable-acs failover_pair_id io-reserve mem-reserve \
      power_controller_present pref32-reserve pref64-reserve rombar romfile romsize sriov-pf \
      x-do-not-expose-native-hotplug-cap x-max-bounce-buffer-size x-migrate-msix \
      x-native-hotplug x-pcie-ari-nextfn-1 x-pcie-err-unc-mask x-pcie-ext-tag x-pcie-lnksta-dllla
      """)
}
