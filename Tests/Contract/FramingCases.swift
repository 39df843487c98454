internal import CLinux
internal import HostKernel
internal import SystemPackage

extension Contract {
  /// Section 12.2.
  static let framing = ContractSection("12.2", "VFIO framing", deviceFraming + unknownCommands)

  /// A command that no kind of descriptor knows.
  private static let unknown: Int32 = 0x3BFF

  /// N, open.
  private static func open(_ host: ContractHost) throws -> Int32 {
    try host.bound(.n, try host.iommufd()).descriptor
  }

  private static let deviceFraming: [ContractCase] = [
    ContractCase(23, "N open: GET_INFO argsz 15 → EINVAL", [.n]) { host in
      let n = try open(host)
      try expect(.invalidArgument) { try host.call(n, VFIO_DEVICE_GET_INFO, [15, 0, 0, 0, 0, 0]) }
    },
    ContractCase("23b", "GET_INFO argsz 15, only 12 bytes readable → EFAULT", [.n]) { host in
      let n = try open(host)
      let argument = try host.edge([15, 0, 0])
      try expect(.badAddress) { try host.call(n, VFIO_DEVICE_GET_INFO, value: argument) }
    },
    ContractCase(24, "N open: GET_INFO argsz 16 → 0, only 16 bytes written", [.n]) { host in
      let answer = try host.call(try open(host), VFIO_DEVICE_GET_INFO, [16, 9, 99, 99, 99, 99])
      try expect(answer[0], equals: 16, "argsz")
      try expect(
        answer[1], equals: UInt32(VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET), "flags")
      try expect(Array(answer[2...]), equals: [9, 5, 99, 99])
    },
    ContractCase(25, "N open: GET_INFO argsz 4096 → argsz as given, 9 regions, 5 irqs", [.n]) {
      host in
      let answer = try host.call(
        try open(host), VFIO_DEVICE_GET_INFO, [4096] + [UInt32](repeating: 0, count: 1023))
      try expect(answer[0], equals: 4096, "argsz")
      try expect(Array(answer[2...3]), equals: [9, 5])
    },
    ContractCase(26, "N open: GET_INFO NULL → EFAULT", [.n]) { host in
      let n = try open(host)
      try expect(.badAddress) { try host.call(n, VFIO_DEVICE_GET_INFO, value: 0) }
    },
    ContractCase(27, "N open: REGION_INFO argsz 31 → EINVAL", [.n]) { host in
      let n = try open(host)
      try expect(.invalidArgument) {
        try host.call(n, VFIO_DEVICE_GET_REGION_INFO, [31, 0, 0, 0, 0, 0, 0, 0])
      }
    },
    ContractCase(28, "MSI-X BAR: REGION_INFO argsz 32 → CAPS, cap_offset 0, argsz 40", [.n]) {
      host in
      let n = try open(host)
      let bar = try messageTableBAR(host, n)
      let answer = try host.call(
        n, VFIO_DEVICE_GET_REGION_INFO, [32, 0, bar, 99, 0, 0, 0, 0])
      try expect(answer[1] & UInt32(VFIO_REGION_INFO_FLAG_CAPS) != 0, "flag CAPS is missing")
      try expect(answer[3], equals: 0, "cap_offset")
      try expect(answer[0], equals: 40, "argsz")
    },
    ContractCase(29, "MSI-X BAR: REGION_INFO argsz 40 → id 3 version 1 next 0 at 32", [.n]) {
      host in
      let n = try open(host)
      let bar = try messageTableBAR(host, n)
      let answer = try host.call(
        n, VFIO_DEVICE_GET_REGION_INFO, [40, 0, bar, 0, 0, 0, 0, 0, 99, 99])
      try expect(answer[0], equals: 40, "argsz")
      try expect(answer[3], equals: 32, "cap_offset")
      try expect(Array(answer[8...9]), equals: [0x0001_0003, 0], "header")
    },
    ContractCase(30, "N open: REGION_INFO index 9 → EINVAL", [.n]) { host in
      let n = try open(host)
      for index in [9, .max] as [UInt32] {
        try expect(.invalidArgument, "index \(index)") {
          try host.call(n, VFIO_DEVICE_GET_REGION_INFO, [32, 0, index, 0, 0, 0, 0, 0])
        }
      }
    },
    ContractCase(31, "N open: REGION_INFO index 8 (not VGA) → EINVAL", [.n]) { host in
      let n = try open(host)
      try expect(.invalidArgument) {
        try host.call(
          n, VFIO_DEVICE_GET_REGION_INFO,
          [32, 0, UInt32(VFIO_PCI_VGA_REGION_INDEX), 0, 0, 0, 0, 0])
      }
    },
    ContractCase(32, "N open: IRQ_INFO index 5 → EINVAL", [.n]) { host in
      let n = try open(host)
      try expect(.invalidArgument) { try host.call(n, VFIO_DEVICE_GET_IRQ_INFO, [16, 0, 5, 0]) }
    },
  ]

  /// The BAR that holds the MSI-X table of a device, as its capability says.
  private static func messageTableBAR(_ host: ContractHost, _ device: Int32) throws -> UInt32 {
    var place = Int(try host.config(device, 0x34, width: 1))
    for _ in 0..<48 where place >= 0x40 {
      if try host.config(device, place, width: 1) == 0x11 {
        return UInt32(try host.config(device, place + 4, width: 4) & 7)
      }
      place = Int(try host.config(device, place + 1, width: 1))
    }
    throw ContractFailure("the function has no MSI-X")
  }

  private static let unknownCommands: [ContractCase] = [
    ContractCase(33, "N open: unknown command 0x3BFF → ENOTTY", [.n]) { host in
      let n = try open(host)
      try expect(.enotty) { try host.call(n, unknown, [0]) }
    },
    ContractCase(34, "N.fd not bound: unknown command → EINVAL", [.n]) { host in
      let n = try host.node(.n)
      try expect(.invalidArgument) { try host.call(n, unknown, [0]) }
    },
    ContractCase(35, "N.fd not bound: GET_INFO → EINVAL", [.n]) { host in
      let n = try host.node(.n)
      try expect(.invalidArgument) { try host.call(n, VFIO_DEVICE_GET_INFO, [24, 0, 0, 0, 0, 0]) }
    },
    ContractCase(36, "N.fd not bound: read, write, mmap → EINVAL", [.n]) { host in
      let n = try host.node(.n)
      try expect(.invalidArgument, "read") { _ = try host.config(n, 0, width: 4) }
      try expect(.invalidArgument, "write") { try host.setConfig(n, 4, 0, width: 2) }
      try expect(.invalidArgument, "mmap") {
        _ = try host.map(MappingRequest(descriptor: n, length: 4096))
      }
    },
    ContractCase(37, "N.fd not bound: ATTACH → EINVAL", [.n]) { host in
      let n = try host.node(.n)
      let ioas = try host.allocateIOAS(try host.iommufd())
      try expect(.invalidArgument) { try host.attach(n, ioas) }
    },
    ContractCase(38, "group fd: unknown command → ENOTTY", [.n]) { host in
      let group = try host.group(.n)
      try expect(.enotty) { try host.call(group, unknown, [0]) }
    },
    ContractCase(39, "container without backend: unknown command → EINVAL") { host in
      let container = try host.container()
      try expect(.invalidArgument) { try host.call(container, unknown, [0]) }
    },
    ContractCase(40, "container with type1: unknown command → ENOTTY", [.n]) { host in
      let container = try host.container()
      _ = try host.usableGroup(.n, container: container)
      try expect(.enotty) { try host.call(container, unknown, [0]) }
    },
  ]
}
