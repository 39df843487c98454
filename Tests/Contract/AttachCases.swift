internal import CLinux
internal import SystemPackage

/// Section 12.5, devices alone in their group and the two of one group.
extension Contract {
  /// A context with devices bound to it and two address spaces.
  struct Attaching {
    var iommufd: Int32
    var devices: [ContractHost.Bound]
    var first: UInt32
    var second: UInt32

    init(_ host: ContractHost, _ fixtures: Fixture...) throws {
      let iommufd = try host.iommufd()
      self.iommufd = iommufd
      devices = try fixtures.map { try host.bound($0, iommufd) }
      first = try host.allocateIOAS(iommufd)
      second = try host.allocateIOAS(iommufd)
    }
  }

  static let attachingOne: [ContractCase] = [
    ContractCase(111, "N bound: ATTACH i1 → pt_id is an HWPT", [.n]) { host in
      let set = try Attaching(host, .n)
      let table = try host.attach(set.devices[0].descriptor, set.first)
      try expect(table != set.first, "pt_id is still the IOAS")
      try expect(.resourceBusy) { try host.destroy(set.iommufd, table) }
    },
    ContractCase(112, "N attached i1: ATTACH i1 → same HWPT", [.n]) { host in
      let set = try Attaching(host, .n)
      let n = set.devices[0].descriptor
      let table = try host.attach(n, set.first)
      try expect(try host.attach(n, set.first), equals: table)
    },
    ContractCase(113, "N attached i1: ATTACH i2 → new HWPT, i1's is gone", [.n]) { host in
      let set = try Attaching(host, .n)
      let n = set.devices[0].descriptor
      let old = try host.attach(n, set.first)
      let new = try host.attach(n, set.second)
      try expect(new != old, "the HWPT is still \(old)")
      try expect(.noSuchFileOrDirectory) { try host.destroy(set.iommufd, old) }
      try host.destroy(set.iommufd, set.first)
    },
    ContractCase(114, "N bound: ATTACH 0 or an unknown id → ENOENT", [.n]) { host in
      let set = try Attaching(host, .n)
      for target in [0, 99] as [UInt32] {
        try expect(.noSuchFileOrDirectory) { try host.attach(set.devices[0].descriptor, target) }
      }
    },
    ContractCase("114b", "N bound: ATTACH to a device's id → EINVAL", [.n]) { host in
      let set = try Attaching(host, .n)
      let n = set.devices[0]
      try expect(.invalidArgument) { try host.attach(n.descriptor, n.identifier) }
    },
    ContractCase(116, "N attached i1: ATTACH unknown → ENOENT, still on i1", [.n]) { host in
      let set = try Attaching(host, .n)
      let n = set.devices[0].descriptor
      let table = try host.attach(n, set.first)
      try expect(.noSuchFileOrDirectory) { try host.attach(n, 99) }
      try expect(try host.attach(n, set.first), equals: table)
    },
    ContractCase(117, "N bound: DETACH → 0", [.n]) { host in
      let set = try Attaching(host, .n)
      try host.detach(set.devices[0].descriptor)
    },
    ContractCase(118, "N attached: DETACH twice → 0, 0", [.n]) { host in
      let set = try Attaching(host, .n)
      try host.attach(set.devices[0].descriptor, set.first)
      try host.detach(set.devices[0].descriptor)
      try host.detach(set.devices[0].descriptor)
    },
    ContractCase(119, "N attached i1 twice: DETACH once → detached", [.n]) { host in
      let set = try Attaching(host, .n)
      let n = set.devices[0].descriptor
      try host.attach(n, set.first)
      try host.attach(n, set.first)
      try host.detach(n)
      try host.destroy(set.iommufd, set.first)
    },
    ContractCase(120, "N bound: ATTACH argsz 11, DETACH argsz 7 → EINVAL", [.n]) { host in
      let set = try Attaching(host, .n)
      let n = set.devices[0].descriptor
      try expect(.invalidArgument) {
        try host.call(n, VFIO_DEVICE_ATTACH_IOMMUFD_PT, [11, 0, set.first])
      }
      try expect(.invalidArgument) { try host.call(n, VFIO_DEVICE_DETACH_IOMMUFD_PT, [7, 0]) }
    },
    ContractCase(121, "N bound: ATTACH flags 2 → EINVAL", [.n]) { host in
      let set = try Attaching(host, .n)
      try expect(.invalidArgument) {
        try host.call(
          set.devices[0].descriptor, VFIO_DEVICE_ATTACH_IOMMUFD_PT, [12, 2, set.first])
      }
    },
    ContractCase(122, "N bound: ATTACH with PASID but argsz 12 → EINVAL", [.n]) { host in
      let set = try Attaching(host, .n)
      try expect(.invalidArgument) {
        try host.call(
          set.devices[0].descriptor, VFIO_DEVICE_ATTACH_IOMMUFD_PT, [12, 1, set.first, 5])
      }
    },
  ]

