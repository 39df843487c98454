internal import CLinux
internal import HostKernel
internal import SystemPackage

/// Section 12.3 from the container on.
extension Contract {
  static let nativeContainers = containerBackend + containerGroups + groupDevices

  private static func setBackend(
    _ host: ContractHost, _ container: Int32, _ backend: UInt = 3
  ) throws {
    try host.call(container, VFIO_SET_IOMMU, value: backend)
  }

  private static func extensions(
    _ host: ContractHost, _ container: Int32, _ numbers: [UInt]
  ) throws -> [Int32] {
    try numbers.map { try host.call(container, VFIO_CHECK_EXTENSION, value: $0) }
  }

  /// Maps a page for reading and writing.
  private static func mapPage(
    _ host: ContractHost, _ container: Int32, _ address: UInt64
  ) throws {
    let command = vfio_iommu_type1_dma_map(
      argsz: 32, flags: UInt32(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE),
      vaddr: address, iova: 0x10000, size: 4096)
    var argument = command
    try host.kernel.control(container, UInt(VFIO_IOMMU_MAP_DMA), on: &argument)
  }

  private static let containerBackend: [ContractCase] = [
    ContractCase(60, "empty container: SET_IOMMU 3 → EINVAL") { host in
      let container = try host.container()
      try expect(.invalidArgument) { try setBackend(host, container) }
    },
    ContractCase(61, "container with group: SET_IOMMU 99 → ENODEV", [.n]) { host in
      let container = try host.container()
      _ = try host.usableGroup(.n, container: container, backend: nil)
      try expect(.enodev) { try setBackend(host, container, 99) }
    },
    ContractCase(62, "container with group: SET_IOMMU 6 (retired nesting) → ENODEV", [.n]) {
      host in
      let container = try host.container()
      _ = try host.usableGroup(.n, container: container, backend: nil)
      try expect(.enodev) { try setBackend(host, container, 6) }
    },
    ContractCase(63, "container with backend: SET_IOMMU 3 again → EINVAL", [.n]) { host in
      let container = try host.container()
      _ = try host.usableGroup(.n, container: container)
      try expect(.invalidArgument) { try setBackend(host, container) }
    },
    ContractCase(64, "container: CHECK_EXTENSION 1, 3, 9 → 1", [.n]) { host in
      let container = try host.container()
      try expect(try extensions(host, container, [1, 3, 9]), equals: [1, 1, 1], "fresh")
      _ = try host.usableGroup(.n, container: container)
      try expect(try extensions(host, container, [1, 3, 9]), equals: [1, 1, 1], "with backend")
    },
    ContractCase(
      "64b", "container: CHECK_EXTENSION 10 → 1 with a backend only; unknown → 0", [.n]
    ) { host in
      let container = try host.container()
      try expect(try extensions(host, container, [10, 77]), equals: [0, 0], "fresh")
      _ = try host.usableGroup(.n, container: container)
      try expect(try extensions(host, container, [10, 77]), equals: [1, 0], "with backend")
    },
    ContractCase("64c", "container: GET_API_VERSION → 0") { host in
      try expect(
        try host.call(try host.container(), VFIO_GET_API_VERSION), equals: VFIO_API_VERSION)
    },
    ContractCase(65, "no interrupt remapping, override off: SET_IOMMU 3 → EPERM", [.u]) { host in
      let container = try host.container()
      _ = try host.usableGroup(.u, container: container, backend: nil)
      try expect(.notPermitted) { try setBackend(host, container) }
    },
    ContractCase(66, "no interrupt remapping, override on: SET_IOMMU 3 → 0", [.u]) { host in
      try host.platform.setParameter(
        "allow_unsafe_interrupts", of: "vfio_iommu_type1", to: true)
      _ = try host.usableGroup(.u, container: try host.container())
    },
    ContractCase("66b", "iommufd's override only: SET_IOMMU 3 → EPERM", [.u]) { host in
      try host.platform.setParameter("allow_unsafe_interrupts", of: "iommufd", to: true)
      let container = try host.container()
      _ = try host.usableGroup(.u, container: container, backend: nil)
      try expect(.notPermitted) { try setBackend(host, container) }
    },
  ]

