internal import CLinux
internal import HostKernel
internal import SystemPackage

/// Section 12.3 up to the container.
extension Contract {
  /// Section 12.3.
  static let groups = ContractSection(
    "12.3", "Groups and native containers", groupNodes + containerOfGroup + nativeContainers)

  /// Flags of `VFIO_GROUP_GET_STATUS`.
  private static func status(_ host: ContractHost, _ group: Int32) throws -> Int32 {
    Int32(try host.call(group, VFIO_GROUP_GET_STATUS, [8, 99])[1])
  }

  private static let usable = VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET

  private static func setDriver(
    _ host: ContractHost, _ fixture: Fixture, _ driver: String?
  ) throws {
    try host.platform.setDriver(of: host.address(fixture), to: driver)
  }

  private static func setNativeDriver(_ host: ContractHost, _ fixture: Fixture) throws {
    try setDriver(host, fixture, host.platform.nativeDriver(of: host.address(fixture)))
  }

  private static let groupNodes: [ContractCase] = [
    ContractCase(41, "nothing open: open group node → ok", [.n]) { host in
      host.close(try host.group(.n))
      _ = try host.group(.n)
    },
    ContractCase(42, "group node open: open it again → EBUSY", [.n]) { host in
      let group = try host.group(.n)
      try expect(.resourceBusy) { _ = try host.group(.n) }
      host.close(group)
      _ = try host.group(.n)
    },
    ContractCase("42b", "group node open: open it in another process → EBUSY", [.n]) { host in
      _ = try host.group(.n)
      let path = "/dev/vfio/\(try host.groupNumber(.n))"
      let answer = try host.platform.inAnotherProcess {
        do throws(Errno) {
          _ = try host.kernel.open(path, .readWrite)
          return 0
        } catch {
          return error.rawValue
        }
      }
      try expect(answer, equals: Errno.resourceBusy.rawValue, "errno")
    },
    ContractCase(44, "A0.fd open but not bound: open GA's node → ok", [.a0]) { host in
      _ = try host.node(.a0)
      _ = try host.group(.a0)
    },
    ContractCase("44b", "A0 bound: open GA's node → EBUSY until it is closed", [.a0]) { host in
      let a0 = try host.bound(.a0, try host.iommufd())
      try expect(.resourceBusy) { _ = try host.group(.a0) }
      host.close(a0.descriptor)
      _ = try host.group(.a0)
    },
    ContractCase(45, "fresh group fd, nobody owns: GET_STATUS → VIABLE", [.n]) { host in
      try expect(try status(host, try host.group(.n)), equals: VFIO_GROUP_FLAGS_VIABLE)
    },
    ContractCase(46, "A1 on its native driver: GET_STATUS of GA → 0", [.a0, .a1]) { host in
      try setNativeDriver(host, .a1)
      try expect(try status(host, try host.group(.a0)), equals: 0)
    },
    ContractCase(47, "A1 without driver: GET_STATUS of GA → VIABLE", [.a0, .a1]) { host in
      try setDriver(host, .a1, nil)
      try expect(try status(host, try host.group(.a0)), equals: VFIO_GROUP_FLAGS_VIABLE)
    },
    ContractCase(
      48, "A1 on pci-stub: GET_STATUS VIABLE; SET_CONTAINER, SET_IOMMU, open A0 → 0", [.a0, .a1]
    ) { host in
      try setDriver(host, .a1, "pci-stub")
      let group = try host.group(.a0)
      try expect(try status(host, group), equals: VFIO_GROUP_FLAGS_VIABLE)
      let container = try host.container()
      try host.setContainer(group, container)
      try host.call(container, VFIO_SET_IOMMU, value: 3)
      _ = try host.device(group, .a0)
    },
    ContractCase(49, "group fd: GET_STATUS argsz 7 → EINVAL", [.n]) { host in
      let group = try host.group(.n)
      try expect(.invalidArgument) { try host.call(group, VFIO_GROUP_GET_STATUS, [7, 0]) }
    },
  ]

  private static let containerOfGroup: [ContractCase] = [
    ContractCase(50, "fresh group: GET_DEVICE_FD → EINVAL", [.n]) { host in
      let group = try host.group(.n)
      try expect(.invalidArgument) { _ = try host.device(group, .n) }
    },
    ContractCase(51, "container set, no backend: GET_DEVICE_FD → EINVAL", [.n]) { host in
      let group = try host.group(.n)
      try host.setContainer(group, try host.container())
      try expect(.invalidArgument) { _ = try host.device(group, .n) }
    },
    ContractCase(52, "fresh group: UNSET_CONTAINER → EINVAL", [.n]) { host in
      let group = try host.group(.n)
      try expect(.invalidArgument) { try host.call(group, VFIO_GROUP_UNSET_CONTAINER) }
    },
    ContractCase(53, "container set: SET_CONTAINER again → EINVAL", [.n]) { host in
      let group = try host.group(.n)
      let container = try host.container()
      try host.setContainer(group, container)
      try expect(.invalidArgument) { try host.setContainer(group, container) }
    },
    ContractCase(54, "GA usable: GET_DEVICE_FD \"name \" → ok", [.a0]) { host in
      let group = try host.usableGroup(.a0, container: try host.container())
      _ = try host.device(group, "\(try host.address(.a0)) ")
    },
    ContractCase(56, "fresh group: SET_CONTAINER(-1) → EBADF", [.n]) { host in
      let group = try host.group(.n)
      try expect(.badFileDescriptor) { try host.setContainer(group, -1) }
    },
    ContractCase(57, "fresh group: SET_CONTAINER(fd of a regular file) → EBADFD", [.n]) { host in
      let group = try host.group(.n)
      let file = try host.regularFile()
      try expect(.ebadfd) { try host.setContainer(group, file) }
    },
    ContractCase(58, "A1 on its native driver: SET_CONTAINER(native) → EPERM", [.a0, .a1]) {
      host in
      try setNativeDriver(host, .a1)
      let group = try host.group(.a0)
      let container = try host.container()
      try expect(.notPermitted) { try host.setContainer(group, container) }
      try expect(try status(host, group), equals: 0, "status")
    },
    ContractCase(59, "container set and backend: GET_STATUS → VIABLE, CONTAINER_SET", [.n]) {
      host in
      let group = try host.usableGroup(.n, container: try host.container())
      try expect(try status(host, group), equals: usable)
    },
  ]
}
