internal import CLinux
internal import PCI
internal import SystemPackage

extension Contract {
  /// Section 12.6.
  static let resetInformation = ContractSection(
    "12.6", "Hot reset INFO", informationShape + informationOfContexts + informationOfGroups)

  /// An entry of the information that is nobody's or somebody else's.
  private static let notOwned = UInt32.max

  private static let command = VFIO_DEVICE_GET_PCI_HOT_RESET_INFO

  /// Rows 145 to 150.
  private static let informationShape: [ContractCase] = [
    ContractCase(145, "R open: INFO → ENODEV", [.r]) { host in
      let r = try host.opened(.r)
      try expect(.enodev) { _ = try host.hotResetInfo(r) }
    },
    ContractCase(146, "INFO argsz 11 → EINVAL", [.a0]) { host in
      let a0 = try host.opened(.a0)
      try expect(.invalidArgument) { try host.call(a0, command, [11, 0, 0]) }
    },
    ContractCase(147, "INFO argsz 12 → ENOSPC, count 2, flags 0", [.a0]) { host in
      let a0 = try host.opened(.a0)
      var bytes = ContractHost.bytes([12, 0xFF, 0])
      try expect(.noSpace) { try host.call(a0, command, &bytes) }
      try expect(ContractHost.words(bytes), equals: [12, 0, 2])
    },
    ContractCase(148, "INFO argsz 20, 27 → ENOSPC, count 2, entries untouched", [.a0]) { host in
      let a0 = try host.opened(.a0)
      for size in [20, 27] as [UInt32] {
        var bytes = ContractHost.bytes([size, 0, 0, 9, 9, 9, 9])
        try expect(.noSpace) { try host.call(a0, command, &bytes) }
        try expect(ContractHost.words(bytes), equals: [size, 0, 2, 9, 9, 9, 9])
      }
    },
    ContractCase(149, "INFO argsz 28 → count 2, segment, bus and devfn of each", [.a0, .a1]) {
      host in
      let a0 = try host.opened(.a0)
      let words = try host.call(a0, command, [28, 0, 0, 9, 9, 9, 9])
      try expect(words[0], equals: 28, "argsz")
      try expect(words[2], equals: 2, "count")
      for (index, fixture) in [Fixture.a0, .a1].enumerated() {
        let address = try host.address(fixture)
        let place =
          UInt32(address.domain) | UInt32(address.bus) << 16 | UInt32(address.devfn) << 24
        try expect(words[4 + 2 * index], equals: place)
      }
    },
    ContractCase(150, "INFO with garbage flags in → as with 0", [.a0]) { host in
      let a0 = try host.opened(.a0)
      let clean = try host.call(a0, command, [28, 0, 0, 0, 0, 0, 0])
      try expect(try host.call(a0, command, [28, 0xDEAD, 0, 0, 0, 0, 0]), equals: clean)
    },
  ]

