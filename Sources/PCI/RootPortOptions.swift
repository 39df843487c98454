/// What the command line says of a `pcie-root-port`, by QEMU's property names.
package struct RootPortOptions: Equatable, Sendable {
  /// `id`, which is also the name of the bus behind the port.
  package var id: String?
  /// `chassis`, which with `slot` names the slot to people.
  package var chassis: UInt8 = 0
  /// `slot`; 13 bits of it show.
  package var slot: UInt16 = 0
  /// `port`, the port number of the link.
  package var port: UInt8 = 0
  package var isMultifunction = false
  /// `hotplug`.
  package var isHotPluggable = true
  /// `power_controller_present`.
  package var hasPowerController = true
  /// `x-speed`.
  package var speed = LinkSpeed.gen4
  /// `x-width`, lanes: 1, 2, 4, 8, 12, 16 or 32.
  package var width: UInt8 = 32
  /// `x-pcie-ext-tag`.
  package var hasExtendedTags = true
  /// `x-pcie-err-unc-mask`.
  package var masksUnsupportedErrors = true
  /// `bus-reserve`, and what a guest is asked to keep free behind the port, in bytes; nil says nothing.
  package var busReserve: UInt32?
  package var ioReserve: UInt64?
  package var memoryReserve: UInt64?
  package var prefetchable32Reserve: UInt64?
  package var prefetchable64Reserve: UInt64?

  package init(id: String? = nil) { self.id = id }

  /// A link speed by its number in the link registers.
  package enum LinkSpeed: UInt8, CaseIterable, Sendable {
    case gen1 = 1
    case gen2, gen3, gen4, gen5, gen6

    /// The value of `x-speed`.
    package var name: String {
      switch self {
      case .gen1: "2_5"
      case .gen2: "5"
      case .gen3: "8"
      case .gen4: "16"
      case .gen5: "32"
      case .gen6: "64"
      }
    }
  }

  /// Why two of the values cannot be had together.
  package enum Conflict: Error, Equatable, Sendable {
    /// Both `pref32-reserve` and `pref64-reserve`.
    case bothPrefetchable
    /// The named property is 4 GiB or more.
    case notBelow4G(property: String)
  }

  /// The first of the values that the reserve capability cannot hold.
  package var conflict: Conflict? {
    if prefetchable32Reserve ?? 0 != 0, prefetchable64Reserve ?? 0 != 0 { return .bothPrefetchable }
    if let size = memoryReserve, size >= 1 << 32 { return .notBelow4G(property: "mem-reserve") }
    if let size = prefetchable32Reserve, size >= 1 << 32 {
      return .notBelow4G(property: "pref32-reserve")
    }
    return nil
  }

  /// Whether the port has the vendor capability by which firmware learns what to keep free.
  var hasReserve: Bool {
    busReserve != nil || ioReserve != nil || memoryReserve != nil || prefetchable32Reserve != nil
      || prefetchable64Reserve != nil
  }
}