  static let attachingTwo: [ContractCase] = [
    ContractCase(123, "A0 attached i1: A1 ATTACH i1 → same HWPT", [.a0, .a1]) { host in
      let set = try Attaching(host, .a0, .a1)
      let table = try host.attach(set.devices[0].descriptor, set.first)
      try expect(try host.attach(set.devices[1].descriptor, set.first), equals: table)
    },
    ContractCase(124, "A0 attached i1: A1 ATTACH i2 → EINVAL, A0 unaffected", [.a0, .a1]) {
      host in
      let set = try Attaching(host, .a0, .a1)
      let table = try host.attach(set.devices[0].descriptor, set.first)
      try expect(.invalidArgument) { try host.attach(set.devices[1].descriptor, set.second) }
      try expect(try host.attach(set.devices[0].descriptor, set.first), equals: table)
      try host.destroy(set.iommufd, set.second)
    },
    ContractCase(125, "A0, A1 attached i1: A1 ATTACH i2 → 0, A0 moves too", [.a0, .a1]) {
      host in
      let set = try Attaching(host, .a0, .a1)
      let (a0, a1) = (set.devices[0].descriptor, set.devices[1].descriptor)
      try host.attach(a0, set.first)
      try host.attach(a1, set.first)
      let moved = try host.attach(a1, set.second)
      try host.destroy(set.iommufd, set.first)
      try expect(try host.attach(a0, set.second), equals: moved)
      try host.detach(a0)
      try expect(try host.attach(a0, set.second), equals: moved)
    },
    ContractCase(126, "A0, A1 attached i1: A0 DETACH → A1 still attached", [.a0, .a1]) { host in
      let set = try Attaching(host, .a0, .a1)
      for device in set.devices { try host.attach(device.descriptor, set.first) }
      try host.detach(set.devices[0].descriptor)
      try expect(.resourceBusy) { try host.destroy(set.iommufd, set.first) }
      try host.detach(set.devices[1].descriptor)
      try host.destroy(set.iommufd, set.first)
    },
    ContractCase(128, "A0, A1 attached i1, both detached: A0 ATTACH i2 → 0", [.a0, .a1]) {
      host in
      let set = try Attaching(host, .a0, .a1)
      for device in set.devices { try host.attach(device.descriptor, set.first) }
      for device in set.devices { try host.detach(device.descriptor) }
      try host.attach(set.devices[0].descriptor, set.second)
    },
    ContractCase(129, "A0, A1 attached i1: close A0 → A1 still attached", [.a0, .a1]) { host in
      let set = try Attaching(host, .a0, .a1)
      for device in set.devices { try host.attach(device.descriptor, set.first) }
      host.close(set.devices[0].descriptor)
      try expect(.resourceBusy) { try host.destroy(set.iommufd, set.first) }
      host.close(set.devices[1].descriptor)
      try host.destroy(set.iommufd, set.first)
    },
    ContractCase(130, "A0 attached to explicit h of i1: A1 ATTACH i1 → EINVAL", [.a0, .a1]) {
      host in
      let set = try Attaching(host, .a0, .a1)
      let table = try host.allocateTable(set.iommufd, set.devices[0].identifier, set.first)
      try host.attach(set.devices[0].descriptor, table)
      try expect(.invalidArgument) { try host.attach(set.devices[1].descriptor, set.first) }
    },
    ContractCase(131, "A0 attached to explicit h of i1: A1 ATTACH h → 0", [.a0, .a1]) { host in
      let set = try Attaching(host, .a0, .a1)
      let table = try host.allocateTable(set.iommufd, set.devices[0].identifier, set.first)
      try host.attach(set.devices[0].descriptor, table)
      try expect(try host.attach(set.devices[1].descriptor, table), equals: table)
    },
    ContractCase(132, "A0 alone on explicit h of i1: ATTACH i1 → a new HWPT", [.a0]) { host in
      let set = try Attaching(host, .a0)
      let a0 = set.devices[0]
      let table = try host.allocateTable(set.iommufd, a0.identifier, set.first)
      try host.attach(a0.descriptor, table)
      try expect(try host.attach(a0.descriptor, set.first) != table, "still the explicit one")
      try host.destroy(set.iommufd, table)
    },
    ContractCase(133, "N and S0 ATTACH i1 → same HWPT", [.n, .s0]) { host in
      let set = try Attaching(host, .n, .s0)
      let table = try host.attach(set.devices[0].descriptor, set.first)
      try expect(try host.attach(set.devices[1].descriptor, set.first), equals: table)
    },
    ContractCase(134, "S0 attached i1: S1 ATTACH i2 → 0", [.s0, .s1]) { host in
      let set = try Attaching(host, .s0, .s1)
      let table = try host.attach(set.devices[0].descriptor, set.first)
      try expect(
        try host.attach(set.devices[1].descriptor, set.second) != table, "both share an HWPT")
      try expect(try host.attach(set.devices[0].descriptor, set.first), equals: table)
    },
  ]
}