  /// Rows 152 to 169, seen from a device that is bound through its own node.
  private static let informationOfContexts: [ContractCase] = [
    ContractCase(152, "A0, A1 bound c1: INFO → flags 3, both ids", [.a0, .a1]) { host in
      let fd = try host.iommufd()
      let a0 = try host.bound(.a0, fd)
      let a1 = try host.bound(.a1, fd)
      for device in [a0, a1] {
        try expectInformation(host, device.descriptor, 3, [a0.identifier, a1.identifier])
      }
    },
    ContractCase(153, "A0 bound, A1 not opened: INFO → flags 3, A1 0", [.a0, .a1]) { host in
      let a0 = try host.bound(.a0, try host.iommufd())
      try expectInformation(host, a0.descriptor, 3, [a0.identifier, 0])
    },
    ContractCase(154, "A0 bound, A1 open, not bound: INFO → flags 3, A1 0", [.a0, .a1]) { host in
      let a0 = try host.bound(.a0, try host.iommufd())
      _ = try host.node(.a1)
      try expectInformation(host, a0.descriptor, 3, [a0.identifier, 0])
    },
    ContractCase(155, "A0 bound, A1 without driver: INFO → flags 1, A1 -1", [.a0, .a1]) { host in
      try host.platform.setDriver(of: try host.address(.a1), to: nil)
      let a0 = try host.bound(.a0, try host.iommufd())
      try expectInformation(host, a0.descriptor, 1, [a0.identifier, notOwned])
    },
    ContractCase(156, "A0 bound, A1 on pci-stub: INFO → flags 1, A1 -1", [.a0, .a1]) { host in
      try host.platform.setDriver(of: try host.address(.a1), to: "pci-stub")
      let a0 = try host.bound(.a0, try host.iommufd())
      try expectInformation(host, a0.descriptor, 1, [a0.identifier, notOwned])
    },
    ContractCase(157, "S0 bound, S1 unopened: INFO → flags 1, S1 -1", [.s0, .s1]) { host in
      let s0 = try host.bound(.s0, try host.iommufd())
      try expectInformation(host, s0.descriptor, 1, [s0.identifier, notOwned])
    },
    ContractCase(158, "S0, S1 bound c1: INFO → flags 3, both ids", [.s0, .s1]) { host in
      let fd = try host.iommufd()
      let s0 = try host.bound(.s0, fd)
      let s1 = try host.bound(.s1, fd)
      try expectInformation(host, s0.descriptor, 3, [s0.identifier, s1.identifier])
    },
    ContractCase(
      159, "S0 bound c1, S1 bound c2: INFO → flags 1, the other -1, from both", [.s0, .s1]
    ) { host in
      let s0 = try host.bound(.s0, try host.iommufd())
      let s1 = try host.bound(.s1, try host.iommufd())
      try expectInformation(host, s0.descriptor, 1, [s0.identifier, notOwned])
      try expectInformation(host, s1.descriptor, 1, [notOwned, s1.identifier])
    },
    ContractCase(
      160, "S0 bound c1, S1 open in a native container: INFO via S0 → flags 1, S1 -1", [.s0, .s1]
    ) { host in
      let s0 = try host.bound(.s0, try host.iommufd())
      _ = try host.device(try host.usableGroup(.s1, container: try host.container()), .s1)
      try expectInformation(host, s0.descriptor, 1, [s0.identifier, notOwned])
    },
    ContractCase(
      161, "S0 bound c1, S1 open with c1 as container: INFO via S0 → flags 3, S1's id", [.s0, .s1]
    ) { host in
      let fd = try host.iommufd()
      let s0 = try host.bound(.s0, fd)
      _ = try host.device(try host.usableGroup(.s1, container: fd, backend: nil), .s1)
      let information = try host.hotResetInfo(s0.descriptor)
      try expect(information.flags, equals: 3, "flags")
      let number = information.entries[1].number
      try expect(number != 0 && number != notOwned, "S1's entry is \(number)")
    },
    ContractCase(166, "N alone in its slot, bound: INFO → count 1, flags 3", [.n]) { host in
      let n = try host.bound(.n, try host.iommufd())
      try expectInformation(host, n.descriptor, 3, [n.identifier])
    },
    ContractCase(
      167, "B0 bound, B1 unopened, Bb in the group: INFO → only the secondary bus, B1 0",
      [.b0, .b1, .bb]
    ) { host in
      let b0 = try host.bound(.b0, try host.iommufd())
      let information = try host.hotResetInfo(b0.descriptor)
      try expect(information.flags, equals: 3, "flags")
      let addresses = try [Fixture.b0, .b1].map { try host.address($0) }.sorted()
      try expect(information.entries.map(\.address), equals: addresses.map(\.description))
      let own = try host.address(.b0)
      try expect(
        information.entries.map(\.number), equals: addresses.map { $0 == own ? b0.identifier : 0 })
    },
    ContractCase(168, "V0 bound with P: INFO → every function of the bus, V1 -1", [.v0, .v1]) {
      host in
      let v0 = try host.openedVirtual(.v0)
      let information = try host.hotResetInfo(v0)
      try expect(information.flags, equals: 1, "flags")
      let numbers = Dictionary(
        uniqueKeysWithValues: information.entries.map { ($0.address, $0.number) })
      try expect(numbers["\(host.address(.p))"], equals: notOwned, "P")
      try expect(numbers["\(host.address(.v1))"], equals: notOwned, "V1")
      let own = numbers["\(try host.address(.v0))"] ?? 0
      try expect(own != 0 && own != notOwned, "V0's entry is \(own)")
    },
    ContractCase(172, "unbind of A1 pending: INFO via A0 → as usual", [.a0, .a1]) { host in
      let fd = try host.iommufd()
      let a0 = try host.bound(.a0, fd)
      let a1 = try host.bound(.a1, fd)
      try host.platform.startUnbinding(try host.address(.a1))
      try expectInformation(host, a0.descriptor, 3, [a0.identifier, a1.identifier])
    },
    ContractCase(173, "scope grows between count and walk → EAGAIN", [.a0]) { _ in
      throw ContractSkip("a function would have to be plugged in while the kernel walks the bus")
    },
  ]

  /// Rows 162 to 165, seen from a device that was opened through its group.
  private static let informationOfGroups: [ContractCase] = [
    ContractCase(
      162, "S0 bound c1, S1 open with c1 as container: INFO via S1 → flags 0, groups", [.s0, .s1]
    ) { host in
      let fd = try host.iommufd()
      _ = try host.bound(.s0, fd)
      let s1 = try host.device(try host.usableGroup(.s1, container: fd, backend: nil), .s1)
      try expectGroups(host, s1, [.s0, .s1])
    },
    ContractCase(164, "S0 group-opened: INFO → flags 0, both groups", [.s0, .s1]) { host in
      let group = try host.usableGroup(.s0, container: try host.container())
      try expectGroups(host, try host.device(group, .s0), [.s0, .s1])
    },
    ContractCase(165, "A0 group-opened through an iommufd: INFO → flags 0, groups", [.a0, .a1]) {
      host in
      let group = try host.usableGroup(.a0, container: try host.iommufd(), backend: nil)
      try expectGroups(host, try host.device(group, .a0), [.a0, .a1])
    },
  ]

  /// Requires flags and numbers of the hot-reset information of a device.
  static func expectInformation(
    _ host: ContractHost, _ device: Int32, _ flags: UInt32, _ numbers: [UInt32],
    file: StaticString = #fileID, line: UInt = #line
  ) throws {
    let information = try host.hotResetInfo(device)
    try expect(information.flags, equals: flags, "flags", file: file, line: line)
    try expect(information.entries.map(\.number), equals: numbers, file: file, line: line)
  }

  private static func expectGroups(
    _ host: ContractHost, _ device: Int32, _ fixtures: [Fixture],
    file: StaticString = #fileID, line: UInt = #line
  ) throws {
    let numbers = try fixtures.map { UInt32(try host.groupNumber($0)) }
    try expectInformation(host, device, 0, numbers, file: file, line: line)
  }
}
