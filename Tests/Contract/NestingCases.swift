internal import CLinux
internal import HostKernel
internal import SystemPackage

/// Section 12.19: page tables of guests on those of the host.
extension Contract {
  /// Section 12.19.
  static let nesting = ContractSection(
    "12.19", "Nesting, vIOMMU, faults",
    nestedTables + invalidations + virtualIOMMUs + virtualEvents + faults)

  /// A mock device with a nest parent.
  private static func parent(
    _ host: ContractHost
  ) throws -> (mock: ContractHost.Mock, parent: UInt32) {
    let mock = try host.mock()
    return (mock, try host.nestParent(mock))
  }

  /// A mock device with a nested page table, and the parent of that.
  private static func nested(
    _ host: ContractHost
  ) throws -> (mock: ContractHost.Mock, parent: UInt32, table: UInt32) {
    let (mock, parent) = try parent(host)
    return (mock, parent, try host.allocateNested(mock.iommufd, mock.device, parent))
  }

  // MARK: Allocation

  /// Rows 535 to 538.
  private static let nestedTables: [ContractCase] = [
    ContractCase(535, "nest parent h: HWPT_ALLOC nested on h → 0", [.mock]) { host in
      let (mock, parent) = try parent(host)
      try expect(
        try host.allocateNested(mock.iommufd, mock.device, parent), equals: parent + 1)
    },
    ContractCase("535b", "VT-d unit that nests: HWPT_ALLOC of stage-1 data → 0", [.f]) { host in
      let space = try host.space(.f, isAttached: false)
      let parent = try host.allocateTable(
        space.iommufd, space.device.identifier, space.ioas,
        flags: UInt32(IOMMU_HWPT_ALLOC_NEST_PARENT))
      let table = try host.allocateNested(
        space.iommufd, space.device.identifier, parent, .vtd)
      try expect(try host.attach(space.device.descriptor, table), equals: table)
      try expect(.resourceBusy) { try host.destroy(space.iommufd, parent) }
    },
    ContractCase(
      "535c", "nested data of another driver → EOPNOTSUPP, of wrong length → EINVAL", [.mock]
    ) {
      host in
      let (mock, parent) = try parent(host)
      let wrong: [(data: ContractHost.NestedData, errno: Errno)] = [
        (.vtd, .eopnotsupp),
        (ContractHost.NestedData(length: 3), .invalidArgument),
        (ContractHost.NestedData(type: 0), .invalidArgument),
        (ContractHost.NestedData(length: 0), .invalidArgument),
        (ContractHost.NestedData(type: 0, length: 0), .eopnotsupp),
        // Unlike a command, driver data must not be longer than the kernel knows, whatever is in it.
        (ContractHost.NestedData(words: [0, 0, 0]), .invalidArgument),
      ]
      for (data, errno) in wrong {
        try expect(errno, "type \(data.type), length \(data.length ?? 0)") {
          _ = try host.allocateNested(mock.iommufd, mock.device, parent, data)
        }
      }
      _ = try host.allocateNested(
        mock.iommufd, mock.device, parent, ContractHost.NestedData(length: 4))
    },
    ContractCase("535d", "nested HWPT_ALLOC NEST_PARENT or DIRTY → EOPNOTSUPP", [.mock]) { host in
      let (mock, parent) = try parent(host)
      for flag in [IOMMU_HWPT_ALLOC_NEST_PARENT, IOMMU_HWPT_ALLOC_DIRTY_TRACKING] {
        try expect(.eopnotsupp, "flag \(flag)") {
          _ = try host.allocateNested(mock.iommufd, mock.device, parent, flags: UInt32(flag))
        }
      }
    },
    ContractCase(536, "ordinary HWPT h: HWPT_ALLOC nested on h → EINVAL", [.mock]) { host in
      let mock = try host.mock()
      let table = try host.allocateTable(mock.iommufd, mock.device, mock.ioas)
      try expect(.invalidArgument) {
        _ = try host.allocateNested(mock.iommufd, mock.device, table)
      }
    },
    ContractCase("536b", "the same on a PCI function: VT-d EINVAL, AMD EOPNOTSUPP", [.n]) { host in
      let space = try host.space(.n, isAttached: false)
      let device = space.device.identifier
      let table = try host.allocateTable(space.iommufd, device, space.ioas)
      let isVTd =
        try host.hardwareType(space.iommufd, device) == UInt32(IOMMU_HW_INFO_TYPE_INTEL_VTD)
      try expect(isVTd ? .invalidArgument : .eopnotsupp) {
        _ = try host.allocateNested(space.iommufd, device, table, .vtd)
      }
    },
    ContractCase(537, "automatic HWPT: HWPT_ALLOC nested on it → EINVAL", [.mock]) { host in
      let mock = try host.mock()
      try expect(.invalidArgument) {
        _ = try host.allocateNested(mock.iommufd, mock.device, mock.table)
      }
    },
    ContractCase("537b", "nested HWPT n: HWPT_ALLOC nested on n → EINVAL", [.mock]) { host in
      let (mock, _, table) = try nested(host)
      try expect(.invalidArgument) {
        _ = try host.allocateNested(mock.iommufd, mock.device, table)
      }
    },
    ContractCase(538, "nested HWPT n of h: DESTROY h → EBUSY; after DESTROY n → 0", [.mock]) {
      host in
      let (mock, parent, table) = try nested(host)
      try expect(.resourceBusy) { try host.destroy(mock.iommufd, parent) }
      try host.destroy(mock.iommufd, table)
      try host.destroy(mock.iommufd, parent)
    },
    ContractCase(
      "538b", "device moved to nested n → n is its page table, DESTROY n → EBUSY", [.mock]
    ) {
      host in
      let (mock, _, table) = try nested(host)
      try expect(try host.attach(mock, to: table), equals: table)
      try expect(.resourceBusy) { try host.destroy(mock.iommufd, table) }
      // The automatic page table went with its last attachment.
      try expect(.noSuchFileOrDirectory) { try host.destroy(mock.iommufd, mock.table) }
      try host.attach(mock, to: mock.ioas)
      try host.destroy(mock.iommufd, table)
    },
  ]

