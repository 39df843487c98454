internal import CLinux
internal import HostKernel
internal import SystemPackage

extension Contract {
  /// Section 12.16.
  static let hardware = ContractSection(
    "12.16", "HW_INFO, HWPT, PASID", hardwareInformation + pageTables + emptyFaultQueue + pasids)

  /// What `IOMMU_GET_HW_INFO` answered, and the buffer of 96 bytes that was all ones before.
  private struct Information {
    var dataLength: UInt32
    var type: UInt32
    var pasidWidth: UInt32
    var capabilities: UInt32
    var data: [UInt32]
  }

  /// Asks for the information of a device with a buffer of `room` bytes.
  private static func information(
    _ host: ContractHost, _ iommufd: Int32, _ device: UInt32, size: UInt32 = 40, room: UInt32 = 0,
    flags: UInt32 = 0, type: UInt32 = 0
  ) throws -> Information {
    let buffer = try host.memory(pages: 1)
    try host.store(Array(repeating: .max, count: 24), at: buffer)
    let words = try host.call(
      iommufd, IOMMU_GET_HW_INFO,
      [
        size, flags, device, room, UInt32(truncatingIfNeeded: buffer), UInt32(buffer >> 32), type,
        0,
        0x5555, 0x5555,
      ])
    let data = try (0..<12).flatMap { index in
      let pair = try host.peek(buffer + 8 * UInt64(index))
      return [UInt32(truncatingIfNeeded: pair), UInt32(pair >> 32)]
    }
    // The width is one byte of three in its word.
    return Information(
      dataLength: words[3], type: words[6], pasidWidth: words[7] & 0xFF, capabilities: words[8],
      data: data)
  }

  /// The same of a fixture that is bound for it.
  private static func information(
    _ host: ContractHost, of fixture: Fixture, size: UInt32 = 40, room: UInt32 = 0,
    flags: UInt32 = 0, type: UInt32 = 0
  ) throws -> Information {
    let iommufd = try host.iommufd()
    let device = try host.bound(fixture, iommufd)
    defer { host.close(device.descriptor) }
    return try information(
      host, iommufd, device.identifier, size: size, room: room, flags: flags, type: type)
  }

  /// Requires the IOMMU behind a fixture to be VT-d. Throws `ContractSkip`.
  private static func requireVTd(_ information: Information) throws {
    guard information.type == UInt32(IOMMU_HW_INFO_TYPE_INTEL_VTD) else {
      throw ContractSkip("the IOMMU tells type \(information.type)")
    }
  }

  // MARK: Hardware information

