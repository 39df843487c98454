internal import CLinux
internal import HostKernel
internal import SystemPackage

extension Contract {
  /// Section 12.14.
  static let iommufdAsContainer = ContractSection(
    "12.14", "iommufd as container", compatibilityBasics + compatibilityMappings + compatibilityIOAS
  )

  /// A context that stands in for the container of a group.
  private struct Compatible {
    var iommufd: Int32
    var group: Int32

    init(_ host: ContractHost, _ fixture: Fixture = .n) throws {
      iommufd = try host.iommufd()
      group = try host.group(fixture)
      try host.setContainer(group, iommufd)
    }

    /// `VFIO_IOAS` GET.
    func ioas(_ host: ContractHost) throws(Errno) -> UInt32 {
      try host.call(iommufd, IOMMU_VFIO_IOAS, [12, 0, UInt32(IOMMU_VFIO_IOAS_GET)])[1]
    }
  }

  static let compatibilityBasics: [ContractCase] = [
    ContractCase(436, "fresh context: GET_API_VERSION → 0") { host in
      try expect(try host.call(try host.iommufd(), VFIO_GET_API_VERSION), equals: 0)
    },
    // 8 is no-IOMMU mode, which is built in.
    ContractCase(437, "fresh context: CHECK_EXTENSION 1, 3, 8, 9 → 1; 10 → 0") { host in
      let fd = try host.iommufd()
      for number in [1, 3, 8, 9] as [UInt] {
        try expect(try host.call(fd, VFIO_CHECK_EXTENSION, value: number), equals: 1, "\(number)")
      }
      try expect(try host.call(fd, VFIO_CHECK_EXTENSION, value: 10), equals: 0)
    },
    ContractCase(438, "fresh context: CHECK_EXTENSION 4 → ENODEV") { host in
      let fd = try host.iommufd()
      try expect(.enodev) { try host.call(fd, VFIO_CHECK_EXTENSION, value: 4) }
    },
    ContractCase(440, "fresh context: VFIO_IOAS GET → ENODEV") { host in
      let fd = try host.iommufd()
      try expect(.enodev) { try host.call(fd, IOMMU_VFIO_IOAS, [12, 0, 0]) }
    },
    ContractCase("440b", "fresh context: SET_IOMMU, MAP, UNMAP, GET_INFO → ENODEV") { host in
      let fd = try host.iommufd()
      let memory = try host.memory()
      try expect(.enodev) { try host.call(fd, VFIO_SET_IOMMU, value: 3) }
      try expect(.enodev) { try host.mapDMA(fd, memory, at: 0x1000) }
      try expect(host.unmapDMA(fd, at: 0x1000, size: 4096).failure, equals: .enodev)
      try expect(.enodev) { _ = try host.iommuInfo(fd, size: 24) }
    },
    ContractCase(441, "group SET_CONTAINER(c1): VFIO_IOAS GET → an IOAS", [.n]) { host in
      let set = try Compatible(host)
      let ioas = try set.ioas(host)
      try expect(try host.ranges(set.iommufd, ioas).list, equals: [0...(.max)])
    },
    ContractCase(442, "A1 on its native driver: VIABLE, but GET_DEVICE_FD A0 → EPERM", [.a0, .a1]) {
      host in
      let a1 = try host.address(.a1)
      try host.platform.setDriver(of: a1, to: host.platform.nativeDriver(of: a1))
      let set = try Compatible(host, .a0)
      try expect(
        try host.call(set.group, VFIO_GROUP_GET_STATUS, [8, 0])[1],
        equals: UInt32(VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET))
      try expect(.notPermitted) { _ = try host.device(set.group, .a0) }
    },
    ContractCase(443, "GET_DEVICE_FD without SET_IOMMU → attached to the IOAS", [.n]) { host in
      let set = try Compatible(host)
      let ioas = try set.ioas(host)
      _ = try host.device(set.group, .n)
      try expect(.resourceBusy) { try host.destroy(set.iommufd, ioas) }
      try expect(try host.ranges(set.iommufd, ioas).alignment, equals: 4096)
    },
    ContractCase(444, "SET_CONTAINER(c1) again → EINVAL", [.n]) { host in
      let set = try Compatible(host)
      try expect(.invalidArgument) { try host.setContainer(set.group, set.iommufd) }
    },
    ContractCase(445, "SET_IOMMU 3 twice → 0, 0", [.n]) { host in
      let set = try Compatible(host)
      try host.call(set.iommufd, VFIO_SET_IOMMU, value: 3)
      try host.call(set.iommufd, VFIO_SET_IOMMU, value: 3)
    },
    ContractCase(446, "not no-IOMMU: SET_IOMMU 8 → EINVAL", [.n]) { host in
      let set = try Compatible(host)
      try expect(.invalidArgument) { try host.call(set.iommufd, VFIO_SET_IOMMU, value: 8) }
    },
    ContractCase(449, "device open: UNSET_CONTAINER → 0, then GET_DEVICE_FD → EINVAL", [.n]) {
      host in
      let set = try Compatible(host)
      let device = try host.device(set.group, .n)
      let identifier = try host.config(device, 0, width: 4)
      try host.call(set.group, VFIO_GROUP_UNSET_CONTAINER)
      try expect(.invalidArgument) { _ = try host.device(set.group, .n) }
      try expect(try host.config(device, 0, width: 4), equals: identifier)
    },
    ContractCase(450, "mappings and domain: SET_IOMMU 1 → EINVAL", [.n]) { host in
      let set = try Compatible(host)
      _ = try host.device(set.group, .n)
      try host.mapDMA(set.iommufd, try host.memory(), at: 0x1_0000)
      try expect(.invalidArgument) { try host.call(set.iommufd, VFIO_SET_IOMMU, value: 1) }
    },
  ]

