internal import SystemPackage

extension Contract {
  /// Section 12.9.
  static let configSpace = ContractSection(
    "12.9", "Config space",
    configHeader.filter { (Int($0.name) ?? 0) < 247 } + configCapabilities
      + configHeader.filter { (Int($0.name) ?? 0) > 259 })

  /// Capabilities: rows 248 to 258.
  private static let configCapabilities: [ContractCase] = [
    ContractCase(248, "a hidden extended capability → not linked, its bytes are raw", [.n]) {
      host in
      let (fixture, device, hidden) = try hiddenCapability(host, isFirst: false)
      let raw = try host.hardwareConfig(fixture)
      let shown = try shownCapabilities(host, device)
      try expect(!shown.contains { $0.offset == hidden }, "it is linked")
      try expect(
        try host.read(device, ContractHost.config + UInt64(hidden), count: 4),
        equals: Array(raw[hidden..<hidden + 4]))
    },
    ContractCase(249, "the first extended capability hidden → no id and version, next kept", [.n]) {
      host in
      let (_, device, _) = try hiddenCapability(host, isFirst: true)
      let header = try host.config(device, 0x100, width: 4)
      try expect(header & 0xF_FFFF, equals: 0, "id and version")
      try expect(header >> 20 != 0, "no link to the next")
    },
    ContractCase(250, "PMCSR 0x8103 → state 3, no PME bits", [.n]) { host in
      let n = try host.opened(.n)
      let offset = try host.require(n, .powerManagement)
      try host.setConfig(n, offset + 4, 0x8103, width: 2)
      try expect(try host.config(n, offset + 4, width: 2) & 0x8103, equals: 3)
      try host.setConfig(n, offset + 4, 0, width: 2)
    },
    ContractCase(251, "N in D3hot, reading a memory BAR → EIO", [.n]) { host in
      let n = try host.opened(.n)
      let offset = try host.require(n, .powerManagement)
      let bar = try host.mappableBAR(n)
      try host.setConfig(n, offset + 4, 3, width: 2)
      try expect(.ioError) { _ = try host.read(n, bar.offset, count: 4) }
      try host.setConfig(n, offset + 4, 0, width: 2)
    },
    ContractCase(252, "N in D3hot, PMCSR 0 → state 0, the BAR can be read", [.n]) { host in
      let n = try host.opened(.n)
      let offset = try host.require(n, .powerManagement)
      let bar = try host.mappableBAR(n)
      try host.setConfig(n, offset + 4, 3, width: 2)
      try host.setConfig(n, offset + 4, 0, width: 2)
      try expect(try host.config(n, offset + 4, width: 2) & 3, equals: 0, "state")
      try expect(try host.read(n, bar.offset, count: 4).count, equals: 4)
    },
    ContractCase(253, "P with virtual functions, PMCSR to D3hot → stays in D0", [.p, .v0]) { host in
      let p = try host.opened(.p)
      let offset = try host.require(p, .powerManagement)
      try host.setConfig(p, offset + 4, 3, width: 2)
      try expect(try host.config(p, offset + 4, width: 2) & 3, equals: 0)
    },
    ContractCase(254, "MSI off, control low byte 0xFF → off, one message, rest as written", [.n]) {
      host in
      let (_, device) = try host.firstBound(of: functions, "MSI") {
        try host.capability($0, .msi) != nil
      }
      let offset = try host.require(device, .msi)
      try host.setConfig(device, offset + 2, 0xFF, width: 1)
      try expect(try host.config(device, offset + 2, width: 1), equals: 0x8E)
    },
    ContractCase(255, "MSI-X off, control 0xFFFF → unchanged", [.n]) { host in
      let n = try host.opened(.n)
      let offset = try host.require(n, .msix)
      let control = try host.config(n, offset + 2, width: 2)
      try host.setConfig(n, offset + 2, 0xFFFF, width: 2)
      try expect(try host.config(n, offset + 2, width: 2), equals: control)
    },
    ContractCase(256, "DEVCTL all ones → by its masks, the FLR bit reads 0", [.n]) { host in
      let n = try host.opened(.n)
      let offset = try host.require(n, .express)
      let phantom = try host.config(n, offset + 8, width: 2) & 0x0200
      try host.setConfig(n, offset + 8, 0xFFFF, width: 2)
      let control = try host.config(n, offset + 8, width: 2)
      // Payload and read request size are virtual; what else stays set is the hardware's.
      try expect(control & 0xF0E0, equals: 0x70E0, "virtual bits")
      try expect(control & 0x0200, equals: phantom, "phantom functions")
    },
    ContractCase(257, "N, DEVCTL with the FLR bit → the function is reset", [.n]) { host in
      let n = try host.opened(.n)
      let offset = try host.require(n, .express)
      let register = try host.registerThatResetClears(.n)
      try host.write(n, register, [0xFF, 0, 0, 0])
      try expect(try host.read(n, register, count: 4), equals: [0xFF, 0, 0, 0], "written")
      let control = try host.config(n, offset + 8, width: 2)
      try host.setConfig(n, offset + 8, control | 0x8000, width: 2)
      try expect(try host.read(n, register, count: 4), equals: [0, 0, 0, 0], "after FLR")
    },
    ContractCase(258, "AER masks all ones → at most the fixed masks", [.n]) { host in
      let (_, device) = try host.firstBound(of: functions, "AER") {
        try advancedErrors(host, $0) != nil
      }
      guard let offset = try advancedErrors(host, device) else { throw ContractSkip("no AER") }
      for (register, mask) in [(8, 0x03FF_F031), (0x14, 0xF1C1)] as [(Int, UInt64)] {
        try host.setConfig(device, offset + register, 0xFFFF_FFFF, width: 4)
        let value = try host.config(device, offset + register, width: 4)
        try expect(value & ~mask, equals: 0, "bits outside the mask at +\(register)")
        try expect(value != 0, "no bit at +\(register) takes a write")
      }
    },
  ]

