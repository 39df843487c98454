internal import CLinux
internal import HostKernel
internal import SystemPackage

extension Contract {
  /// Section 12.7.
  static let hotReset = ContractSection(
    "12.7", "Hot reset execution", resetByContext + resetByGroups + resetEffects)

  private static let command = VFIO_DEVICE_PCI_HOT_RESET

  /// A register of BAR 0 of the network functions that a reset clears: the base of a transmit ring.
  private static let ringBase: UInt64 = 0x3800

  /// Rows 174 to 188, and 200 to 203: the caller is bound through its own node.
  private static let resetByContext: [ContractCase] = [
    ContractCase(174, "A0, A1 bound c1: HOT_RESET via A0, count 0 → both reset", [.a0, .a1]) {
      host in
      let fd = try host.iommufd()
      let devices = try [Fixture.a0, .a1].map { try host.bound($0, fd).descriptor }
      for device in devices { try setRing(host, device) }
      try host.hotReset(devices[0])
      for device in devices { try expect(try ring(host, device), equals: 0) }
    },
    ContractCase("174b", "A0 bound, A1 not opened: HOT_RESET via A0 → 0", [.a0, .a1]) { host in
      try host.hotReset(try host.opened(.a0))
    },
    ContractCase(176, "A0 bound, A1 on pci-stub or without driver → EINVAL", [.a0, .a1]) { host in
      let a1 = try host.address(.a1)
      for driver in ["pci-stub", nil] {
        try host.platform.setDriver(of: a1, to: driver)
        let a0 = try host.opened(.a0)
        try expect(.invalidArgument, driver ?? "none") { try host.hotReset(a0) }
        host.close(a0)
      }
    },
    ContractCase(177, "HOT_RESET flags 1 → EINVAL", [.a0]) { host in
      let a0 = try host.opened(.a0)
      try expect(.invalidArgument) { try host.call(a0, command, [12, 1, 0]) }
    },
    ContractCase(178, "HOT_RESET argsz 11 → EINVAL", [.a0]) { host in
      let a0 = try host.opened(.a0)
      try expect(.invalidArgument) { try host.call(a0, command, [11, 0, 0]) }
    },
    ContractCase("178b", "HOT_RESET with an unreadable argument → EFAULT", [.a0]) { host in
      let a0 = try host.opened(.a0)
      try expect(.badAddress) { try host.call(a0, command, value: UInt(try host.hole())) }
    },
    ContractCase(179, "A0 bound: HOT_RESET with a group → EINVAL", [.a0, .n]) { host in
      let a0 = try host.opened(.a0)
      let group = try host.group(.n)
      try expect(.invalidArgument) { try host.hotReset(a0, [group]) }
    },
    ContractCase(180, "A0 bound: HOT_RESET with a device → EINVAL", [.a0]) { host in
      let a0 = try host.opened(.a0)
      try expect(.invalidArgument) { try host.hotReset(a0, [a0]) }
    },
    ContractCase(181, "R bound: HOT_RESET count 0 → ENODEV", [.r]) { host in
      let r = try host.opened(.r)
      try expect(.enodev) { try host.hotReset(r) }
    },
    ContractCase(182, "R bound: HOT_RESET count 1 → EINVAL, the shape comes first", [.r]) { host in
      let r = try host.opened(.r)
      try expect(.invalidArgument) { try host.hotReset(r, [r]) }
    },
    ContractCase(183, "S0, S1 bound c1: HOT_RESET via either → 0", [.s0, .s1]) { host in
      let fd = try host.iommufd()
      let devices = try [Fixture.s0, .s1].map { try host.bound($0, fd).descriptor }
      for device in devices { try host.hotReset(device) }
    },
    ContractCase(184, "S0 bound c1, S1 unopened: HOT_RESET via S0 → EINVAL", [.s0, .s1]) { host in
      let s0 = try host.opened(.s0)
      try expect(.invalidArgument) { try host.hotReset(s0) }
    },
    ContractCase(185, "S0 bound c1, S1 bound c2: HOT_RESET → EINVAL both ways", [.s0, .s1]) {
      host in
      for device in [try host.opened(.s0), try host.opened(.s1)] {
        try expect(.invalidArgument) { try host.hotReset(device) }
      }
    },
    ContractCase(186, "S0 bound c1, S1 in a native container: via S0 → EINVAL", [.s0, .s1]) {
      host in
      let s0 = try host.opened(.s0)
      _ = try host.device(try host.usableGroup(.s1, container: try host.container()), .s1)
      try expect(.invalidArgument) { try host.hotReset(s0) }
    },
    ContractCase(188, "the same: via S1 with GS1 → EINVAL", [.s0, .s1]) { host in
      _ = try host.opened(.s0)
      let group = try host.usableGroup(.s1, container: try host.container())
      let s1 = try host.device(group, .s1)
      try expect(.invalidArgument) { try host.hotReset(s1, [group]) }
    },
    ContractCase(200, "unbind of A1 pending: HOT_RESET via A0 → EAGAIN", [.a0, .a1]) { host in
      let fd = try host.iommufd()
      let a0 = try host.bound(.a0, fd).descriptor
      _ = try host.bound(.a1, fd)
      try host.platform.startUnbinding(try host.address(.a1))
      try expect(.resourceTemporarilyUnavailable) { try host.hotReset(a0) }
    },
    ContractCase(201, "A1 inside a long access to its own BAR → EBUSY", [.a0, .a1]) { _ in
      throw ContractSkip("an access would have to be held inside the kernel")
    },
    ContractCase(202, "V0 bound: HOT_RESET → EINVAL", [.v0]) { host in
      let v0 = try host.openedVirtual(.v0)
      try expect(.invalidArgument) { try host.hotReset(v0) }
    },
    ContractCase(214, "iommufd closed after binding: HOT_RESET → 0", [.a0, .a1]) { host in
      let fd = try host.iommufd()
      let a0 = try host.bound(.a0, fd).descriptor
      _ = try host.bound(.a1, fd)
      host.close(fd)
      try host.hotReset(a0)
    },
  ]