  /// Rows 477 to 493.
  private static let hardwareInformation: [ContractCase] = [
    ContractCase(477, "N bound, VT-d: HW_INFO with 24 bytes → type 1, data_len 24", [.n]) { host in
      let found = try information(host, of: .n, room: 24)
      try requireVTd(found)
      try expect(found.dataLength, equals: 24, "data_len")
      try expect(found.data[0..<2], equals: [1, 0], "flags")
      try expect(found.data[2] != 0 && found.data[4] != 0, "no capability registers")
      try expect(found.data[6], equals: .max, "behind the buffer")
    },
    ContractCase(478, "HW_INFO with data_len 0 → data_len 24 out", [.n]) { host in
      let found = try information(host, of: .n)
      try requireVTd(found)
      try expect(found.dataLength, equals: 24)
      try expect(found.data[0], equals: .max, "the buffer")
    },
    ContractCase(479, "HW_INFO buffer 64 → bytes 24 to 63 zeroed", [.n]) { host in
      let found = try information(host, of: .n, room: 64)
      try requireVTd(found)
      try expect(found.data[6..<16].allSatisfy { $0 == 0 }, "\(found.data[6..<16])")
      try expect(found.data[16], equals: .max, "behind the buffer")
    },
    ContractCase(480, "HW_INFO buffer 8 → its 8 bytes only, data_len 24", [.n]) { host in
      let found = try information(host, of: .n, room: 8)
      try requireVTd(found)
      try expect(found.dataLength, equals: 24, "data_len")
      try expect(found.data[0..<3], equals: [1, 0, .max])
    },
    ContractCase(481, "HW_INFO size 32 → capabilities not written", [.n]) { host in
      try expect(try information(host, of: .n, size: 32).capabilities, equals: 0x5555)
    },
    ContractCase(482, "HW_INFO size 31 → EINVAL", [.n]) { host in
      try expect(.invalidArgument) { _ = try information(host, of: .n, size: 31) }
    },
    ContractCase(483, "HW_INFO flags 2 → EOPNOTSUPP", [.n]) { host in
      try expect(.eopnotsupp) { _ = try information(host, of: .n, flags: 2) }
    },
    ContractCase(484, "HW_INFO flags 0, type 7 → as with type 0", [.n]) { host in
      let plain = try information(host, of: .n)
      try expect(try information(host, of: .n, type: 7).type, equals: plain.type)
    },
    ContractCase(485, "HW_INFO INPUT_TYPE, VT-d: type 7 → EOPNOTSUPP, type 1 → 1", [.n]) { host in
      try requireVTd(try information(host, of: .n))
      try expect(.eopnotsupp) { _ = try information(host, of: .n, flags: 1, type: 7) }
      try expect(try information(host, of: .n, flags: 1, type: 1).type, equals: 1)
    },
    ContractCase(486, "driver that tells nothing: HW_INFO → type 0, buffer zeroed", [.x]) { host in
      let found = try information(host, of: .x, room: 24, flags: 1, type: 7)
      try expect(found.type, equals: 0, "type")
      try expect(found.dataLength, equals: 0, "data_len")
      try expect(found.data[0..<6].allSatisfy { $0 == 0 }, "\(found.data[0..<6])")
      try expect(found.data[6], equals: .max, "behind the buffer")
    },
    ContractCase(488, "N without ATS: capabilities bit 3 → 1", [.n]) { host in
      try expect(try information(host, of: .n).capabilities & 8, equals: 8)
    },
    ContractCase(489, "ATS device on a unit with device TLB: capabilities bit 3 → 0", [.t]) {
      host in
      try expect(try information(host, of: .t).capabilities & 8, equals: 0)
    },
    ContractCase(490, "both on one unit → same type data, bit 3 differs", [.e0, .e1]) { host in
      let fixtures: [Fixture] = [.e0, .e1]
      let found = try fixtures.map { try information(host, of: $0, room: 24) }
      try expect(found[0].data, equals: found[1].data, "type data")
      try expect(found[0].capabilities != found[1].capabilities, "the same capabilities")
    },
    ContractCase("490b", "T and N on one unit → same type data, bit 3 differs", [.t, .n]) { host in
      let fixtures: [Fixture] = [.t, .n]
      let found = try fixtures.map { try information(host, of: $0, room: 24) }
      guard found[0].data == found[1].data else {
        throw ContractSkip("T and N sit behind two units")
      }
      try expect(found[0].capabilities != found[1].capabilities, "the same capabilities")
    },
    ContractCase(491, "N without PASID → width 0, bits 1 and 2 clear", [.n]) { host in
      let found = try information(host, of: .n)
      try expect(found.pasidWidth, equals: 0, "width")
      try expect(found.capabilities & 6, equals: 0, "bits")
    },
    ContractCase(492, "PASID device of 20 bits → 20 on VT-d, 19 on AMD", [.h]) { host in
      let found = try information(host, of: .h)
      let isAMD = found.type == UInt32(IOMMU_HW_INFO_TYPE_AMD)
      try expect(found.pasidWidth, equals: isAMD ? 19 : 20)
    },
    ContractCase("492b", "mock device with PASID → 20 bits, its own type, dirty tracking", [.mock])
    {
      host in
      let mock = try host.mock(flags: MOCK_FLAGS_DEVICE_PASID)
      let answer = try information(host, mock.iommufd, mock.device, room: 8)
      try expect(answer.type, equals: UInt32(IOMMU_HW_INFO_TYPE_SELFTEST), "type")
      try expect(answer.dataLength, equals: 8, "data_len")
      try expect(answer.data[1], equals: UInt32(IOMMU_HW_INFO_SELFTEST_REGVAL), "register")
      try expect(answer.pasidWidth, equals: UInt32(MOCK_PASID_WIDTH), "out_max_pasid_log2")
      try expect(
        answer.capabilities,
        equals: UInt32(IOMMU_HW_CAP_DIRTY_TRACKING | IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED))
    },
    ContractCase(493, "HW_INFO unknown dev_id → ENOENT") { host in
      let fd = try host.iommufd()
      try expect(.noSuchFileOrDirectory) { _ = try information(host, fd, 77) }
    },
    ContractCase("493b", "HW_INFO unreadable buffer → EFAULT", [.n]) { host in
      let fd = try host.iommufd()
      let n = try host.bound(.n, fd)
      let hole = try host.hole()
      try expect(.badAddress) {
        try host.call(
          fd, IOMMU_GET_HW_INFO,
          [
            40, 0, n.identifier, 24, UInt32(truncatingIfNeeded: hole), UInt32(hole >> 32), 0, 0, 0,
            0,
          ])
      }
    },
  ]

  // MARK: Page tables