  private static let containerGroups: [ContractCase] = [
    ContractCase(68, "device fd open: close group fd, open node → EBUSY until it closes", [.n]) {
      host in
      let group = try host.usableGroup(.n, container: try host.container())
      let device = try host.device(group, .n)
      host.close(group)
      try expect(.resourceBusy) { _ = try host.group(.n) }
      host.close(device)
      _ = try host.group(.n)
    },
    ContractCase("68b", "device fd open: UNSET_CONTAINER → EBUSY", [.n]) { host in
      let group = try host.usableGroup(.n, container: try host.container())
      let device = try host.device(group, .n)
      try expect(.resourceBusy) { try host.call(group, VFIO_GROUP_UNSET_CONTAINER) }
      host.close(device)
      try host.call(group, VFIO_GROUP_UNSET_CONTAINER)
    },
    ContractCase(
      69, "two groups in one container: unset one → mappings stay, MAP again EEXIST", [.s0, .s1]
    ) { host in
      let container = try host.container()
      let first = try host.usableGroup(.s0, container: container)
      try host.setContainer(try host.group(.s1), container)
      let memory = try host.memory(pages: 1)
      try mapPage(host, container, memory)
      try host.call(first, VFIO_GROUP_UNSET_CONTAINER)
      try expect(.fileExists) { try mapPage(host, container, memory) }
    },
    ContractCase(70, "last group unset: MAP_DMA on the container → EINVAL", [.n]) { host in
      let container = try host.container()
      let group = try host.usableGroup(.n, container: container)
      let memory = try host.memory(pages: 1)
      try host.call(group, VFIO_GROUP_UNSET_CONTAINER)
      try expect(.invalidArgument) { try mapPage(host, container, memory) }
    },
    ContractCase(71, "last group unset: add group, SET_IOMMU → 0, no old mappings", [.n]) { host in
      let container = try host.container()
      let group = try host.usableGroup(.n, container: container)
      let memory = try host.memory(pages: 1)
      try mapPage(host, container, memory)
      try host.call(group, VFIO_GROUP_UNSET_CONTAINER)
      try host.setContainer(group, container)
      try setBackend(host, container)
      try mapPage(host, container, memory)
    },
  ]

  private static let groupDevices: [ContractCase] = [
    ContractCase(72, "A0 open: GET_DEVICE_FD A0 again → second fd to the same device", [.a0]) {
      host in
      let group = try host.usableGroup(.a0, container: try host.container())
      let first = try host.device(group, .a0)
      let second = try host.device(group, .a0)
      try host.setConfig(first, 0x3C, 0x33, width: 1)
      host.close(first)
      try expect(try host.config(second, 0x3C, width: 1), equals: 0x33, "interrupt line")
    },
    ContractCase(73, "GN usable: GET_DEVICE_FD of a device in another group → ENODEV", [.n, .s0]) {
      host in
      let group = try host.usableGroup(.n, container: try host.container())
      try expect(.enodev) { _ = try host.device(group, .s0) }
    },
    ContractCase(74, "GN usable: GET_DEVICE_FD \"name\" + \"x\" → ENODEV", [.n]) { host in
      let group = try host.usableGroup(.n, container: try host.container())
      let name = "\(try host.address(.n))x"
      try expect(.enodev) { _ = try host.device(group, name) }
    },
    ContractCase(75, "GN usable: GET_DEVICE_FD \"name junk=1\" → EINVAL", [.n]) { host in
      let group = try host.usableGroup(.n, container: try host.container())
      let name = "\(try host.address(.n)) junk=1"
      try expect(.invalidArgument) { _ = try host.device(group, name) }
    },
    ContractCase("75b", "GN usable: GET_DEVICE_FD \"name vf_token=short\" → EINVAL", [.n]) {
      host in
      let group = try host.usableGroup(.n, container: try host.container())
      let name = "\(try host.address(.n)) vf_token=short"
      try expect(.invalidArgument) { _ = try host.device(group, name) }
    },
    ContractCase(76, "GN usable: GET_DEVICE_FD NULL → EFAULT", [.n]) { host in
      let group = try host.usableGroup(.n, container: try host.container())
      try expect(.badAddress) { try host.call(group, VFIO_GROUP_GET_DEVICE_FD, value: 0) }
    },
    ContractCase(77, "A1 on pci-stub: GET_DEVICE_FD A1 → ENODEV", [.a0, .a1]) { host in
      try host.platform.setDriver(of: host.address(.a1), to: "pci-stub")
      let group = try host.usableGroup(.a0, container: try host.container())
      try expect(.enodev) { _ = try host.device(group, .a1) }
    },
    ContractCase(78, "A0.gfd: BIND on it → EINVAL", [.a0]) { host in
      let group = try host.usableGroup(.a0, container: try host.container())
      let device = try host.device(group, .a0)
      let iommufd = try host.iommufd()
      try expect(.invalidArgument) { try host.bind(device, iommufd) }
    },
    ContractCase("78b", "A0.gfd: ATTACH, DETACH → ENOTTY", [.a0]) { host in
      let group = try host.usableGroup(.a0, container: try host.container())
      let device = try host.device(group, .a0)
      try expect(.enotty, "ATTACH") { try host.attach(device, 1) }
      try expect(.enotty, "DETACH") { try host.detach(device) }
    },
  ]
}
