internal import CLinux
internal import HostKernel
internal import SystemPackage

/// Section 12.4: shapes of BIND, and what binding one device means for it and its group.
extension Contract {
  /// Section 12.4.
  static let binding = ContractSection(
    "12.4", "cdev binding", bindingOne + bindShapes + bindingGroup + bindingLife)

  private static let bindingOne: [ContractCase] = [
    ContractCase(80, "N.fd: BIND(c1) → 0, devid is the lowest free id of c1", [.n]) { host in
      let fd = try host.iommufd()
      for _ in 0..<3 { _ = try host.allocateIOAS(fd) }
      try host.destroy(fd, 2)
      try expect(try host.bind(try host.node(.n), fd), equals: 2)
    },
    ContractCase(81, "N.fd bound: BIND again, same context → EINVAL", [.n]) { host in
      let fd = try host.iommufd()
      let n = try host.bound(.n, fd)
      try expect(.invalidArgument) { try host.bind(n.descriptor, fd) }
    },
    ContractCase(82, "N bound on fd x: open second fd y; BIND(y) → EINVAL", [.n]) { host in
      let fd = try host.iommufd()
      _ = try host.bound(.n, fd)
      let second = try host.node(.n)
      try expect(.invalidArgument) { try host.bind(second, fd) }
    },
    ContractCase(83, "N bound on fd x, y open, x closed: BIND(y) → 0", [.n]) { host in
      let fd = try host.iommufd()
      let first = try host.bound(.n, fd)
      let second = try host.node(.n)
      try expect(.invalidArgument) { try host.bind(second, fd) }
      host.close(first.descriptor)
      try host.bind(second, fd)
    },
  ]

  /// `VFIO_DEVICE_BIND_IOMMUFD` with `argsz`, `flags` and as many words as are given behind.
  private static func bind(
    _ host: ContractHost, _ device: Int32, size: UInt32, flags: UInt32 = 0, _ rest: [UInt32]
  ) throws {
    try host.call(device, VFIO_DEVICE_BIND_IOMMUFD, [size, flags] + rest)
  }

  private static let bindShapes: [ContractCase] = [
    ContractCase(84, "N.fd: BIND argsz 15 → EINVAL", [.n]) { host in
      let fd = UInt32(bitPattern: try host.iommufd())
      let n = try host.node(.n)
      try expect(.invalidArgument) { try bind(host, n, size: 15, [fd, 0, 0, 0]) }
    },
    ContractCase(85, "N.fd: BIND argsz 16 → 0", [.n]) { host in
      let fd = UInt32(bitPattern: try host.iommufd())
      try bind(host, try host.node(.n), size: 16, [fd, 0])
    },
    ContractCase(86, "N.fd: BIND argsz 32, tail non-zero → E2BIG; tail zero → 0", [.n]) { host in
      let fd = UInt32(bitPattern: try host.iommufd())
      let n = try host.node(.n)
      try expect(.argListTooLong) { try bind(host, n, size: 32, [fd, 0, 0, 0, 0, 1]) }
      try bind(host, n, size: 32, [fd, 0, 0, 0, 0, 0])
    },
    ContractCase("86b", "N.fd: BIND argsz 32, tail unreadable → EFAULT", [.n]) { host in
      let fd = UInt32(bitPattern: try host.iommufd())
      let n = try host.node(.n)
      let argument = try host.edge([32, 0, fd, 0, 0, 0])
      try expect(.badAddress) { try host.call(n, VFIO_DEVICE_BIND_IOMMUFD, value: argument) }
    },
    ContractCase(87, "N.fd: BIND flags 2 → EINVAL", [.n]) { host in
      let fd = UInt32(bitPattern: try host.iommufd())
      let n = try host.node(.n)
      try expect(.invalidArgument) { try bind(host, n, size: 24, flags: 2, [fd, 0, 0, 0]) }
    },
    ContractCase(88, "N.fd: BIND iommufd -1 → EINVAL", [.n]) { host in
      let n = try host.node(.n)
      try expect(.invalidArgument) { try host.bind(n, -1) }
    },
    ContractCase(89, "N.fd: BIND iommufd closed number → EBADF", [.n]) { host in
      let n = try host.node(.n)
      try expect(.badFileDescriptor) { try host.bind(n, host.closedDescriptor) }
    },
    ContractCase(90, "N.fd: BIND with a container or regular fd → EBADFD", [.n]) { host in
      let n = try host.node(.n)
      let container = try host.container()
      let file = try host.regularFile()
      try expect(.ebadfd, "container") { try host.bind(n, container) }
      try expect(.ebadfd, "regular file") { try host.bind(n, file) }
    },
  ]

  private static func setDriver(
    _ host: ContractHost, _ fixture: Fixture, _ driver: String?
  ) throws {
    try host.platform.setDriver(of: host.address(fixture), to: driver)
  }