  /// Rows 494 to 507.
  private static let pageTables: [ContractCase] = [
    ContractCase(494, "N bound, i1: HWPT_ALLOC on i1 → 0", [.n]) { host in
      let space = try host.space(.n, isAttached: false)
      try expect(
        try host.allocateTable(space.iommufd, space.device.identifier, space.ioas),
        equals: space.ioas + 1)
    },
    ContractCase(495, "HWPT_ALLOC unknown pt_id → EINVAL", [.n]) { host in
      try expectAllocation(host, .invalidArgument) { ($0.device.identifier, 77, 0) }
    },
    ContractCase(496, "HWPT_ALLOC pt_id = N.id → EINVAL", [.n]) { host in
      try expectAllocation(host, .invalidArgument) {
        ($0.device.identifier, $0.device.identifier, 0)
      }
    },
    ContractCase(497, "HWPT_ALLOC unknown dev_id → ENOENT", [.n]) { host in
      try expectAllocation(host, .noSuchFileOrDirectory) { (77, $0.ioas, 0) }
    },
    ContractCase(498, "HWPT_ALLOC flags 0x80 → EOPNOTSUPP", [.n]) { host in
      try expectAllocation(host, .eopnotsupp) { ($0.device.identifier, $0.ioas, 0x80) }
    },
    ContractCase(500, "unit without nesting: HWPT_ALLOC NEST_PARENT → EOPNOTSUPP", [.n]) { host in
      let flag = UInt32(IOMMU_HWPT_ALLOC_NEST_PARENT)
      try expectAllocation(host, .eopnotsupp) { ($0.device.identifier, $0.ioas, flag) }
    },
    ContractCase(501, "unit without dirty bits: HWPT_ALLOC DIRTY_TRACKING → EOPNOTSUPP", [.n]) {
      host in
      let flag = UInt32(IOMMU_HWPT_ALLOC_DIRTY_TRACKING)
      try expectAllocation(host, .eopnotsupp) { ($0.device.identifier, $0.ioas, flag) }
    },
    ContractCase(502, "HWPT without DIRTY: SET_DIRTY_TRACKING → EOPNOTSUPP", [.n]) { host in
      let space = try host.space(.n, isAttached: false)
      let table = try host.allocateTable(space.iommufd, space.device.identifier, space.ioas)
      try expect(.eopnotsupp) {
        try host.call(space.iommufd, IOMMU_HWPT_SET_DIRTY_TRACKING, [16, 1, table, 0])
      }
    },
    ContractCase(503, "SET_DIRTY_TRACKING on an IOAS → ENOENT") { host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      try expect(.noSuchFileOrDirectory) {
        try host.call(fd, IOMMU_HWPT_SET_DIRTY_TRACKING, [16, 1, ioas, 0])
      }
    },
    ContractCase(504, "VT-d: VIOMMU_ALLOC of any type → EOPNOTSUPP", [.n]) { host in
      try requireVTd(try information(host, of: .n))
      let space = try host.space(.n, isAttached: false)
      let table = try host.allocateTable(space.iommufd, space.device.identifier, space.ioas)
      for type in [0, 1, 2, 99] as [UInt32] {
        try expect(.eopnotsupp, "type \(type)") {
          try host.call(
            space.iommufd, IOMMU_VIOMMU_ALLOC,
            [40, 0, type, space.device.identifier, table, 0, 0, 0, 0, 0])
        }
      }
    },
    ContractCase(505, "INVALIDATE on an IOAS → EINVAL, entry_num rewritten 0") { host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      var bytes = ContractHost.bytes([32, ioas, 0, 0, 1, 0, 3, 0])
      try expect(.invalidArgument) { try host.call(fd, IOMMU_HWPT_INVALIDATE, &bytes) }
      try expect(ContractHost.words(bytes)[6], equals: 0, "entry_num")
    },
  ]

  /// Requires `IOMMU_HWPT_ALLOC` to fail; `arguments` gives device, parent and flags.
  private static func expectAllocation(
    _ host: ContractHost, _ errno: Errno, file: StaticString = #fileID, line: UInt = #line,
    _ arguments: (ContractHost.Space) -> (device: UInt32, parent: UInt32, flags: UInt32)
  ) throws {
    let space = try host.space(.n, isAttached: false)
    let (device, parent, flags) = arguments(space)
    try expect(errno, file: file, line: line) {
      _ = try host.allocateTable(space.iommufd, device, parent, flags: flags)
    }
  }

  // MARK: PASIDs

