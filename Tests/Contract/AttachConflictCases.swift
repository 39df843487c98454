internal import CLinux
internal import SystemPackage

/// Section 12.5, what stands against an attach.
extension Contract {
  /// Section 12.5.
  static let attaching = ContractSection(
    "12.5", "Attach, replace, detach", attachingOne + attachingTwo + attachConflicts)

  /// A mapping made before the attach is refused by it and no obstacle once removed.
  private static func expectRefused(
    _ host: ContractHost, length: UInt64 = 4096, at iova: UInt64, isRemoved: Bool = false
  ) throws {
    let set = try Attaching(host, .n)
    let n = set.devices[0].descriptor
    defer { host.close(n) }
    try host.map(set.iommufd, set.first, try host.memory(), length: length, at: iova)
    try expect(.eaddrinuse) { try host.attach(n, set.first) }
    guard isRemoved else { return }
    _ = try host.unmap(set.iommufd, set.first, at: iova, length: length)
    try host.attach(n, set.first)
  }

  static let attachConflicts: [ContractCase] = [
    ContractCase(135, "mapping in the MSI window: ATTACH → EADDRINUSE", [.n]) { host in
      try expectRefused(host, at: InterruptWindow.first)
    },
    ContractCase(136, "mapping above the aperture: ATTACH → EADDRINUSE", [.n]) { host in
      try expectRefused(host, at: host.addressOutsideAperture(of: .n))
    },
    ContractCase(137, "byte-granular mapping: ATTACH → EADDRINUSE", [.n]) { host in
      try expectRefused(host, length: 100, at: 0x1_0000)
    },
    ContractCase(138, "allowed list over the MSI window: ATTACH → EADDRINUSE", [.n]) { host in
      let set = try Attaching(host, .n)
      let n = set.devices[0].descriptor
      try host.allow(
        set.iommufd, set.first, [(InterruptWindow.first, InterruptWindow.first + 0x1FFF)])
      try expect(.eaddrinuse) { try host.attach(n, set.first) }
      try host.allow(set.iommufd, set.first, [])
      try host.attach(n, set.first)
    },
    ContractCase(140, "refused mapping removed: ATTACH → 0", [.n]) { host in
      try expectRefused(host, at: InterruptWindow.first, isRemoved: true)
      try expectRefused(host, at: host.addressOutsideAperture(of: .n), isRemoved: true)
      try expectRefused(host, length: 100, at: 0x1_0000, isRemoved: true)
    },
    ContractCase(141, "N on i1, i2 holds a bad mapping: ATTACH i2 → error, still i1", [.n]) {
      host in
      let set = try Attaching(host, .n)
      let n = set.devices[0].descriptor
      try host.map(set.iommufd, set.second, try host.hole(), at: 0x1000)
      let table = try host.attach(n, set.first)
      try expect(.badAddress) { try host.attach(n, set.second) }
      try expect(.resourceBusy) { try host.destroy(set.iommufd, set.first) }
      try expect(try host.attach(n, set.first), equals: table)
      try host.destroy(set.iommufd, set.second)
    },
    ContractCase(142, "memlock below i1's mappings: ATTACH → ENOMEM", [.n]) { host in
      let set = try Attaching(host, .n)
      let memory = try host.memory(pages: 32)
      try host.platform.withLess([.ipcLock], lockedMemory: 64 << 10) {
        try host.map(set.iommufd, set.first, memory, length: 128 << 10, at: 0x10_0000)
        try expect(.noMemory) { try host.attach(set.devices[0].descriptor, set.first) }
        try expect(
          try host.ranges(set.iommufd, set.first).list, equals: [0...(.max)], "ranges")
      }
    },
    ContractCase(143, "HWPT with a fault queue, device without PRI: ATTACH → ENODEV (VT-d)", [.n]) {
      host in
      let set = try Attaching(host, .n)
      let n = set.devices[0]
      let fault = try host.call(set.iommufd, IOMMU_FAULT_QUEUE_ALLOC, [16, 0, 0, 0])
      _ = host.adopt(Int32(bitPattern: fault[3]))
      var command: [UInt32] = [48, 4, n.identifier, set.first] + Array(repeating: 0, count: 8)
      command[10] = fault[2]
      let table = try host.call(set.iommufd, IOMMU_HWPT_ALLOC, command)[4]
      if try host.hardwareType(set.iommufd, n.identifier) == UInt32(IOMMU_HW_INFO_TYPE_INTEL_VTD) {
        try expect(.enodev) { try host.attach(n.descriptor, table) }
      } else {
        // AMD's driver does not look at the device.
        try host.attach(n.descriptor, table)
        try host.detach(n.descriptor)
      }
      try host.destroy(set.iommufd, table)
    },
    ContractCase(144, "ATS device in function reset: ATTACH its group-mate → EBUSY", [.e0, .e1]) {
      host in
      let set = try Attaching(host, .e1)
      try host.platform.withFunctionReset(of: host.address(.e0)) {
        try expect(.resourceBusy) { try host.attach(set.devices[0].descriptor, set.first) }
      }
      try host.attach(set.devices[0].descriptor, set.first)
    },
  ]
}
