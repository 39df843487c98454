/// One `-device pvpanic`: a port by which a guest says that it panicked.
package typealias ISAPanicDevice = DeviceOption<ISAPanicProperties>

/// The properties of `-device pvpanic`, with QEMU's defaults.
package struct ISAPanicProperties: Sendable, Equatable {
  /// The name by which monitors know the device.
  package var id: String?

  /// `ioport`: the port.
  package var port: UInt16 = 0x505

  /// `events`: the events that the guest may report, a bit each.
  package var events: UInt8 = 7

  package init() {}
}

extension ISAPanicProperties: PropertySet {
  static let table = PropertyTable<ISAPanicProperties>(
    owner: "pvpanic", wording: .property, impliedKey: "driver",
    helpOption: "-device pvpanic,help",
    properties: [
      .selector("driver"),
      .identifier("id", \.id, "name for monitors"),
      .unsigned("ioport", type: "uint16", \.port, "port"),
      .unsigned("events", type: "uint8", \.events, "events that the guest may report, a bit each"),
    ])
}