  /// Rows 508 to 516.
  private static let pasids: [ContractCase] = [
    ContractCase(508, "ATTACH PASID 2^31 → ENOSPC", [.n]) { host in
      let space = try host.space(.n, isAttached: false)
      try expect(.noSpace) { try attach(host, space.device, space.ioas, pasid: 1 << 31) }
    },
    ContractCase(509, "ATTACH PASID 5 with i1 → EINVAL", [.n]) { host in
      let space = try host.space(.n, isAttached: false)
      try expect(.invalidArgument) { try attach(host, space.device, space.ioas, pasid: 5) }
    },
    ContractCase(510, "device without PASID: ATTACH PASID 5 with h → 0, no effect", [.n]) { host in
      let (space, table) = try compatible(host)
      try attach(host, space.device, table, pasid: 5)
    },
    ContractCase("510b", "HWPT without the PASID flag: ATTACH PASID 5 → EINVAL", [.n]) { host in
      let space = try host.space(.n, isAttached: false)
      let table = try host.allocateTable(space.iommufd, space.device.identifier, space.ioas)
      try expect(.invalidArgument) { try attach(host, space.device, table, pasid: 5) }
    },
    ContractCase(512, "N holds PASID 5: ATTACH i1 → EINVAL", [.n]) { host in
      let (space, table) = try compatible(host)
      try attach(host, space.device, table, pasid: 5)
      try expect(.invalidArgument) { try host.attach(space.device.descriptor, space.ioas) }
    },
    ContractCase(513, "DETACH PASID never attached → 0", [.n]) { host in
      let space = try host.space(.n, isAttached: false)
      try host.call(space.device.descriptor, VFIO_DEVICE_DETACH_IOMMUFD_PT, [12, 1, 9])
    },
    ContractCase(514, "N attached: ATTACH PASID 0 with h → EBUSY", [.n]) { host in
      let (space, table) = try compatible(host)
      try host.attach(space.device.descriptor, table)
      try expect(.resourceBusy) { try attach(host, space.device, table, pasid: 0) }
    },
    ContractCase(515, "N holds PASID 0: ATTACH h → EBUSY", [.n]) { host in
      let (space, table) = try compatible(host)
      try attach(host, space.device, table, pasid: 0)
      try expect(.resourceBusy) { try host.attach(space.device.descriptor, table) }
      try host.call(space.device.descriptor, VFIO_DEVICE_DETACH_IOMMUFD_PT, [12, 1, 0])
      try host.attach(space.device.descriptor, table)
    },
    ContractCase(516, "PASID device of limit L: ATTACH PASID L → EINVAL, L-1 → 0", [.h]) { host in
      let (space, table) = try compatible(host, .h)
      let width = try information(host, space.iommufd, space.device.identifier).pasidWidth
      try expect(.invalidArgument) { try attach(host, space.device, table, pasid: 1 << width) }
      try attach(host, space.device, table, pasid: 1 << width - 1)
    },
    ContractCase("516b", "mock device of limit 2^20: the same", [.mock]) { host in
      let mock = try host.mock(flags: MOCK_FLAGS_DEVICE_PASID)
      let table = try host.allocateTable(
        mock.iommufd, mock.device, mock.ioas, flags: UInt32(IOMMU_HWPT_ALLOC_PASID))
      let limit: UInt32 = 1 << UInt32(MOCK_PASID_WIDTH)
      let attach = { (pasid: UInt32) in
        _ = try host.test(mock.iommufd, IOMMU_TEST_OP_PASID_ATTACH, mock.object, [pasid, table])
      }
      try expect(.invalidArgument, "requester on a table without PASIDs") { try attach(5) }
      try host.attach(mock, to: table)
      try expect(.invalidArgument, "limit") { try attach(limit) }
      try attach(limit - 1)
      try expect(.invalidArgument, "requester to a table without PASIDs") {
        try host.attach(mock, to: mock.ioas)
      }
      try host.test(mock.iommufd, IOMMU_TEST_OP_PASID_DETACH, mock.object, [limit - 1])
      try host.attach(mock, to: mock.ioas)
    },
  ]

  /// A device with a page table that may hold PASIDs; neither is attached. Throws `ContractSkip` behind
  /// an AMD unit without PASIDs, whose driver makes no such page table.
  private static func compatible(
    _ host: ContractHost, _ fixture: Fixture = .n
  ) throws -> (space: ContractHost.Space, table: UInt32) {
    let space = try host.space(fixture, isAttached: false)
    let device = space.device.identifier
    do throws(Errno) {
      let table = try host.allocateTable(
        space.iommufd, device, space.ioas, flags: UInt32(IOMMU_HWPT_ALLOC_PASID))
      return (space, table)
    } catch  where error == .eopnotsupp {
      let type = try host.hardwareType(space.iommufd, device)
      guard type != UInt32(IOMMU_HW_INFO_TYPE_INTEL_VTD) else { throw error }
      throw ContractSkip("the IOMMU's driver makes no page table for PASIDs")
    }
  }

  private static func attach(
    _ host: ContractHost, _ device: ContractHost.Bound, _ target: UInt32, pasid: UInt32
  ) throws {
    try host.call(device.descriptor, VFIO_DEVICE_ATTACH_IOMMUFD_PT, [16, 1, target, pasid])
  }
}