  /// Extended capabilities that are shown (5.4).
  private static let visible: Set<UInt64> = [
    0x01, 0x02, 0x03, 0x04, 0x08, 0x09, 0x0B, 0x0D, 0x0E, 0x0F, 0x10, 0x12, 0x13, 0x15, 0x16, 0x17,
    0x18, 0x23,
  ]

  private static func shownCapabilities(
    _ host: ContractHost, _ device: Int32
  ) throws -> [(identifier: UInt64, offset: Int)] {
    guard try host.region(device, 7).size == 4096 else { return [] }
    return try ContractHost.extendedCapabilities { try host.config(device, $0, width: 4) }
  }

  private static func advancedErrors(_ host: ContractHost, _ device: Int32) throws -> Int? {
    try shownCapabilities(host, device).first { $0.identifier == 0x01 }?.offset
  }

  /// A bound function with an extended capability that is not shown, and where that is. Throws
  /// `ContractSkip`.
  private static func hiddenCapability(
    _ host: ContractHost, isFirst: Bool
  ) throws -> (fixture: Fixture, device: Int32, offset: Int) {
    for fixture in [.n, .h, .q, .t, .p, .a0, .s0] as [Fixture]
    where host.platform.fixtures.contains(fixture) {
      let raw = try host.hardwareConfig(fixture)
      guard raw.count == 4096 else { continue }
      let chain = ContractHost.extendedCapabilities { offset in
        (0..<4).reduce(UInt64(0)) { $0 | UInt64(raw[offset + $1]) << (8 * UInt64($1)) }
      }
      let hidden = chain.first {
        !visible.contains($0.identifier) && ($0.offset == 0x100) == isFirst
      }
      if let hidden, !isFirst || chain.contains(where: { visible.contains($0.identifier) }) {
        return (fixture, try host.opened(fixture), hidden.offset)
      }
    }
    throw ContractSkip(
      "no function here has \(isFirst ? "a first" : "an") extended capability that vfio-pci hides")
  }

  /// 32 bits in the order of the bus.
  static func bytes(_ value: UInt64) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
  }
}
