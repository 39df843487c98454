internal import CLinux
internal import HostKernel
internal import SystemPackage

extension Contract {
  /// Section 12.11.
  static let interrupts = ContractSection(
    "12.11", "Interrupts", interruptRequests + messageInterrupts + lineInterrupts + singleInterrupts
  )

  static let intx = VFIO_PCI_INTX_IRQ_INDEX
  static let msi = VFIO_PCI_MSI_IRQ_INDEX
  static let msix = VFIO_PCI_MSIX_IRQ_INDEX
  static let err = VFIO_PCI_ERR_IRQ_INDEX
  static let req = VFIO_PCI_REQ_IRQ_INDEX
  static let trigger = VFIO_IRQ_SET_ACTION_TRIGGER
  static let mask = VFIO_IRQ_SET_ACTION_MASK
  static let unmask = VFIO_IRQ_SET_ACTION_UNMASK
  static let inappropriate = Errno.inappropriateIOCTLForDevice

  /// What calls look like: rows 289 to 304 and 326.
  private static let interruptRequests: [ContractCase] = [
    ContractCase(289, "IRQ_INFO 0 to 4 → flags 7, 9, 1 or 9, 9, 9", [.n]) { host in
      let n = try host.opened(.n)
      let flags = try (0..<5).map { try host.interrupt(n, $0).flags }
      try expect([[7, 9, 1, 9, 9], [7, 9, 9, 9, 9]].contains(flags), "flags \(flags)")
      try expect(try host.interrupt(n, err).count, equals: 1, "ERR")
      try expect(try host.interrupt(n, req).count, equals: 1, "REQ")
    },
    ContractCase("289b", "IRQ_INFO → counts of the capabilities and the pin", [.n]) { host in
      let n = try host.opened(.n)
      let table = try host.config(n, try host.require(n, .msix) + 2, width: 2) & 0x7FF + 1
      try expect(UInt64(try host.interrupt(n, msix).count), equals: table, "MSI-X")
      let pin = try host.config(n, 0x3D, width: 1)
      try expect(try host.interrupt(n, intx).count, equals: pin == 0 ? 0 : 1, "INTx")
      let messages = try host.capability(n, .msi).map { offset in
        1 << UInt32(try host.config(n, offset + 2, width: 2) >> 1 & 7) as UInt32
      }
      try expect(try host.interrupt(n, msi).count, equals: messages ?? 0, "MSI")
    },
    ContractCase(290, "no MSI-X, IRQ_INFO 2 → flags 9, count 0", []) { host in
      let (_, device) = try host.firstBound(of: [.r, .b1, .b0], "no MSI-X") {
        try host.capability($0, .msix) == nil
      }
      let information = try host.interrupt(device, msix)
      try expect(information.flags, equals: 9, "flags")
      try expect(information.count, equals: 0, "count")
    },
    ContractCase(291, "B0 without PCI Express, IRQ_INFO 3 → EINVAL", [.b0]) { host in
      let b0 = try host.opened(.b0)
      try expect(.invalidArgument) { _ = try host.interrupt(b0, err) }
    },
    ContractCase(292, "argsz 19 → EINVAL", [.n]) { host in
      try expectRefused(host, .invalidArgument, [19, 0x21, 4, 0, 1])
    },
    ContractCase("292b", "20 bytes unreadable → EFAULT", [.n]) { host in
      let n = try host.opened(.n)
      try expect(.badAddress) { try host.call(n, VFIO_DEVICE_SET_IRQS, value: 0) }
    },
    ContractCase(293, "index 5 → EINVAL", [.n]) { host in
      try expectRefused(host, .invalidArgument, [20, 0x21, 5, 0, 1])
    },
    ContractCase(294, "NONE and BOOL, no kind of data → EINVAL", [.n]) { host in
      try expectRefused(host, .invalidArgument, [20, 0x23, 4, 0, 1])
      try expectRefused(host, .invalidArgument, [20, 0x20, 4, 0, 1])
    },
    ContractCase(296, "TRIGGER and MASK, no action → ENOTTY", [.n]) { host in
      try expectRefused(host, inappropriate, [20, 0x29, 4, 0, 1])
      try expectRefused(host, inappropriate, [20, 0x01, 4, 0, 1])
    },
    ContractCase(297, "unknown flag 0x40 → EINVAL", [.n]) { host in
      try expectRefused(host, .invalidArgument, [20, 0x61, 4, 0, 1])
    },
    ContractCase(298, "MSI-X of n vectors, start n, count 0 → EINVAL", [.n]) { host in
      let count = try host.interrupt(host.opened(.n), msix).count
      host.closeAll()
      try expectRefused(host, .invalidArgument, [20, 0x21, 2, count, 0])
    },
    ContractCase(299, "start 0, count n+1 → EINVAL", [.n]) { host in
      let count = try host.interrupt(host.opened(.n), msix).count
      host.closeAll()
      try expectRefused(host, .invalidArgument, [20, 0x21, 2, 0, count + 1])
      try expectRefused(host, .invalidArgument, [20, 0x21, 2, 1, .max - 1])
    },
    ContractCase(300, "two events, room for one → EINVAL", [.n]) { host in
      try expectRefused(host, .invalidArgument, [24, 0x24, 2, 0, 2, 0])
    },
    ContractCase(301, "events unreadable → EFAULT", [.n]) { host in
      let n = try host.opened(.n)
      let page = try host.kernel.map(MappingRequest(descriptor: nil, length: 8192))
      host.kernel.unmap(address: page + 4096, length: 4096)
      defer { host.kernel.unmap(address: page, length: 4096) }
      let start = UInt64(page) + 4096 - 20
      for (index, word) in [28, 0x24, 2, 0, 2].enumerated() {
        try host.setWord(UInt32(word), at: start + UInt64(4 * index))
      }
      try expect(.badAddress) { try host.call(n, VFIO_DEVICE_SET_IRQS, value: UInt(start)) }
    },
    ContractCase(302, "an index of count 0, any call → EINVAL", []) { host in
      let (device, index) = try emptyIndex(host)
      try expect(.invalidArgument, "disable") {
        try host.setInterrupts(device, index: index, flags: trigger, count: 0)
      }
      let event = try host.event()
      try expect(.invalidArgument, "enable") {
        try host.setInterrupts(device, index: index, flags: trigger, events: [event])
      }
    },
    ContractCase(303, "nothing enabled, disabling → EINVAL", [.n]) { host in
      let n = try host.opened(.n)
      for index in [intx, msi, msix] {
        try expect(.invalidArgument, "index \(index)") {
          try host.setInterrupts(n, index: index, flags: trigger, count: 0)
        }
      }
    },
    ContractCase(304, "MSI-X, MASK or UNMASK → ENOTTY", [.n]) { host in
      let n = try host.opened(.n)
      for action in [mask, unmask] {
        try expect(inappropriate) {
          try host.setInterrupts(n, index: msix, flags: action, count: 1)
        }
      }
    },
    ContractCase(326, "an index of count 0, no action → EINVAL: range before action", []) { host in
      let (device, index) = try emptyIndex(host)
      try expect(.invalidArgument) {
        try host.setInterrupts(device, index: index, flags: 0, count: 0)
      }
    },
  ]

  private static func expectRefused(
    _ host: ContractHost, _ error: Errno, _ words: [UInt32],
    file: StaticString = #fileID, line: UInt = #line
  ) throws {
    let n = try host.opened(.n)
    defer { host.close(n) }
    try expect(error, file: file, line: line) {
      try host.call(n, VFIO_DEVICE_SET_IRQS, words)
    }
  }

  /// A device and an index that it has nothing of.
  private static func emptyIndex(_ host: ContractHost) throws -> (device: Int32, index: Int32) {
    let indices = [msix, msi, intx]
    let (_, device) = try host.firstBound(of: [.r, .b0, .b1, .n], "an index of count 0") { device in
      try indices.contains { try host.interrupt(device, $0).count == 0 }
    }
    let index = try indices.first { try host.interrupt(device, $0).count == 0 }
    return (device, index ?? msix)
  }
}