  /// Rows 189 to 198: the caller was opened through its group.
  private static let resetByGroups: [ContractCase] = [
    ContractCase(189, "A0 group-opened: HOT_RESET count 0 → EINVAL", [.a0]) { host in
      let a0 = try grouped(host, .a0)
      try expect(.invalidArgument) { try host.hotReset(a0.device) }
    },
    ContractCase("189b", "A0 group-opened on an iommufd: count 0 → EINVAL", [.a0]) { host in
      let group = try host.usableGroup(.a0, container: try host.iommufd(), backend: nil)
      let a0 = try host.device(group, .a0)
      try expect(.invalidArgument) { try host.hotReset(a0) }
      try host.hotReset(a0, [group])
    },
    ContractCase(190, "A0 group-opened: HOT_RESET [GA] → 0, A1 open or not", [.a0, .a1]) { host in
      let a0 = try grouped(host, .a0)
      try host.hotReset(a0.device, [a0.group])
      _ = try host.device(a0.group, .a1)
      try host.hotReset(a0.device, [a0.group])
    },
    ContractCase(191, "A0 group-opened: HOT_RESET [GA, GA] → 0", [.a0]) { host in
      let a0 = try grouped(host, .a0)
      try host.hotReset(a0.device, [a0.group, a0.group])
    },
    ContractCase(192, "A0 group-opened, scope 2: HOT_RESET with 3 → EINVAL", [.a0]) { host in
      let a0 = try grouped(host, .a0)
      try expect(.invalidArgument) {
        try host.hotReset(a0.device, [a0.group, a0.group, a0.group])
      }
    },
    ContractCase(193, "A0 group-opened: HOT_RESET [closed number] → EBADF", [.a0]) { host in
      let a0 = try grouped(host, .a0)
      try expect(.badFileDescriptor) { try host.hotReset(a0.device, [host.closedDescriptor]) }
    },
    ContractCase(
      194, "A0 group-opened: HOT_RESET [container], [iommufd], [device] → EINVAL", [.a0]
    ) { host in
      let container = try host.container()
      let group = try host.usableGroup(.a0, container: container)
      let a0 = try host.device(group, .a0)
      for other in [container, try host.iommufd(), a0] {
        try expect(.invalidArgument) { try host.hotReset(a0, [other]) }
      }
    },
    ContractCase(195, "A0 group-opened: HOT_RESET [another group] → EINVAL", [.a0, .n]) { host in
      let a0 = try grouped(host, .a0)
      let other = try host.group(.n)
      try expect(.invalidArgument) { try host.hotReset(a0.device, [other]) }
    },
    ContractCase(196, "HOT_RESET argsz 12, count 1, a group behind it → 0", [.a0]) { host in
      let a0 = try grouped(host, .a0)
      try host.call(a0.device, command, [12, 0, 1, UInt32(bitPattern: a0.group)])
    },
    ContractCase("196b", "HOT_RESET count 1, nothing readable behind it → EFAULT", [.a0]) { host in
      let a0 = try grouped(host, .a0)
      let argument = try host.edge([16, 0, 1])
      try expect(.badAddress) { try host.call(a0.device, command, value: argument) }
    },
    ContractCase(197, "S0 group-opened: HOT_RESET [GS0] → EINVAL", [.s0, .s1]) { host in
      let s0 = try grouped(host, .s0)
      try expect(.invalidArgument) { try host.hotReset(s0.device, [s0.group]) }
    },
    ContractCase(
      198, "S0 group-opened, GS1 held, S1 unopened: HOT_RESET [GS0, GS1] → 0", [.s0, .s1]
    ) { host in
      let s0 = try grouped(host, .s0)
      try host.hotReset(s0.device, [s0.group, try host.group(.s1)])
    },
  ]

