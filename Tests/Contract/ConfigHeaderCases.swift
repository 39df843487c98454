internal import SystemPackage

extension Contract {
  /// The header: section 12.9 up to row 246, and rows 260 to 264.
  static let configHeader: [ContractCase] = [
    ContractCase(236, "N just opened, BAR 0 → the host's address with type bits", [.n]) { host in
      let n = try host.opened(.n)
      let resources = try host.attribute("resource", of: .n).split(separator: "\n")
      let start = resources.first?.split(separator: " ").first?.dropFirst(2)
      guard let address = start.flatMap({ UInt64($0, radix: 16) }), address != 0 else {
        throw ContractSkip("the host gave BAR 0 no address")
      }
      let isLong = try host.config(n, 0x10, width: 4) & 0x7 == 4
      let bar = try host.config(n, 0x10, width: isLong ? 8 : 4)
      let type: UInt64 = bar & 1 == 0 ? 0xF : 0x3
      try expect(bar & ~type, equals: address)
      try expect(bar & 0xF == 4, equals: isLong)
    },
    ContractCase(237, "all ones into BAR 0 of size S → ~(S-1) with type bits", [.n]) { host in
      let n = try host.opened(.n)
      let size = try host.region(n, 0).size
      let type = try host.config(n, 0x10, width: 4) & 0xF
      try host.setConfig(n, 0x10, 0xFFFF_FFFF, width: 4)
      try expect(try host.config(n, 0x10, width: 4), equals: ~(size - 1) & 0xFFFF_FFFF | type)
    },
    ContractCase(238, "all ones into both halves of a long BAR → its size over 64 bits", [.n]) {
      host in
      let (_, device) = try host.firstBound(of: functions, "a BAR of 64 bits") {
        try host.bars($0).contains { $0.decoding == .memory64 }
      }
      for (region, decoding) in try host.bars(device) where decoding == .memory64 {
        let register = ContractHost.register(ofBAR: region.index)
        let type = try host.config(device, register, width: 4) & 0xF
        try host.setConfig(device, register, 0xFFFF_FFFF, width: 4)
        try host.setConfig(device, register + 4, 0xFFFF_FFFF, width: 4)
        try expect(try host.config(device, register, width: 8), equals: ~(region.size - 1) | type)
      }
    },
    ContractCase(239, "all ones into an absent BAR → 0", [.n]) { host in
      let n = try host.opened(.n)
      let register = try ContractHost.register(ofBAR: host.absentBAR(n))
      try host.setConfig(n, register, 0xFFFF_FFFF, width: 4)
      try expect(try host.config(n, register, width: 4), equals: 0)
    },
    ContractCase(240, "writing the vendor → counted, unchanged", [.n]) { host in
      let n = try host.opened(.n)
      let identity = try host.config(n, 0, width: 4)
      try expect(
        try host.write(n, ContractHost.config, [0x34, 0x12, 0x78, 0x56]), equals: 4, "count")
      try expect(try host.config(n, 0, width: 4), equals: identity)
    },
    ContractCase(241, "command 0xFFFF → the bits it has, and INTx disable", [.n]) { host in
      let n = try host.opened(.n)
      try host.setConfig(n, 4, 0xFFFF, width: 2)
      let command = try host.config(n, 4, width: 2)
      // An emulated function has 0x507; I/O decoding and parity response are a matter of hardware.
      try expect(command & ~0x0041, equals: 0x0506)
    },
    ContractCase(242, "interrupt line 0x33 → 0x33", [.n]) { host in
      let n = try host.opened(.n)
      try host.setConfig(n, 0x3C, 0x33, width: 1)
      try expect(try host.config(n, 0x3C, width: 1), equals: 0x33)
    },
    ContractCase(243, "writing the interrupt pin → unchanged", [.n]) { host in
      let n = try host.opened(.n)
      let pin = try host.config(n, 0x3D, width: 1)
      try host.setConfig(n, 0x3D, pin ^ 7, width: 1)
      try expect(try host.config(n, 0x3D, width: 1), equals: pin)
    },
    ContractCase(244, "V0, vendor and device → real, all ones in hardware", [.p, .v0]) { host in
      let v0 = try host.openedVirtual(.v0)
      let vendor = try host.attribute("vendor", of: .v0)
      let device = try host.attribute("device", of: .v0)
      try expect(
        hexadecimal(try host.config(v0, 0, width: 2)), equals: vendor, "vendor")
      try expect(
        hexadecimal(try host.config(v0, 2, width: 2)), equals: device, "device")
      let hardware = try host.hardwareConfig(.v0)
      try expect(Array(hardware.prefix(4)), equals: [0xFF, 0xFF, 0xFF, 0xFF], "hardware")
    },
    ContractCase(245, "V0, interrupt pin, INTx → 0, count 0", [.p, .v0]) { host in
      let v0 = try host.openedVirtual(.v0)
      try expect(try host.config(v0, 0x3D, width: 1), equals: 0, "pin")
      try expect(try host.interrupt(v0, 0).count, equals: 0, "count")
    },
    ContractCase(246, "V0, command → memory decoding, virtually", [.p, .v0]) { host in
      let v0 = try host.openedVirtual(.v0)
      try expect(try host.config(v0, 4, width: 2), equals: 0x2)
    },
    ContractCase(260, "B0, reading at 0x100 of 256 bytes → EFAULT", [.b0]) { host in
      let b0 = try host.opened(.b0)
      try expect(try host.region(b0, 7).size, equals: 256, "size")
      try expect(.badAddress) { _ = try host.config(b0, 0x100, width: 4) }
    },
    ContractCase(261, "reading 4 at 0xFFE of 4096 bytes → EFAULT", [.n]) { host in
      let n = try host.opened(.n)
      try expect(try host.region(n, 7).size, equals: 4096, "size")
      try expect(.badAddress) { _ = try host.config(n, 0xFFE, width: 4) }
      try expect(.badAddress) { try host.setConfig(n, 0xFFE, 0, width: 4) }
    },
    ContractCase(262, "reading 3 bytes at 1 → 3 correct bytes", [.n]) { host in
      let n = try host.opened(.n)
      let identity = try host.read(n, ContractHost.config, count: 4)
      try expect(try host.read(n, ContractHost.config + 1, count: 3), equals: Array(identity[1...]))
    },
    ContractCase(263, "writing a one into a status error bit → dropped", [.n]) { host in
      let n = try host.opened(.n)
      try host.platform.setHardware(of: host.address(.n), offset: 7, to: 0xF9)
      try expect(try host.config(n, 7, width: 1) & 0xF9, equals: 0xF9, "set by hardware")
      try host.setConfig(n, 6, 0xFFFF, width: 2)
      try expect(try host.config(n, 7, width: 1) & 0xF9, equals: 0xF9, "after the write")
    },
    ContractCase(264, "all ones into the ROM BAR → size and enable bit, 0 without", [.n]) { host in
      for fixture in functions where host.platform.fixtures.contains(fixture) {
        let device = try host.opened(fixture)
        let size = try host.region(device, 6).size
        try host.setConfig(device, 0x30, 0xFFFF_FFFF, width: 4)
        let expected = size == 0 ? 0 : ~(size - 1) & 0xFFFF_FFFF | 1
        try expect(
          try host.config(device, 0x30, width: 4), equals: expected, fixture.rawValue)
        host.close(device)
      }
    },
  ]

  /// Where a capability or BAR that not every host's N has is looked for.
  static let functions: [Fixture] = [.n, .a0, .q, .t, .r, .s0]

  private static func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return "0x" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
