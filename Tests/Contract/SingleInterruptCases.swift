internal import CLinux
internal import SystemPackage

extension Contract {
  /// ERR and REQ: rows 342 to 349. Both answer alike.
  static let singleInterrupts: [ContractCase] = [
    ContractCase(342, "REQ with an event, loopback → 0, signalled", [.n]) { host in
      try forEach(host) { n, index in
        let event = try host.event()
        try host.setInterrupts(n, index: index, flags: trigger, events: [event])
        try host.setInterrupts(n, index: index, flags: trigger, count: 1)
        try expect(host.signals(event), equals: 1, "NONE")
        try host.setInterrupts(n, index: index, flags: trigger, switches: [1])
        try host.setInterrupts(n, index: index, flags: trigger, switches: [0])
        try expect(host.signals(event), equals: 1, "BOOL")
      }
    },
    ContractCase("342b", "REQ with an event, another, NONE count 0 → replaced, cleared", [.n]) {
      host in
      try forEach(host) { n, index in
        let events = try host.events(2)
        for event in events {
          try host.setInterrupts(n, index: index, flags: trigger, events: [event])
        }
        try host.setInterrupts(n, index: index, flags: trigger, count: 1)
        try expect(events.map { host.signals($0) }, equals: [0, 1], "replaced")
        try host.setInterrupts(n, index: index, flags: trigger, count: 0)
        try expect(.invalidArgument, "cleared") {
          try host.setInterrupts(n, index: index, flags: trigger, count: 1)
        }
      }
    },
    ContractCase(344, "REQ without event, NONE count 0 or 1 → EINVAL", [.n]) { host in
      try forEach(host) { n, index in
        for count in [0, 1] as [UInt32] {
          try expect(.invalidArgument, "count \(count)") {
            try host.setInterrupts(n, index: index, flags: trigger, count: count)
          }
        }
      }
    },
    ContractCase("344b", "REQ, BOOL or EVENTFD of none → EINVAL", [.n]) { host in
      try forEach(host) { n, index in
        try expect(.invalidArgument, "BOOL") {
          try host.setInterrupts(n, index: index, flags: trigger, switches: [])
        }
        try expect(.invalidArgument, "EVENTFD") {
          try host.setInterrupts(n, index: index, flags: trigger, events: [])
        }
      }
    },
    ContractCase(345, "REQ without event, BOOL 1 → 0", [.n]) { host in
      try forEach(host) { n, index in
        try host.setInterrupts(n, index: index, flags: trigger, switches: [1])
      }
    },
    ContractCase(346, "REQ without event, EVENTFD -1 → 0", [.n]) { host in
      try forEach(host) { n, index in
        try host.setInterrupts(n, index: index, flags: trigger, events: [-1])
      }
    },
    ContractCase(347, "REQ, EVENTFD -2 → EINVAL", [.n]) { host in
      try forEach(host) { n, index in
        try expect(.invalidArgument) {
          try host.setInterrupts(n, index: index, flags: trigger, events: [-2])
        }
      }
    },
    ContractCase(348, "REQ, MASK → ENOTTY", [.n]) { host in
      try forEach(host) { n, index in
        for action in [mask, unmask] {
          try expect(inappropriate) {
            try host.setInterrupts(n, index: index, flags: action, count: 1)
          }
        }
      }
    },
    ContractCase(349, "REQ, a bad number, a file that is no eventfd → EBADF, EINVAL", [.n]) {
      host in
      let file = try host.regularFile()
      try forEach(host) { n, index in
        try expect(.badFileDescriptor) {
          try host.setInterrupts(
            n, index: index, flags: trigger, events: [host.closedDescriptor])
        }
        try expect(.invalidArgument) {
          try host.setInterrupts(n, index: index, flags: trigger, events: [file])
        }
      }
    },
  ]

  /// Has N answer for REQ, and for ERR.
  private static func forEach(
    _ host: ContractHost, _ body: (_ device: Int32, _ index: Int32) throws -> Void
  ) throws {
    let n = try host.opened(.n)
    for index in [req, err] { try body(n, index) }
  }
}
