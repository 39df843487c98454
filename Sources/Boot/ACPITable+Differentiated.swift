extension ACPITable {
  /// The differentiated description table: the namespace of what a guest cannot find by itself.
  static func differentiated(_ description: ACPIDescription) -> ACPITable {
    var table = ACPITable("DSDT", revision: 2)
    for term in [
      interruptModel, AML.scope("\\_SB", systemBus(description)), softOff(description),
    ] { table.append(term.bytes) }
    return table
  }

  /// `\_PIC` keeps which interrupt controllers the guest uses in `PICF`: 0 the pair of 8259, 1 APICs.
  private static var interruptModel: AML {
    let flag = AML.name("PICF", .integer(0))
    let method = AML.method(
      "\\_PIC", arguments: 1, [.store(.argument(0), .path("PICF"))])
    return AML(flag.bytes + method.bytes)
  }

  /// `\_S5`: the sleep type for PM1a and PM1b.
  private static func softOff(_ description: ACPIDescription) -> AML {
    let type = AML.integer(UInt64(description.softOffSleepType & 7))
    return .name("\\_S5", .package([type, type, .integer(0), .integer(0)]))
  }

  private static func systemBus(_ description: ACPIDescription) -> [AML] {
    [
      .device("PCI0", rootBridge(description)),
      .device("RESV", reservedRanges(description)),
    ] + InterruptLink.allDevices
  }

  /// What no other device claims: the configuration window, as PCI Firmware 3.3 (4.1.2) asks, and the
  /// ports of power management.
  private static func reservedRanges(_ description: ACPIDescription) -> [AML] {
    var resources = ResourceTemplate()
    resources.addMemory(description.configWindow)
    resources.addPorts(description.powerManagementPort, count: 128)
    return [.name("_HID", .eisaID("PNP0C02")), .name("_CRS", resources.buffer)]
  }

  private static func rootBridge(_ description: ACPIDescription) -> [AML] {
    var resources = ResourceTemplate()
    resources.addBuses(through: description.lastBus)
    resources.addPortWindow(0...0xcf7)
    resources.addPorts(0xcf8, count: 8)
    resources.addPortWindow(0xd00...0xffff)
    resources.addMemoryWindow(description.memoryWindow)
    resources.addMemoryWindow(description.prefetchableWindow)
    return [
      .name("_HID", .eisaID("PNP0A08")), .name("_CID", .eisaID("PNP0A03")),
      .name("_UID", .integer(0)), .name("_SEG", .integer(0)), .name("_BBN", .integer(0)),
      .name("_CRS", resources.buffer), featureNegotiation,
      .name("PRTA", routing(description, throughLinks: false)),
      .name("PRTL", routing(description, throughLinks: true)),
      .method(
        "_PRT", arguments: 0,
        [.if(.path("PICF"), [.return(.path("PRTA"))]), .return(.path("PRTL"))]),
      .device("ISA", isaBridge(description)),
    ]
  }

  /// `_PRT` entries (6.2.13): slot and any function, pin, then the input, or the link device that
  /// chooses one of the 8259's.
  private static func routing(_ description: ACPIDescription, throughLinks: Bool) -> AML {
    let entries = description.interruptPins.map { pin in
      let slot = AML.integer(UInt64(pin.slot) << 16 | 0xffff)
      let link = throughLinks ? InterruptLink(input: pin.gsi) : nil
      return AML.package(
        [slot, .integer(UInt64(pin.pin))]
          + (link.map { [.path($0.name), .integer(0)] } ?? [.integer(0), .integer(UInt64(pin.gsi))])
      )
    }
    return entries.count > 255 ? .largePackage(entries) : .package(entries)
  }

  /// `_OSC` of a PCI Express host bridge (PCI Firmware 3.3, 4.5.1): the guest gets native hot plug,
  /// PME, AER and the PCI Express capability, and not SHPC hot plug or what came later.
  private static var featureNegotiation: AML {
    let hostBridge: [UInt8] = [
      0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f, 0x1c, 0x40, 0x96, 0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7,
      0x66,
    ]
    let status = AML.path("CDW1")
    let control = AML.path("CDW3")
    func report(_ bit: UInt64) -> AML { .or(status, .integer(bit), status) }
    return .method(
      "_OSC", arguments: 4, isSerialized: true,
      [
        .dwordField(.argument(3), 0, "CDW1"),
        .if(
          .equal(.argument(0), .buffer(hostBridge)),
          [
            .dwordField(.argument(3), 8, "CDW3"),
            .store(.and(control, .integer(0x1d)), .local(0)),
            .if(.not(.equal(.argument(1), .integer(1))), [report(1 << 3)]),
            .if(.not(.equal(.local(0), control)), [report(1 << 4)]),
            .store(.local(0), control),
          ]),
        .else([report(1 << 2)]),
        .return(.argument(3)),
      ])
  }

  /// The ISA bridge at 1f.0 with the registers of the interrupt links and the devices behind it.
  private static func isaBridge(_ description: ACPIDescription) -> [AML] {
    var terms: [AML] = [
      .name("_ADR", .integer(0x1f_0000)),
      .configRegion("PIRQ", offset: 0x60, length: 0xc),
      .byteFields(
        "PIRQ",
        [
          ("PRQA", 1), ("PRQB", 1), ("PRQC", 1), ("PRQD", 1), (nil, 4),
          ("PRQE", 1), ("PRQF", 1), ("PRQG", 1), ("PRQH", 1),
        ]),
    ]
    if description.hasRealTimeClock {
      var resources = ResourceTemplate()
      resources.addPorts(0x70, count: 2)
      resources.addISAInterrupt(8)
      terms.append(
        .device("RTC", [.name("_HID", .eisaID("PNP0B00")), .name("_CRS", resources.buffer)]))
    }
    for (index, serialPort) in description.serialPorts.enumerated() {
      guard let serialPort else { continue }
      var resources = ResourceTemplate()
      resources.addPorts(serialPort.port, count: 8)
      resources.addISAInterrupt(serialPort.irq)
      terms.append(
        .device(
          "COM\(index + 1)",
          [
            .name("_HID", .eisaID("PNP0501")), .name("_UID", .integer(UInt64(index + 1))),
            .name("_CRS", resources.buffer),
          ]))
    }
    if let port = description.panicPort {
      var resources = ResourceTemplate()
      resources.addPorts(port, count: 1)
      terms.append(
        .device(
          "PEVT",
          [
            .name("_HID", .string("QEMU0001")), .name("_CRS", resources.buffer),
            .name("_STA", .integer(0xf)),
          ]))
    }
    return terms
  }
}
