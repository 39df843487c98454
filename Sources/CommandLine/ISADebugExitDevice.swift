/// One `-device isa-debug-exit`: a port whose writes end the program.
package typealias ISADebugExitDevice = DeviceOption<ISADebugExitProperties>

/// The properties of `-device isa-debug-exit`, with QEMU's defaults.
package struct ISADebugExitProperties: Sendable, Equatable {
  /// The name by which monitors know the device.
  package var id: String?

  /// `iobase`: the first port.
  package var base: UInt16 = 0x501

  /// `iosize`: how many ports there are.
  package var size: UInt16 = 2

  package init() {}
}

extension ISADebugExitProperties: PropertySet {
  static let table = PropertyTable<ISADebugExitProperties>(
    owner: "isa-debug-exit", wording: .property, impliedKey: "driver",
    helpOption: "-device isa-debug-exit,help",
    properties: [
      .selector("driver"),
      .identifier("id", \.id, "name for monitors"),
      .unsigned("iobase", type: "uint32", \.base, "first port"),
      .unsigned("iosize", type: "uint32", \.size, "number of ports"),
    ])
}