  /// Rows 207 to 213: what a hot reset keeps and what it puts back.
  private static let resetEffects: [ContractCase] = [
    ContractCase(207, "A1's virtual BAR 0 and line: HOT_RESET via A0 → unchanged", [.a0, .a1]) {
      host in
      let pair = try pair(host)
      try host.setConfig(pair.a1, 0x10, 0x1234_0000, width: 4)
      try host.setConfig(pair.a1, 0x3C, 0x33, width: 1)
      let bar = try host.config(pair.a1, 0x10, width: 4)
      try host.hotReset(pair.a0)
      try expect(try host.config(pair.a1, 0x10, width: 4), equals: bar, "BAR 0")
      try expect(try host.config(pair.a1, 0x3C, width: 1), equals: 0x33, "line")
    },
    ContractCase(208, "A1's command 7: HOT_RESET via A0 → still 7", [.a0, .a1]) { host in
      let pair = try pair(host)
      try host.setConfig(pair.a1, 4, 7, width: 2)
      try host.hotReset(pair.a0)
      try expect(try host.config(pair.a1, 4, width: 2) & 7, equals: 7)
      _ = try ring(host, pair.a1)
    },
    ContractCase(209, "A1's register written: HOT_RESET via A0 → its reset value", [.a0, .a1]) {
      host in
      let pair = try pair(host)
      try setRing(host, pair.a1)
      try host.hotReset(pair.a0)
      try expect(try ring(host, pair.a1), equals: 0)
    },
    ContractCase(
      210, "A1's MSI-X vector 0 with eventfd: HOT_RESET via A0 → on, loopback works", [.a0, .a1]
    ) { host in
      let pair = try pair(host)
      let event = try host.event()
      let index = VFIO_PCI_MSIX_IRQ_INDEX
      let trigger = VFIO_IRQ_SET_ACTION_TRIGGER
      try host.setInterrupts(pair.a1, index: index, flags: trigger, events: [event])
      try host.hotReset(pair.a0)
      let control = try host.require(pair.a1, .msix) + 2
      try expect(try host.config(pair.a1, control, width: 2) & 0x8000, equals: 0x8000, "enable")
      try host.setInterrupts(pair.a1, index: index, flags: trigger, count: 1)
      try expect(host.awaitSignals(event), equals: 1, "signals")
    },
    ContractCase(212, "A1 in D3hot: HOT_RESET via A0 → 0, D0 afterwards", [.a0, .a1]) { host in
      let pair = try pair(host)
      let control = try host.require(pair.a1, .powerManagement) + 4
      try host.setConfig(pair.a1, control, 3, width: 2)
      try expect(try host.config(pair.a1, control, width: 2) & 3, equals: 3, "before")
      try host.hotReset(pair.a0)
      try expect(try host.config(pair.a1, control, width: 2) & 3, equals: 0, "after")
    },
    ContractCase(
      213, "A0 attached with mappings: HOT_RESET → mapping, attachment, devid stay", [.a0, .a1]
    ) { host in
      let fd = try host.iommufd()
      let a0 = try host.bound(.a0, fd)
      _ = try host.bound(.a1, fd)
      let ioas = try host.allocateIOAS(fd)
      let table = try host.attach(a0.descriptor, ioas)
      try host.map(fd, ioas, try host.memory(), at: 0x10000)
      try host.hotReset(a0.descriptor)
      try expect(try host.attach(a0.descriptor, ioas), equals: table, "HWPT")
      try expect(try host.unmap(fd, ioas, at: 0x10000, length: 4096), equals: 4096, "bytes")
      try expect(try host.hotResetInfo(a0.descriptor).entries[0].number, equals: a0.identifier)
    },
  ]

  // MARK: Setting up

  private static func pair(_ host: ContractHost) throws -> (a0: Int32, a1: Int32) {
    let fd = try host.iommufd()
    return (try host.bound(.a0, fd).descriptor, try host.bound(.a1, fd).descriptor)
  }

  /// A device of its group, in a native container of its own.
  private static func grouped(
    _ host: ContractHost, _ fixture: Fixture
  ) throws -> (device: Int32, group: Int32) {
    let group = try host.usableGroup(fixture, container: try host.container())
    return (try host.device(group, fixture), group)
  }

  private static func setRing(_ host: ContractHost, _ device: Int32) throws {
    try host.setMemoryDecoding(device, true)
    try host.write(device, ringBase, ContractHost.bytes([0x1234_5670]))
    try expect(try ring(host, device), equals: 0x1234_5670, "the register keeps no value")
  }

  private static func ring(_ host: ContractHost, _ device: Int32) throws -> UInt32 {
    ContractHost.words(try host.read(device, ringBase, count: 4))[0]
  }
}
