internal import CLinux
internal import HostKernel
internal import SystemPackage

extension Contract {
  /// MSI and MSI-X: rows 305 to 325.
  static let messageInterrupts: [ContractCase] = [
    ContractCase(305, "nothing enabled, MSI-X of three events → 0, enable bit set", [.n]) { host in
      let n = try host.opened(.n)
      try enable(host, n, try host.events(3))
      try expect(try isMSIXOn(host, n), equals: true)
    },
    ContractCase(306, "nothing enabled, MSI-X of no vector → ERANGE", [.n]) { host in
      let n = try host.opened(.n)
      try expect(.outOfRange) { try enable(host, n, []) }
    },
    ContractCase("306b", "nothing enabled, MSI-X start 2, count 0 → 0, no triggers", [.n]) { host in
      let n = try host.opened(.n)
      try host.setInterrupts(n, index: msix, flags: trigger, start: 2, events: [])
      try expect(try isMSIXOn(host, n), equals: true)
    },
    ContractCase(308, "nothing enabled, MSI-X of -1 → 0, enabled", [.n]) { host in
      let n = try host.opened(.n)
      try enable(host, n, [-1])
      try expect(try isMSIXOn(host, n), equals: true)
    },
    ContractCase(309, "MSI-X on, enabling MSI or INTx → EINVAL") { host in
      let device = try withBoth(host)
      let event = try host.event()
      try enable(host, device, [event])
      for index in [msi, intx] {
        try expect(.invalidArgument, "index \(index)") {
          try host.setInterrupts(device, index: index, flags: trigger, events: [event])
        }
      }
    },
    ContractCase(310, "MSI-X on, disabling MSI → EINVAL") { host in
      let device = try withBoth(host)
      try enable(host, device, [try host.event()])
      try expect(.invalidArgument) {
        try host.setInterrupts(device, index: msi, flags: trigger, count: 0)
      }
      try expect(try isMSIXOn(host, device), equals: true, "MSI-X")
    },
    ContractCase(311, "MSI-X on, disabling MSI-X → 0, enable bit clear", [.n]) { host in
      let n = try host.opened(.n)
      try enable(host, n, [try host.event()])
      try host.setInterrupts(n, index: msix, flags: trigger, count: 0)
      try expect(try isMSIXOn(host, n), equals: false)
    },
    ContractCase(312, "dynamic MSI-X on with a vector, another beyond it → 0", [.n]) { host in
      let n = try host.opened(.n)
      guard try host.interrupt(n, msix).flags == 1 else {
        throw ContractSkip("vectors of N cannot be added while MSI-X is on")
      }
      let events = try host.events(2)
      try enable(host, n, [events[0]])
      try host.setInterrupts(n, index: msix, flags: trigger, start: 3, events: [events[1]])
      try host.setInterrupts(n, index: msix, flags: trigger, start: 3, count: 1)
      try expect(host.signals(events[1]), equals: 1, "loopback")
    },
    ContractCase(313, "MSI on with a vector, another beyond it → EINVAL", [.q]) { host in
      let q = try host.opened(.q)
      let event = try host.event()
      try host.setInterrupts(q, index: msi, flags: trigger, events: [event])
      try expect(.invalidArgument) {
        try host.setInterrupts(q, index: msi, flags: trigger, start: 1, events: [event])
      }
    },
    ContractCase(314, "MSI-X on, no events → 0, no effect", [.n]) { host in
      let n = try host.opened(.n)
      let event = try host.event()
      try enable(host, n, [event])
      try enable(host, n, [])
      try host.setInterrupts(n, index: msix, flags: trigger, count: 1)
      try expect(host.signals(event), equals: 1, "loopback")
    },
    ContractCase(315, "vectors 0 to 2 set, good and bad event from 0 → EBADF, only 2 kept", [.n]) {
      host in
      let n = try host.opened(.n)
      let events = try host.events(3)
      try enable(host, n, events)
      try expect(.badFileDescriptor) { try enable(host, n, [events[0], host.closedDescriptor]) }
      try host.setInterrupts(n, index: msix, flags: trigger, count: 3)
      try expect(events.map { host.signals($0) }, equals: [0, 0, 1], "loopback")
    },
    ContractCase(316, "nothing enabled, an event and a file → EINVAL, all off", [.n]) { host in
      let n = try host.opened(.n)
      let event = try host.event()
      let file = try host.regularFile()
      try expect(.invalidArgument) { try enable(host, n, [event, file]) }
      try expect(try isMSIXOn(host, n), equals: false)
      try expect(.invalidArgument, "disabling") {
        try host.setInterrupts(n, index: msix, flags: trigger, count: 0)
      }
    },
    ContractCase(317, "MSI-X on, loopback of a vector → signalled", [.n]) { host in
      let n = try host.opened(.n)
      let events = try host.events(2)
      try enable(host, n, events)
      try host.setInterrupts(n, index: msix, flags: trigger, start: 1, count: 1)
      try expect(events.map { host.signals($0) }, equals: [0, 1], "NONE")
      try host.setInterrupts(n, index: msix, flags: trigger, switches: [1, 0])
      try expect(events.map { host.signals($0) }, equals: [1, 0], "BOOL")
    },
    ContractCase(318, "MSI-X on, loopback of an empty vector → 0, nothing", [.n]) { host in
      let n = try host.opened(.n)
      let event = try host.event()
      try enable(host, n, [event, -1])
      try host.setInterrupts(n, index: msix, flags: trigger, start: 1, count: 1)
      try expect(host.signals(event), equals: 0)
    },
    ContractCase("318b", "closing the event that was given → still signalled", [.n]) { host in
      let n = try host.opened(.n)
      let given = try host.event()
      let kept = host.adopt(clinux_dup(given))
      try enable(host, n, [given])
      host.close(given)
      try host.setInterrupts(n, index: msix, flags: trigger, count: 1)
      try expect(host.signals(kept), equals: 1)
    },
    ContractCase(320, "no interrupt remapping, four of sixteen MSI → 1, nothing enabled", [.u]) {
      host in
      try host.platform.setParameter("allow_unsafe_interrupts", of: "iommufd", to: true)
      let u = try host.opened(.u)
      guard try host.interrupt(u, msi).count >= 4 else {
        throw ContractSkip("U has fewer than four MSI messages")
      }
      let events = try host.events(4)
      try expect(
        try host.setInterrupts(u, index: msi, flags: trigger, events: events), equals: 1)
      try expect(.invalidArgument, "disabling") {
        try host.setInterrupts(u, index: msi, flags: trigger, count: 0)
      }
      try host.setInterrupts(u, index: msi, flags: trigger, events: [events[0]])
    },
    ContractCase(321, "interrupt remapping, sixteen of sixteen MSI → 0", [.q]) { host in
      let q = try host.opened(.q)
      try expect(try host.interrupt(q, msi).count, equals: 16, "messages")
      let events = try host.events(16)
      try expect(
        try host.setInterrupts(q, index: msi, flags: trigger, events: events), equals: 0)
      try host.setInterrupts(q, index: msi, flags: trigger, count: 16)
      try expect(events.allSatisfy { host.signals($0) == 1 }, "loopback")
    },
    ContractCase(322, "MSI on, control never written → enable bit reads 0", []) { host in
      let (device, offset) = try withMSI(host)
      try host.setInterrupts(device, index: msi, flags: trigger, events: [try host.event()])
      try expect(try host.config(device, offset + 2, width: 2) & 1, equals: 0)
    },
    ContractCase(323, "MSI on, enable written, MSI off → enable bit still reads 1", []) { host in
      let (device, offset) = try withMSI(host)
      try host.setInterrupts(device, index: msi, flags: trigger, events: [try host.event()])
      try host.setConfig(device, offset + 2, 1, width: 1)
      try host.setInterrupts(device, index: msi, flags: trigger, count: 0)
      try expect(try host.config(device, offset + 2, width: 2) & 1, equals: 1)
    },
    ContractCase(324, "MSI on with a vector, control 0x71 → 0x01", []) { host in
      let (device, offset) = try withMSI(host)
      try host.setInterrupts(device, index: msi, flags: trigger, events: [try host.event()])
      try host.setConfig(device, offset + 2, 0x71, width: 1)
      try expect(try host.config(device, offset + 2, width: 1), equals: 0x01)
    },
    ContractCase(325, "MSI on with a vector, -1 at vector 5 → 0", [.q]) { host in
      let q = try host.opened(.q)
      try host.setInterrupts(q, index: msi, flags: trigger, events: [try host.event()])
      try host.setInterrupts(q, index: msi, flags: trigger, start: 5, events: [-1])
    },
  ]

  /// Enables or changes MSI-X from vector 0 on.
  private static func enable(
    _ host: ContractHost, _ device: Int32, _ events: [Int32]
  ) throws(Errno) {
    try host.setInterrupts(device, index: msix, flags: trigger, events: events)
  }

  private static func isMSIXOn(_ host: ContractHost, _ device: Int32) throws -> Bool {
    let offset = try host.require(device, .msix)
    return try host.config(device, offset + 2, width: 2) & 0x8000 != 0
  }

  /// A device with MSI and MSI-X.
  private static func withBoth(_ host: ContractHost) throws -> Int32 {
    try host.firstBound(of: functions, "both MSI and MSI-X") { device in
      try host.interrupt(device, msi).count > 0 && host.interrupt(device, msix).count > 0
    }.device
  }

  /// A device with MSI, and where its capability is.
  private static func withMSI(_ host: ContractHost) throws -> (device: Int32, offset: Int) {
    let (_, device) = try host.firstBound(of: functions, "MSI") {
      try host.capability($0, .msi) != nil
    }
    return (device, try host.require(device, .msi))
  }
}