  static let compatibilityMappings: [ContractCase] = [
    ContractCase(447, "no device open: MAP with neither READ nor WRITE → 0", [.n]) { host in
      let set = try Compatible(host)
      try host.mapDMA(set.iommufd, try host.memory(), at: 0x1000, flags: 0)
    },
    ContractCase("447b", "device open: MAP with neither READ nor WRITE → EINVAL", [.n]) { host in
      let set = try Compatible(host)
      _ = try host.device(set.group, .n)
      let memory = try host.memory()
      try expect(.invalidArgument) {
        try host.mapDMA(set.iommufd, memory, at: 0x1000, flags: 0)
      }
    },
    ContractCase("449b", "device open: close the group, open it again → 0", [.n]) { host in
      let set = try Compatible(host)
      _ = try host.device(set.group, .n)
      host.close(set.group)
      _ = try host.group(.n)
    },
    ContractCase("446b", "no compatibility IOAS: SET_IOMMU 8 → EINVAL, 3 → ENODEV") { host in
      let fd = try host.iommufd()
      try expect(.invalidArgument) { try host.call(fd, VFIO_SET_IOMMU, value: 8) }
      try expect(.enodev) { try host.call(fd, VFIO_SET_IOMMU, value: 3) }
    },
    ContractCase(448, "UNMAP of an empty range → 0, size 0", [.n]) { host in
      let set = try Compatible(host)
      try expect(host.unmapDMA(set.iommufd, at: 0x8000, size: 4096), equals: .init(0))
    },
    ContractCase(452, "SET_IOMMU 3: UNMAP cutting → ENOENT, size = removed so far", [.n]) { host in
      let set = try Compatible(host)
      try host.call(set.iommufd, VFIO_SET_IOMMU, value: 3)
      let memory = try host.memory()
      try host.mapDMA(set.iommufd, memory, at: 0x1_0000, size: 0x2000)
      try expect(
        host.unmapDMA(set.iommufd, at: 0x1_0000, size: 0x1000),
        equals: .init(0, .noSuchFileOrDirectory))
      try host.mapDMA(set.iommufd, memory, at: 0x0_F000)
      try expect(
        host.unmapDMA(set.iommufd, at: 0x0_F000, size: 0x2000),
        equals: .init(0x1000, .noSuchFileOrDirectory))
    },
    ContractCase("452b", "SET_IOMMU 1: UNMAP third page of 4 → just that one", [.n]) { host in
      let set = try Compatible(host)
      try host.call(set.iommufd, VFIO_SET_IOMMU, value: 1)
      _ = try host.device(set.group, .n)
      let memory = try host.memory()
      try host.mapDMA(set.iommufd, memory, at: 0x1_0000, size: 0x4000)
      try expect(host.unmapDMA(set.iommufd, at: 0x1_2000, size: 0x1000), equals: .init(0x1000))
      try host.mapDMA(set.iommufd, memory, at: 0x1_2000)
      try expect(host.unmapDMA(set.iommufd, at: 0x1_1000, size: 0x3000), equals: .init(0x3000))
      try expect(host.unmapDMA(set.iommufd, at: 0, size: 0x10_0000), equals: .init(0x1000))
    },
    ContractCase("452c", "SET_IOMMU 1, memlock used up: UNMAP of a part frees just that", [.n]) {
      host in
      let set = try Compatible(host)
      try host.call(set.iommufd, VFIO_SET_IOMMU, value: 1)
      _ = try host.device(set.group, .n)
      let memory = try host.memory(pages: 8)
      try host.platform.withLess([.ipcLock], lockedMemory: 0x4000) {
        try host.mapDMA(set.iommufd, memory, at: 0x1_0000, size: 0x4000)
        try expect(.noMemory) { try host.mapDMA(set.iommufd, memory + 0x4000, at: 0x2_0000) }
        try expect(host.unmapDMA(set.iommufd, at: 0x1_2000, size: 0x1000), equals: .init(0x1000))
        try host.mapDMA(set.iommufd, memory + 0x4000, at: 0x2_0000)
        try expect(.noMemory) { try host.mapDMA(set.iommufd, memory + 0x5000, at: 0x3_0000) }
      }
    },
    ContractCase(453, "UNMAP size 0 → EINVAL, size 0 written", [.n]) { host in
      let set = try Compatible(host)
      try expect(
        host.unmapDMA(set.iommufd, at: 0x1000, size: 0), equals: .init(0, .invalidArgument))
    },
    ContractCase(454, "MAP VADDR, UNMAP VADDR or GET_DIRTY → EINVAL", [.n]) { host in
      let set = try Compatible(host)
      let memory = try host.memory()
      try host.mapDMA(set.iommufd, memory, at: 0x1000)
      try expect(.invalidArgument) {
        try host.mapDMA(set.iommufd, memory, at: 0x1000, flags: VFIO_DMA_MAP_FLAG_VADDR)
      }
      for flags in [VFIO_DMA_UNMAP_FLAG_VADDR, VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP] {
        try expect(
          host.unmapDMA(set.iommufd, at: 0x1000, size: 4096, flags: flags).failure,
          equals: .invalidArgument)
      }
    },
    ContractCase(455, "DIRTY_PAGES → ENOTTY", [.n]) { host in
      let set = try Compatible(host)
      try expect(.enotty) { try host.call(set.iommufd, VFIO_IOMMU_DIRTY_PAGES, [8, 1]) }
    },
    ContractCase(456, "device open: GET_INFO → capabilities 3, 1, argsz as they need", [.n]) {
      host in
      let set = try Compatible(host)
      _ = try host.device(set.group, .n)
      let count = UInt32(try host.ranges(set.iommufd, try set.ioas(host)).list.count)
      let short = try host.iommuInfo(set.iommufd, size: 24)
      try expect(short[0], equals: 56 + 16 * count, "argsz")
      try expect(short[4], equals: 0, "cap_offset")
      let words = try host.iommuInfo(set.iommufd, size: 160)
      try expect(words[0], equals: 56 + 16 * count, "argsz with room")
      try expect(words[4], equals: 24, "cap_offset with room")
      let list = ContractHost.capabilities(words, from: words[4])
      try expect(list.map(\.id), equals: [3, 1])
      try expect(words[list[0].at + 2], equals: .max, "free entries")
      try expect(words[list[1].at + 2], equals: count, "ranges")
    },
    ContractCase("456b", "last device closed, group gone: the mappings stay", [.n]) { host in
      let set = try Compatible(host)
      let ioas = try set.ioas(host)
      let device = try host.device(set.group, .n)
      try host.mapDMA(set.iommufd, try host.memory(), at: 0x1000)
      host.close(device)
      host.close(set.group)
      try expect(try host.unmapAll(set.iommufd, ioas), equals: 4096)
    },
  ]

