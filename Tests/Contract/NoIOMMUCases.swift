internal import CLinux
internal import HostKernel
internal import SystemPackage

extension Contract {
  /// Section 12.15, and the rows of hot resets that need functions without an IOMMU.
  static let noIOMMU = ContractSection(
    "12.15", "no-IOMMU", noIOMMUGroups + noIOMMUNative + noIOMMUContext + noIOMMUResets)

  /// Backends of a container.
  private static let type1: UInt = 1
  private static let type1v2: UInt = 3
  private static let none: UInt = 8

  /// Rows 464 to 466.
  private static let noIOMMUGroups: [ContractCase] = [
    ContractCase(464, "unsafe mode on: vfio-pci makes noiommu-N and no cdev node", [.z0]) { host in
      let number = try host.groupNumber(.z0)
      let names = try host.kernel.entries(of: "/dev/vfio")
      try expect(names.contains("noiommu-\(number)"), "\(names.sorted())")
      try expect(!names.contains("\(number)"), "\(names.sorted())")
      try expect(.noSuchFileOrDirectory) { _ = try host.node(.z0) }
    },
    ContractCase("464b", "unsafe mode off: vfio-pci is refused → EINVAL", [.z0]) { host in
      let z0 = try host.address(.z0)
      try host.platform.setDriver(of: z0, to: nil)
      try host.platform.setParameter("enable_unsafe_noiommu_mode", of: "vfio", to: false)
      try expect(.invalidArgument) { try host.platform.setDriver(of: z0, to: "vfio-pci") }
    },
    ContractCase(465, "no CAP_SYS_RAWIO: opening the group node → EPERM", [.z0]) { host in
      try host.platform.withLess([.sysRawIO], lockedMemory: nil) {
        try expect(.notPermitted) { _ = try host.group(.z0) }
      }
    },
    ContractCase("465b", "no CAP_SYS_RAWIO: SET_CONTAINER → EPERM", [.z0]) { host in
      let group = try host.group(.z0)
      let container = try host.container()
      try host.platform.withLess([.sysRawIO], lockedMemory: nil) {
        try expect(.notPermitted) { try host.setContainer(group, container) }
      }
    },
    ContractCase("465c", "no CAP_SYS_RAWIO: GET_DEVICE_FD → EPERM", [.z0]) { host in
      let group = try host.usableGroup(.z0, container: try host.container(), backend: none)
      try host.platform.withLess([.sysRawIO], lockedMemory: nil) {
        try expect(.notPermitted) { _ = try host.device(group, .z0) }
      }
    },
    ContractCase(466, "Z0's group: STATUS → VIABLE", [.z0]) { host in
      let group = try host.group(.z0)
      try expect(try host.call(group, VFIO_GROUP_GET_STATUS, [8, 0])[1], equals: 1)
    },
  ]

  /// Rows 467 to 471: a native container.
  private static let noIOMMUNative: [ContractCase] = [
    ContractCase(467, "native container: SET_IOMMU 3, 1 → ENODEV", [.z0]) { host in
      let container = try host.container()
      _ = try host.usableGroup(.z0, container: container, backend: nil)
      for backend in [type1v2, type1] {
        try expect(.enodev) { try host.call(container, VFIO_SET_IOMMU, value: backend) }
      }
    },
    ContractCase("467b", "native container: CHECK_EXTENSION → only 8", [.z0]) { host in
      let container = try host.container()
      _ = try host.usableGroup(.z0, container: container, backend: nil)
      for number in [type1, type1v2, none, 9] {
        let answer = try host.call(container, VFIO_CHECK_EXTENSION, value: number)
        try expect(answer, equals: number == none ? 1 : 0, "\(number)")
      }
    },
    ContractCase(468, "native container: SET_IOMMU 8 → 0", [.z0]) { host in
      _ = try host.usableGroup(.z0, container: try host.container(), backend: none)
    },
    ContractCase(469, "native container, backend 8: MAP_DMA → ENOTTY", [.z0]) { host in
      let container = try host.container()
      _ = try host.usableGroup(.z0, container: container, backend: none)
      let memory = try host.memory()
      try expect(.enotty) { try host.mapDMA(container, memory, at: 0x1000) }
    },
    ContractCase(470, "native container: GET_DEVICE_FD Z0 → 0", [.z0]) { host in
      let group = try host.usableGroup(.z0, container: try host.container(), backend: none)
      let z0 = try host.device(group, .z0)
      try expect(try host.call(z0, VFIO_DEVICE_GET_INFO, [16, 0, 0, 0])[2], equals: 9, "regions")
    },
    ContractCase(471, "container with a real group: adding Z0's group → EPERM", [.z0, .n]) {
      host in
      let container = try host.container()
      _ = try host.usableGroup(.n, container: container)
      let group = try host.group(.z0)
      try expect(.notPermitted) { try host.setContainer(group, container) }
    },
  ]