  // MARK: Invalidation

  /// Requires an entry of the mock IOMMU's memory of a page table to have a value.
  private static func expectEntry(
    _ host: ContractHost, _ mock: ContractHost.Mock, _ table: UInt32, _ index: UInt32,
    _ value: UInt32
  ) throws {
    try host.test(mock.iommufd, IOMMU_TEST_OP_MD_CHECK_IOTLB, table, [index, value])
  }

  /// Rows 539 and 540.
  private static let invalidations: [ContractCase] = [
    ContractCase(539, "nested: INVALIDATE entry_len 0 or 4097 with entries → EINVAL", [.mock]) {
      host in
      let (mock, _, table) = try nested(host)
      for length in [0, 4097] as [UInt32] {
        let answer = try host.invalidate(mock.iommufd, table, entryLength: length, [[0, 0]])
        try expect(answer.failure, equals: .invalidArgument, "entry_len \(length)")
        try expect(answer.done, equals: 0, "entry_num")
      }
      let answer = try host.invalidate(mock.iommufd, table, [[0, 0]])
      try expect(answer.failure, equals: nil)
      try expect(answer.done, equals: 1, "entry_num")
    },
    ContractCase("539b", "nested: INVALIDATE of no entries → 0 by the right type only", [.mock]) {
      host in
      let (mock, _, table) = try nested(host)
      try expect(
        try host.invalidate(mock.iommufd, table, entryLength: 0, []).failure, equals: nil)
      try expect(
        try host.invalidate(mock.iommufd, table, type: 0, entryLength: 0, []).failure,
        equals: .invalidArgument)
    },
    ContractCase("539c", "INVALIDATE on the nest parent → EINVAL", [.mock]) { host in
      let (mock, parent) = try parent(host)
      let answer = try host.invalidate(mock.iommufd, parent, [[0, 0]])
      try expect(answer.failure, equals: .invalidArgument)
      try expect(answer.done, equals: 0, "entry_num")
    },
    ContractCase(540, "nested: INVALIDATE 2 good, 1 bad → error, entry_num 2", [.mock]) { host in
      let (mock, _, table) = try nested(host)
      let bad: [(entry: [UInt32], errno: Errno)] = [
        ([0, 4], .invalidArgument), ([2, 0], .eopnotsupp),
      ]
      for (entry, errno) in bad {
        let answer = try host.invalidate(mock.iommufd, table, [[0, 0], [0, 1], entry, [0, 3]])
        try expect(answer.failure, equals: errno)
        try expect(answer.done, equals: 2, "entry_num")
      }
      // The good ones were done, the one behind was not.
      for (index, value) in [(0, 0), (1, 0), (2, 0x1234), (3, 0x1234)] as [(UInt32, UInt32)] {
        try expectEntry(host, mock, table, index, value)
      }
    },
    ContractCase("540b", "nested: INVALIDATE all → every entry is gone", [.mock]) { host in
      let (mock, _, table) = try nested(host)
      try expectEntry(host, mock, table, 3, 0x1234)
      let answer = try host.invalidate(
        mock.iommufd, table, [[UInt32(IOMMU_TEST_INVALIDATE_FLAG_ALL), 0]])
      try expect(answer.done, equals: 1, "entry_num")
      for index in 0..<4 as Range<UInt32> { try expectEntry(host, mock, table, index, 0) }
    },
    ContractCase("540c", "nested: entries of another length than the driver's → EINVAL", [.mock]) {
      host in
      let (mock, _, table) = try nested(host)
      for length in [7, 9, 12, 4096] as [UInt32] {
        let answer = try host.invalidate(
          mock.iommufd, table, entryLength: length, [[0, 0, 0, 0]])
        try expect(answer.failure, equals: .invalidArgument, "entry_len \(length)")
        try expect(answer.done, equals: 0, "entry_num")
      }
    },
    ContractCase("540d", "VT-d unit that nests: flags 2 → EOPNOTSUPP, address 1 → EINVAL", [.f]) {
      host in
      let space = try host.space(.f, isAttached: false)
      let device = space.device.identifier
      let parent = try host.allocateTable(
        space.iommufd, device, space.ioas, flags: UInt32(IOMMU_HWPT_ALLOC_NEST_PARENT))
      let table = try host.allocateNested(space.iommufd, device, parent, .vtd)
      let good: [UInt32] = [0x1000, 0, 1, 0, UInt32(IOMMU_VTD_INV_FLAGS_LEAF), 0]
      let bad: [(entry: [UInt32], errno: Errno)] = [
        ([0, 0, 1, 0, 2, 0], .eopnotsupp), ([1, 0, 1, 0, 0, 0], .invalidArgument),
        ([0x1000, 0, .max, .max, 0, 0], .invalidArgument),
      ]
      for (entry, errno) in bad {
        let answer = try host.invalidate(
          space.iommufd, table, type: UInt32(IOMMU_HWPT_INVALIDATE_DATA_VTD_S1), entryLength: 24,
          [good, entry])
        try expect(answer.failure, equals: errno)
        try expect(answer.done, equals: 1, "entry_num")
      }
    },
  ]
}