  static let compatibilityIOAS: [ContractCase] = [
    ContractCase(457, "IOAS unused: DESTROY it → 0; CHECK_EXTENSION 4 → ENODEV", [.n]) { host in
      let set = try Compatible(host)
      try host.destroy(set.iommufd, try set.ioas(host))
      try expect(.enodev) { try host.call(set.iommufd, VFIO_CHECK_EXTENSION, value: 4) }
    },
    ContractCase("457b", "IOAS destroyed: GET_DEVICE_FD → ENODEV, nothing stays bound", [.n]) {
      host in
      let set = try Compatible(host)
      try host.destroy(set.iommufd, try set.ioas(host))
      try expect(.enodev) { _ = try host.device(set.group, .n) }
      host.close(set.group)
      _ = try host.bound(.n, try host.iommufd())
    },
    ContractCase(458, "VFIO_IOAS SET i2, GET_DEVICE_FD: DESTROY i2 → EBUSY", [.n]) { host in
      let fd = try host.iommufd()
      _ = try host.allocateIOAS(fd)
      let second = try host.allocateIOAS(fd)
      try host.call(fd, IOMMU_VFIO_IOAS, [12, second, UInt32(IOMMU_VFIO_IOAS_SET)])
      let group = try host.group(.n)
      try host.setContainer(group, fd)
      _ = try host.device(group, .n)
      try expect(.resourceBusy) { try host.destroy(fd, second) }
    },
    ContractCase(459, "device open, VFIO_IOAS CLEAR: GET_DEVICE_FD of it → 0", [.n]) { host in
      let set = try Compatible(host)
      _ = try host.device(set.group, .n)
      try host.call(set.iommufd, IOMMU_VFIO_IOAS, [12, 0, UInt32(IOMMU_VFIO_IOAS_CLEAR)])
      _ = try host.device(set.group, .n)
    },
    ContractCase(460, "VFIO_IOAS SET unknown → ENOENT") { host in
      let fd = try host.iommufd()
      try expect(.noSuchFileOrDirectory) { try host.call(fd, IOMMU_VFIO_IOAS, [12, 99, 1]) }
    },
    ContractCase(461, "nothing set: VFIO_IOAS CLEAR → 0") { host in
      try host.call(
        try host.iommufd(), IOMMU_VFIO_IOAS, [12, 0, UInt32(IOMMU_VFIO_IOAS_CLEAR)])
    },
    ContractCase(462, "VFIO_IOAS op 3 → EOPNOTSUPP") { host in
      let fd = try host.iommufd()
      try expect(.eopnotsupp) { try host.call(fd, IOMMU_VFIO_IOAS, [12, 0, 3]) }
    },
  ]
}
