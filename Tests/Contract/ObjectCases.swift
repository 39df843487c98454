internal import CLinux
internal import SystemPackage

extension Contract {
  /// Section 12.1.
  static let objects = ContractSection(
    "12.1", "iommufd framing and objects", iommufdFraming + iommufdObjects)

  private static let iommufdFraming: [ContractCase] = [
    ContractCase(1, "fresh context: IOAS_ALLOC size 12 → 0, id 1") { host in
      try expect(try host.allocateIOAS(try host.iommufd()), equals: 1)
    },
    ContractCase(2, "fresh context: IOAS_ALLOC size 11 → EINVAL") { host in
      let fd = try host.iommufd()
      try expect(.invalidArgument) { try host.call(fd, IOMMU_IOAS_ALLOC, [11, 0, 0]) }
    },
    ContractCase(3, "fresh context: IOAS_ALLOC size 20, excess zero → 0") { host in
      let answer = try host.call(try host.iommufd(), IOMMU_IOAS_ALLOC, [20, 0, 0, 0, 0])
      try expect(answer[2], equals: 1, "id")
    },
    ContractCase(4, "fresh context: IOAS_ALLOC size 20, excess non-zero → E2BIG") { host in
      let fd = try host.iommufd()
      try expect(.argListTooLong) { try host.call(fd, IOMMU_IOAS_ALLOC, [20, 0, 0, 0, 1]) }
    },
    ContractCase("4b", "fresh context: IOAS_ALLOC size 20, excess unreadable → EFAULT") { host in
      let fd = try host.iommufd()
      let argument = try host.edge([20, 0, 0])
      try expect(.badAddress) { try host.call(fd, IOMMU_IOAS_ALLOC, value: argument) }
    },
    ContractCase(5, "fresh context: IOAS_ALLOC flags 1 → EOPNOTSUPP") { host in
      let fd = try host.iommufd()
      try expect(.eopnotsupp) { try host.call(fd, IOMMU_IOAS_ALLOC, [12, 1, 0]) }
    },
    ContractCase(6, "fresh context: any known slot, argument unmapped → EFAULT") { host in
      let fd = try host.iommufd()
      let hole = UInt(try host.hole())
      for command in IOMMU_DESTROY...IOMMU_HW_QUEUE_ALLOC {
        try expect(.badAddress, "command \(command)") {
          try host.call(fd, command, value: hole)
        }
      }
    },
    ContractCase(7, "wrong type letter or direction bits, readable argument → ENOTTY") { host in
      let fd = try host.iommufd()
      for command in [0x3C81, 0x4000_3B81] as [Int32] {
        try expect(.enotty) { try host.call(fd, command, [12, 0, 0]) }
      }
    },
    ContractCase(8, "wrong type letter or direction bits, unreadable argument → EFAULT") { host in
      let fd = try host.iommufd()
      let hole = UInt(try host.hole())
      for command in [0x3C81, 0x4000_3B81] as [Int32] {
        try expect(.badAddress) { try host.call(fd, command, value: hole) }
      }
    },
    ContractCase(9, "slot 0xF0 of the right letter, unreadable argument → ENOTTY") { host in
      let fd = try host.iommufd()
      let hole = UInt(try host.hole())
      try expect(.enotty) { try host.call(fd, 0x3BF0, value: hole) }
    },
  ]

