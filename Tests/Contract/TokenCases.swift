internal import CLinux
internal import PCI
internal import SystemPackage

extension Contract {
  /// Section 12.17, and the rows of resets that need virtual functions.
  static let tokens = ContractSection("12.17", "SR-IOV tokens", tokenCases)

  private static let right: [UInt32] = [0x1234_5678, 0x4567_89AB, 0xCDEF_0123, 0x89AB_CDEF]
  private static let wrong: [UInt32] = [1, 2, 3, 4]

  private static let tokenCases: [ContractCase] = [
    ContractCase(517, "P bound, V0 in other hands: V0 without token → EACCES", [.p, .v0]) { host in
      let fd = try host.iommufd()
      try bind(host, .p, fd, right)
      try expect(.permissionDenied) { try bind(host, .v0, fd, nil) }
    },
    ContractCase(518, "the same: V0 with a wrong token → EACCES", [.p, .v0]) { host in
      let fd = try host.iommufd()
      try bind(host, .p, fd, right)
      try expect(.permissionDenied) { try bind(host, .v0, fd, wrong) }
    },
    ContractCase(519, "P opened with token T: V0 with T → 0", [.p, .v0]) { host in
      let fd = try host.iommufd()
      try bind(host, .p, fd, right)
      try bind(host, .v0, fd, right)
    },
    ContractCase(520, "V0 in use: P with another token, without → EACCES", [.p, .v0]) { host in
      let fd = try host.iommufd()
      let p = try bind(host, .p, fd, right)
      try bind(host, .v0, fd, right)
      host.close(p)
      try expect(.permissionDenied, "another") { try bind(host, .p, fd, wrong) }
      try expect(.permissionDenied, "none") { try bind(host, .p, fd, nil) }
      try bind(host, .p, fd, right)
    },
    ContractCase(521, "V0 not in use: P with a new token → 0, token replaced", [.p, .v0]) { host in
      let fd = try host.iommufd()
      host.close(try bind(host, .p, fd, right))
      try bind(host, .p, fd, wrong)
      try expect(.permissionDenied) { try bind(host, .v0, fd, right) }
      try bind(host, .v0, fd, wrong)
    },
    ContractCase(522, "P open: FEATURE 0 SET new token → 0, V0 needs it", [.p, .v0]) { host in
      let fd = try host.iommufd()
      let p = try bind(host, .p, fd, right)
      try host.call(p, VFIO_DEVICE_FEATURE, [24, UInt32(VFIO_DEVICE_FEATURE_SET)] + wrong)
      try expect(.permissionDenied) { try bind(host, .v0, fd, right) }
      try bind(host, .v0, fd, wrong)
    },
    ContractCase(523, "N: BIND with a token → EINVAL", [.n]) { host in
      let fd = try host.iommufd()
      try expect(.invalidArgument) { try bind(host, .n, fd, right) }
    },
    ContractCase(524, "V0: group name with a short token → EINVAL", [.p, .v0]) { host in
      let group = try host.usableGroup(.v0, container: try host.container())
      let name = "\(try host.address(.v0)) vf_token=short"
      try expect(.invalidArgument) { _ = try host.device(group, name) }
    },
    ContractCase("524b", "V0: group name with P's token → 0", [.p, .v0]) { host in
      try bind(host, .p, try host.iommufd(), right)
      let group = try host.usableGroup(.v0, container: try host.container())
      let name = "\(try host.address(.v0)) vf_token=78563412-ab89-6745-2301-efcdefcdab89"
      _ = try host.device(group, name)
    },
    ContractCase(525, "V0: BIND with TOKEN, pointer unreadable → EFAULT", [.p, .v0]) { host in
      let fd = try host.iommufd()
      let v0 = try host.node(.v0)
      let hole = try host.hole()
      try expect(.badAddress) {
        try host.call(
          v0, VFIO_DEVICE_BIND_IOMMUFD,
          [
            24, UInt32(VFIO_DEVICE_BIND_FLAG_TOKEN), UInt32(bitPattern: fd), 0,
            UInt32(truncatingIfNeeded: hole), UInt32(hole >> 32),
          ])
      }
    },
    ContractCase(526, "P has VFs: binding vfio-pci to P → EBUSY", [.p, .v0]) { host in
      let p = try host.address(.p)
      try host.platform.abandonVirtualFunctions(of: p)
      try expect(.resourceBusy) { try host.platform.setDriver(of: p, to: "vfio-pci") }
    },
    ContractCase(169, "P bound, VFs present: INFO via P → flags 1 or P alone", [.p, .v0]) { host in
      let fd = try host.iommufd()
      let p = try bind(host, .p, fd, right)
      let information = try host.hotResetInfo(p)
      // A slot reset takes P alone; a bus reset its virtual functions too, which are no members.
      try expect(information.flags, equals: information.entries.count == 1 ? 3 : 1, "flags")
    },
    ContractCase(203, "P bound, VFs present, bus reset: HOT_RESET → EINVAL", [.p, .v0]) { host in
      let fd = try host.iommufd()
      let p = try bind(host, .p, fd, right)
      if try host.hotResetInfo(p).entries.count == 1 {
        throw ContractSkip("the slot of P is reset without its virtual functions")
      }
      try expect(.invalidArgument) { try host.hotReset(p) }
    },
  ]

  /// Opens and binds a function, with a token or without.
  @discardableResult
  private static func bind(
    _ host: ContractHost, _ fixture: Fixture, _ iommufd: Int32, _ token: [UInt32]?
  ) throws -> Int32 {
    let device = try host.node(fixture)
    guard let token else {
      try host.bind(device, iommufd)
      return device
    }
    let page = try host.memory(pages: 1)
    try host.store(token, at: page)
    try host.call(
      device, VFIO_DEVICE_BIND_IOMMUFD,
      [
        24, UInt32(VFIO_DEVICE_BIND_FLAG_TOKEN), UInt32(bitPattern: iommufd), 0,
        UInt32(truncatingIfNeeded: page), UInt32(page >> 32),
      ])
    return device
  }
}
