internal import CLinux
internal import HostKernel
internal import SystemPackage

extension Contract {
  /// Section 12.8.
  static let functionReset = ContractSection(
    "12.8", "Function reset, close, low power", resets + lastCloses + features)

  /// The flag of `VFIO_DEVICE_GET_INFO` for a device that can be reset.
  private static let canReset = UInt32(VFIO_DEVICE_FLAGS_RESET)

  /// Rows 215 to 224.
  private static let resets: [ContractCase] = [
    ContractCase(215, "N with FLR: GET_INFO, RESET → RESET flag, 0", [.n]) { host in
      let n = try host.opened(.n)
      try expect(try flags(host, n) & canReset, equals: canReset)
      try host.call(n, VFIO_DEVICE_RESET)
    },
    ContractCase(216, "B0 without a method: GET_INFO, RESET → no RESET flag, EINVAL", [.b0, .b1]) {
      host in
      let b0 = try host.opened(.b0)
      try expect(try flags(host, b0) & canReset, equals: 0)
      try expect(.invalidArgument) { try host.call(b0, VFIO_DEVICE_RESET) }
    },
    ContractCase(217, "R without a method: RESET → EINVAL", [.r]) { host in
      let r = try host.opened(.r)
      try expect(.invalidArgument) { try host.call(r, VFIO_DEVICE_RESET) }
    },
    ContractCase(218, "N, BAR 0 virtual, MSI-X on: RESET → both unchanged, registers reset", [.n]) {
      host in
      let n = try host.opened(.n)
      let event = try host.event()
      try host.setInterrupts(
        n, index: VFIO_PCI_MSIX_IRQ_INDEX, flags: VFIO_IRQ_SET_ACTION_TRIGGER, events: [event])
      try host.setConfig(n, 0x10, 0x7000_0000, width: 4)
      let bar = try host.config(n, 0x10, width: 4)
      try host.setMemoryDecoding(n, true)
      let register = try host.registerThatResetClears(.n)
      try host.write(n, register, [1, 0, 0, 0])
      try expect(try host.read(n, register, count: 4) != [0, 0, 0, 0], "register not written")
      try host.call(n, VFIO_DEVICE_RESET)
      try expect(try host.config(n, 0x10, width: 4), equals: bar, "BAR 0")
      let control = try host.require(n, .msix) + 2
      try expect(try host.config(n, control, width: 2) & 0x8000, equals: 0x8000, "MSI-X")
      try expect(try host.read(n, register, count: 4), equals: [0, 0, 0, 0], "register")
    },
    ContractCase(219, "unbind of A1 pending: RESET A1 → EAGAIN", [.a0, .a1]) { host in
      let a1 = try host.opened(.a1)
      try host.platform.startUnbinding(try host.address(.a1))
      try expect(.resourceTemporarilyUnavailable) { try host.call(a1, VFIO_DEVICE_RESET) }
    },
    ContractCase(220, "unbind of A1 pending: RESET A0 → 0", [.a0, .a1]) { host in
      let fd = try host.iommufd()
      let a0 = try host.bound(.a0, fd).descriptor
      _ = try host.bound(.a1, fd)
      try host.platform.startUnbinding(try host.address(.a1))
      try host.call(a0, VFIO_DEVICE_RESET)
    },
    ContractCase(221, "A0 with methods pm and bus, A1 present: RESET A0 → 0, by pm", [.a0, .a1]) {
      host in
      try expect(try host.attribute("reset_method", of: .a0), equals: "pm bus")
      let fd = try host.iommufd()
      let a0 = try host.bound(.a0, fd).descriptor
      let a1 = try host.bound(.a1, fd).descriptor
      try host.setMemoryDecoding(a1, true)
      try host.write(a1, 0x3800, [0x70, 0, 0, 0])
      try host.call(a0, VFIO_DEVICE_RESET)
      try expect(try host.read(a1, 0x3800, count: 4), equals: [0x70, 0, 0, 0], "A1's register")
    },
    ContractCase(222, "N or A0 in D3hot: RESET → 0, D0 afterwards", [.a0]) { host in
      let a0 = try host.opened(.a0)
      let control = try host.require(a0, .powerManagement) + 4
      try host.setConfig(a0, control, 3, width: 2)
      try host.call(a0, VFIO_DEVICE_RESET)
      try expect(try host.config(a0, control, width: 2) & 3, equals: 0)
    },
    ContractCase(224, "device lock busy: BIND → EAGAIN", [.n]) { host in
      let n = try host.node(.n)
      let fd = try host.iommufd()
      try host.platform.withDeviceLock(of: try host.address(.n)) {
        try expect(.resourceTemporarilyUnavailable) { try host.bind(n, fd) }
      }
      try expect(try host.bind(n, fd), equals: 1, "devid")
    },
  ]