  /// Rows 472 to 476: an iommufd as container.
  private static let noIOMMUContext: [ContractCase] = [
    ContractCase(472, "c1 with compatibility IOAS: SET_CONTAINER(c1) → EINVAL", [.z0, .n]) { host in
      let fd = try host.iommufd()
      try host.setContainer(try host.group(.n), fd)
      let group = try host.group(.z0)
      try expect(.invalidArgument) { try host.setContainer(group, fd) }
    },
    ContractCase(
      473, "SET_CONTAINER(c1), VFIO_IOAS SET, GET_DEVICE_FD Z0 → EPERM", [.z0]
    ) { host in
      let fd = try host.iommufd()
      let group = try host.group(.z0)
      try host.setContainer(group, fd)
      let ioas = try host.allocateIOAS(fd)
      try host.call(fd, IOMMU_VFIO_IOAS, [12, ioas, UInt32(IOMMU_VFIO_IOAS_SET)])
      try expect(.notPermitted) { _ = try host.device(group, .z0) }
    },
    ContractCase("473b", "SET_CONTAINER(c1): GET_DEVICE_FD Z0 → 0, no object in c1", [.z0]) {
      host in
      let fd = try host.iommufd()
      let group = try host.group(.z0)
      try host.setContainer(group, fd)
      _ = try host.device(group, .z0)
      try expect(try host.allocateIOAS(fd), equals: 1)
    },
    ContractCase(474, "c1 in no-IOMMU mode: SET_CONTAINER(c1) of a real group → EINVAL", [.z0, .n])
    {
      host in
      let fd = try host.iommufd()
      try host.setContainer(try host.group(.z0), fd)
      let group = try host.group(.n)
      try expect(.invalidArgument) { try host.setContainer(group, fd) }
    },
    ContractCase(476, "c1 in no-IOMMU mode: SET_IOMMU 3 / 8 → EINVAL / 0", [.z0]) { host in
      let fd = try host.iommufd()
      try host.setContainer(try host.group(.z0), fd)
      try expect(.invalidArgument) { try host.call(fd, VFIO_SET_IOMMU, value: type1v2) }
      try host.call(fd, VFIO_SET_IOMMU, value: none)
    },
    ContractCase("476b", "c1 in no-IOMMU mode: CHECK_EXTENSION → only 8", [.z0]) { host in
      let fd = try host.iommufd()
      try host.setContainer(try host.group(.z0), fd)
      for number in [type1, type1v2, none, 9] {
        let answer = try host.call(fd, VFIO_CHECK_EXTENSION, value: number)
        try expect(answer, equals: number == none ? 1 : 0, "\(number)")
      }
    },
  ]

  /// Rows 170, 171 and 204 to 206.
  private static let noIOMMUResets: [ContractCase] = [
    ContractCase(170, "Z0 open: INFO → flags 0, artificial group numbers", [.z0, .z1]) { host in
      let z0 = try opened(host, .z0)
      let numbers = try [Fixture.z0, .z1].map { UInt32(try host.groupNumber($0)) }
      try expectInformation(host, z0.device, 0, numbers)
      try expect(numbers[0] != numbers[1], "one group for both")
    },
    ContractCase(171, "Z0 open, Z1 without group: INFO → EPERM", [.z0, .z1]) { host in
      let z0 = try opened(host, .z0)
      try host.platform.setDriver(of: try host.address(.z1), to: nil)
      try expect(.notPermitted) { _ = try host.hotResetInfo(z0.device) }
    },
    ContractCase(204, "Z0 open, both groups held: HOT_RESET [Z0's, Z1's] → 0", [.z0, .z1]) { host in
      let z0 = try opened(host, .z0)
      try host.hotReset(z0.device, [z0.group, try host.group(.z1)])
    },
    ContractCase(205, "Z0 open: HOT_RESET [Z0's] → EINVAL", [.z0, .z1]) { host in
      let z0 = try opened(host, .z0)
      try expect(.invalidArgument) { try host.hotReset(z0.device, [z0.group]) }
    },
    ContractCase(206, "Z0 open: HOT_RESET count 0 → EINVAL", [.z0]) { host in
      let z0 = try opened(host, .z0)
      try expect(.invalidArgument) { try host.hotReset(z0.device) }
    },
  ]

  private static func opened(
    _ host: ContractHost, _ fixture: Fixture
  ) throws -> (device: Int32, group: Int32) {
    let group = try host.usableGroup(fixture, container: try host.container(), backend: none)
    return (try host.device(group, fixture), group)
  }
}