  private static func setNativeDriver(_ host: ContractHost, _ fixture: Fixture) throws {
    try setDriver(host, fixture, host.platform.nativeDriver(of: host.address(fixture)))
  }

  private static let bindingGroup: [ContractCase] = [
    ContractCase(92, "group node of N open: BIND → EBUSY", [.n]) { host in
      let group = try host.group(.n)
      let n = try host.node(.n)
      let fd = try host.iommufd()
      try expect(.resourceBusy) { try host.bind(n, fd) }
      host.close(group)
      try host.bind(n, fd)
    },
    ContractCase(93, "A0 bound c1: BIND A1 to c1 → 0, a different devid", [.a0, .a1]) { host in
      let fd = try host.iommufd()
      let a0 = try host.bound(.a0, fd)
      let a1 = try host.bound(.a1, fd)
      try expect(a0.identifier != a1.identifier, "both have the id \(a0.identifier)")
    },
    ContractCase(94, "A0 bound c1: BIND A1 to c2 → EPERM", [.a0, .a1]) { host in
      _ = try host.bound(.a0, try host.iommufd())
      let a1 = try host.node(.a1)
      let other = try host.iommufd()
      try expect(.notPermitted) { try host.bind(a1, other) }
    },
    ContractCase(95, "A0 bound c1 then closed: BIND A1 to c2 → 0", [.a0, .a1]) { host in
      let a0 = try host.bound(.a0, try host.iommufd())
      host.close(a0.descriptor)
      _ = try host.bound(.a1, try host.iommufd())
    },
    ContractCase("95b", "A0, A1 bound c1, one closed: BIND it to c2 → EPERM", [.a0, .a1]) { host in
      let fd = try host.iommufd()
      let a0 = try host.bound(.a0, fd)
      _ = try host.bound(.a1, fd)
      host.close(a0.descriptor)
      let again = try host.node(.a0)
      let other = try host.iommufd()
      try expect(.notPermitted) { try host.bind(again, other) }
    },
    ContractCase(96, "A1 on native driver: BIND A0 → EPERM", [.a0, .a1]) { host in
      try setNativeDriver(host, .a1)
      let a0 = try host.node(.a0)
      let fd = try host.iommufd()
      try expect(.notPermitted) { try host.bind(a0, fd) }
    },
    ContractCase(97, "A1 on pci-stub, or driverless: BIND A0 → 0", [.a0, .a1]) { host in
      for driver in ["pci-stub", nil] as [String?] {
        try setDriver(host, .a1, driver)
        let a0 = try host.bound(.a0, try host.iommufd())
        host.close(a0.descriptor)
      }
    },
    ContractCase(98, "A0 bound: native driver probe on A1 → EBUSY", [.a0, .a1]) { host in
      _ = try host.bound(.a0, try host.iommufd())
      try expect(.resourceBusy) { try setNativeDriver(host, .a1) }
    },
    ContractCase(99, "A0 bound: vfio-pci probe on A1 → ok", [.a0, .a1]) { host in
      let fd = try host.iommufd()
      _ = try host.bound(.a0, fd)
      try setDriver(host, .a1, nil)
      try setDriver(host, .a1, "vfio-pci")
      _ = try host.bound(.a1, fd)
    },
    ContractCase(100, "A0 closed: native driver probe on A1 → ok", [.a0, .a1]) { host in
      let a0 = try host.bound(.a0, try host.iommufd())
      try expect(.resourceBusy) { try setNativeDriver(host, .a1) }
      host.close(a0.descriptor)
      try setNativeDriver(host, .a1)
    },
    ContractCase(101, "GA in a native container: BIND A1 to c1 → EBUSY", [.a0, .a1]) { host in
      _ = try host.usableGroup(.a0, container: try host.container())
      let a1 = try host.node(.a1)
      let fd = try host.iommufd()
      try expect(.resourceBusy) { try host.bind(a1, fd) }
    },
    ContractCase(102, "no interrupt remapping, iommufd override off: BIND → EPERM", [.u]) { host in
      let u = try host.node(.u)
      let fd = try host.iommufd()
      try expect(.notPermitted) { try host.bind(u, fd) }
    },
    ContractCase("102b", "no interrupt remapping, iommufd override on: BIND → 0", [.u]) { host in
      try host.platform.setParameter("allow_unsafe_interrupts", of: "iommufd", to: true)
      _ = try host.bound(.u, try host.iommufd())
    },
    ContractCase("102c", "no interrupt remapping, type1's override only: BIND → EPERM", [.u]) {
      host in
      try host.platform.setParameter(
        "allow_unsafe_interrupts", of: "vfio_iommu_type1", to: true)
      let u = try host.node(.u)
      let fd = try host.iommufd()
      try expect(.notPermitted) { try host.bind(u, fd) }
    },
  ]
}