  /// Row 225 and what section 4.6 says of last closes.
  private static let lastCloses: [ContractCase] = [
    ContractCase(225, "N closed, reopened → config pristine", [.n]) { host in
      let fd = try host.iommufd()
      let n = try host.bound(.n, fd).descriptor
      let pristine = try host.read(n, ContractHost.config, count: 256)
      try host.setConfig(n, 0x04, 0x107, width: 2)
      try host.setConfig(n, 0x10, 0xFFFF_FFFF, width: 4)
      let event = try host.event()
      try host.setInterrupts(
        n, index: VFIO_PCI_MSIX_IRQ_INDEX, flags: VFIO_IRQ_SET_ACTION_TRIGGER, events: [event])
      host.close(n)
      let again = try host.bound(.n, fd).descriptor
      try expect(try host.read(again, ContractHost.config, count: 256), equals: pristine)
    },
    ContractCase("225b", "N closed, one more descriptor open → config stays", [.n]) { host in
      let group = try host.usableGroup(.n, container: try host.container())
      let first = try host.device(group, .n)
      let second = try host.device(group, .n)
      try host.setConfig(first, 0x3C, 0x33, width: 1)
      host.close(first)
      try expect(try host.config(second, 0x3C, width: 1), equals: 0x33)
    },
    ContractCase("225c", "N's registers written, last close → at their reset values", [.n]) {
      host in
      let fd = try host.iommufd()
      let register = try host.registerThatResetClears(.n)
      let n = try host.bound(.n, fd).descriptor
      try host.setMemoryDecoding(n, true)
      try host.write(n, register, [1, 0, 0, 0])
      host.close(n)
      let again = try host.bound(.n, fd).descriptor
      try host.setMemoryDecoding(again, true)
      try expect(try host.read(again, register, count: 4), equals: [0, 0, 0, 0])
    },
  ]

  /// Rows 226 to 234.
  private static let features: [ContractCase] = [
    ContractCase(226, "LOW_POWER_ENTRY twice → 0, EINVAL", [.n]) { host in
      let n = try host.opened(.n)
      try feature(host, n, 3 | VFIO_DEVICE_FEATURE_SET)
      try expect(.invalidArgument) { try feature(host, n, 3 | VFIO_DEVICE_FEATURE_SET) }
    },
    ContractCase(227, "LOW_POWER_EXIT without entry → 0", [.n]) { host in
      try feature(host, try host.opened(.n), 5 | VFIO_DEVICE_FEATURE_SET)
    },
    ContractCase("227b", "LOW_POWER_ENTRY, EXIT, ENTRY → 0 each", [.n]) { host in
      let n = try host.opened(.n)
      for number in [3, 5, 3] as [Int32] {
        try feature(host, n, number | VFIO_DEVICE_FEATURE_SET)
      }
    },
    ContractCase(229, "FEATURE 12 PROBE → EINVAL", [.n]) { host in
      let n = try host.opened(.n)
      try expect(.invalidArgument) { try feature(host, n, 12 | VFIO_DEVICE_FEATURE_PROBE) }
    },
    ContractCase(230, "FEATURE 99 → ENOTTY", [.n]) { host in
      let n = try host.opened(.n)
      try expect(.enotty) { try feature(host, n, 99 | VFIO_DEVICE_FEATURE_GET) }
    },
    ContractCase(231, "FEATURE 0 PROBE on a function that is no PF → ENOTTY", [.n]) { host in
      let n = try host.opened(.n)
      try expect(.enotty) { try feature(host, n, 0 | VFIO_DEVICE_FEATURE_PROBE) }
    },
    ContractCase(232, "FEATURE 3 GET → EINVAL", [.n]) { host in
      let n = try host.opened(.n)
      try expect(.invalidArgument) { try feature(host, n, 3 | VFIO_DEVICE_FEATURE_GET) }
    },
    ContractCase(233, "FEATURE GET and SET without PROBE → EINVAL", [.n]) { host in
      let n = try host.opened(.n)
      let both = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET
      try expect(.invalidArgument) { try feature(host, n, 3 | both) }
    },
    ContractCase("233b", "FEATURE 3 GET, SET and PROBE → EINVAL, PROBE and SET → 0", [.n]) {
      host in
      let n = try host.opened(.n)
      let probe = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET
      try expect(.invalidArgument) {
        try feature(host, n, 3 | probe | VFIO_DEVICE_FEATURE_GET)
      }
      try feature(host, n, 3 | probe)
    },
  ]

  private static func flags(_ host: ContractHost, _ device: Int32) throws -> UInt32 {
    try host.call(device, VFIO_DEVICE_GET_INFO, [16, 0, 0, 0])[1]
  }

  private static func feature(_ host: ContractHost, _ device: Int32, _ flags: Int32) throws {
    try host.call(device, VFIO_DEVICE_FEATURE, [8, UInt32(bitPattern: flags)])
  }
}