  private static let iommufdObjects: [ContractCase] = [
    ContractCase(10, "objects 1..3 live: DESTROY 2, IOAS_ALLOC → id 2") { host in
      let fd = try host.iommufd()
      for expected in 1...3 as ClosedRange<UInt32> {
        try expect(try host.allocateIOAS(fd), equals: expected)
      }
      try host.destroy(fd, 2)
      try expect(try host.allocateIOAS(fd), equals: 2)
    },
    ContractCase(11, "DESTROY of an unknown id → ENOENT") { host in
      let fd = try host.iommufd()
      try expect(.noSuchFileOrDirectory) { try host.destroy(fd, 7) }
    },
    ContractCase(12, "DESTROY of id 0 → ENOENT") { host in
      let fd = try host.iommufd()
      try expect(.noSuchFileOrDirectory) { try host.destroy(fd, 0) }
    },
    ContractCase(13, "N bound: DESTROY N.id → EBUSY", [.n]) { host in
      let fd = try host.iommufd()
      let n = try host.bound(.n, fd)
      try expect(.resourceBusy) { try host.destroy(fd, n.identifier) }
    },
    ContractCase(14, "N attached: DESTROY i1 → EBUSY", [.n]) { host in
      let fd = try host.iommufd()
      let n = try host.bound(.n, fd)
      let ioas = try host.allocateIOAS(fd)
      try host.attach(n.descriptor, ioas)
      try expect(.resourceBusy) { try host.destroy(fd, ioas) }
    },
    ContractCase(15, "N attached via automatic HWPT h: DESTROY h → EBUSY", [.n]) { host in
      let fd = try host.iommufd()
      let n = try host.bound(.n, fd)
      let table = try host.attach(n.descriptor, try host.allocateIOAS(fd))
      try expect(.resourceBusy) { try host.destroy(fd, table) }
    },
    ContractCase(16, "i1 with mappings, nothing attached: DESTROY i1 → 0", [.n]) { host in
      let fd = try host.iommufd()
      let n = try host.bound(.n, fd)
      let ioas = try host.allocateIOAS(fd)
      try host.attach(n.descriptor, ioas)
      try host.map(fd, ioas, try host.memory())
      try host.detach(n.descriptor)
      try host.destroy(fd, ioas)
      try expect(.noSuchFileOrDirectory) { try host.destroy(fd, ioas) }
    },
    ContractCase("16b", "DESTROY i1 with mappings: its locked memory is free again", [.n]) { host in
      let fd = try host.iommufd()
      let n = try host.bound(.n, fd)
      let memory = try host.memory(pages: 4)
      // Four pages fit once: a round that kept one would make the next one fail.
      try host.platform.withLess([.ipcLock], lockedMemory: 4 * 4096) {
        for _ in 0..<3 {
          let ioas = try host.allocateIOAS(fd)
          try host.attach(n.descriptor, ioas)
          try host.map(fd, ioas, memory, length: 4 * 4096)
          try host.detach(n.descriptor)
          try host.destroy(fd, ioas)
        }
      }
    },
    ContractCase(17, "N detached after attach: DESTROY old automatic HWPT → ENOENT", [.n]) { host in
      let fd = try host.iommufd()
      let n = try host.bound(.n, fd)
      let table = try host.attach(n.descriptor, try host.allocateIOAS(fd))
      try host.detach(n.descriptor)
      try expect(.noSuchFileOrDirectory) { try host.destroy(fd, table) }
    },
    ContractCase(18, "explicit HWPT h, N attached then detached: DESTROY h → 0", [.n]) { host in
      let fd = try host.iommufd()
      let n = try host.bound(.n, fd)
      let table = try host.allocateTable(fd, n.identifier, try host.allocateIOAS(fd))
      try host.attach(n.descriptor, table)
      try host.detach(n.descriptor)
      try host.destroy(fd, table)
    },
    ContractCase(19, "explicit HWPT h on i1: DESTROY i1 → EBUSY", [.n]) { host in
      let fd = try host.iommufd()
      let n = try host.bound(.n, fd)
      let ioas = try host.allocateIOAS(fd)
      _ = try host.allocateTable(fd, n.identifier, ioas)
      try expect(.resourceBusy) { try host.destroy(fd, ioas) }
    },
    ContractCase(20, "id of an IOAS as dev_id of GET_HW_INFO → ENOENT") { host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      try expect(.noSuchFileOrDirectory) {
        try host.call(fd, IOMMU_GET_HW_INFO, [40, 0, ioas, 0, 0, 0, 0, 0, 0, 0])
      }
    },
    ContractCase(21, "id of a DEVICE as ioas_id of IOVA_RANGES → ENOENT", [.n]) { host in
      let fd = try host.iommufd()
      let n = try host.bound(.n, fd)
      try expect(.noSuchFileOrDirectory) {
        try host.call(fd, IOMMU_IOAS_IOVA_RANGES, [32, n.identifier, 0, 0, 0, 0, 0, 0])
      }
    },
    ContractCase(22, "reply buffer read-only: IOAS_ALLOC → EFAULT, the id is free again") { host in
      let fd = try host.iommufd()
      let argument = try host.readOnly([12, 0, 0])
      try expect(.badAddress) { try host.call(fd, IOMMU_IOAS_ALLOC, value: argument) }
      try expect(try host.allocateIOAS(fd), equals: 1)
    },
  ]
}
