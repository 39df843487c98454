internal import CLinux
internal import Glibc
internal import HostKernel
internal import SystemPackage

extension Contract {
  /// INTx: rows 327 to 341.
  static let lineInterrupts: [ContractCase] = [
    ContractCase(327, "R, INTx with an event → 0", [.r]) { host in
      _ = try enabled(host)
    },
    ContractCase(328, "R, INTx with -1 → 0, on without trigger", [.r]) { host in
      let r = try host.opened(.r)
      try host.setInterrupts(r, index: intx, flags: trigger, events: [-1])
      try expect(.invalidArgument, "MSI is another mode") {
        try host.setInterrupts(r, index: msi, flags: trigger, events: [-1])
      }
      try host.setInterrupts(r, index: intx, flags: trigger, events: [try host.event()])
      try host.setInterrupts(r, index: intx, flags: trigger, count: 0)
    },
    ContractCase(329, "R, INTx of no events → EINVAL", [.r]) { host in
      let r = try host.opened(.r)
      try expect(.invalidArgument) {
        try host.setInterrupts(r, index: intx, flags: trigger, events: [])
      }
    },
    ContractCase(330, "INTx on, the line rises → one signal, masked", [.r]) { host in
      try withLine(host) { _, event, drive in
        try drive(true)
        try expect(host.awaitSignals(event), equals: 1, "first")
        try drive(true)
        try expect(host.signals(event), equals: 0, "again")
      }
    },
    ContractCase("330b", "INTx masked by the kernel, line still up, UNMASK → one signal", [.r]) {
      host in
      try withLine(host) { r, event, drive in
        try drive(true)
        try expect(host.awaitSignals(event), equals: 1, "first")
        try host.setInterrupts(r, index: intx, flags: unmask, count: 1)
        try expect(host.awaitSignals(event), equals: 1, "after UNMASK")
        try expect(host.signals(event), equals: 0, "masked again")
      }
    },
    ContractCase(332, "INTx masked by the kernel, line down, UNMASK → nothing, armed", [.r]) {
      host in
      try withLine(host) { r, event, drive in
        try drive(true)
        try expect(host.awaitSignals(event), equals: 1, "first")
        try drive(false)
        try host.setInterrupts(r, index: intx, flags: unmask, count: 1)
        try expect(host.signals(event), equals: 0, "after UNMASK")
        try drive(true)
        try expect(host.awaitSignals(event), equals: 1, "the line rises again")
      }
    },
    ContractCase(333, "INTx on, MASK with 0 → no effect", [.r]) { host in
      try withLine(host) { r, event, drive in
        try host.setInterrupts(r, index: intx, flags: mask, switches: [0])
        try drive(true)
        try expect(host.awaitSignals(event), equals: 1)
      }
    },
    ContractCase("333b", "INTx on, MASK, the line rises, UNMASK → one signal then", [.r]) { host in
      try withLine(host) { r, event, drive in
        try host.setInterrupts(r, index: intx, flags: mask, switches: [1])
        try drive(true)
        try expect(host.signals(event), equals: 0, "while masked")
        try host.setInterrupts(r, index: intx, flags: unmask, switches: [1])
        try expect(host.awaitSignals(event), equals: 1, "after UNMASK")
      }
    },
    ContractCase(334, "INTx off, MASK or UNMASK → EINVAL", [.r]) { host in
      let r = try host.opened(.r)
      for action in [mask, unmask] {
        try expect(.invalidArgument) {
          try host.setInterrupts(r, index: intx, flags: action, count: 1)
        }
      }
    },
    ContractCase(335, "INTx on, two events to UNMASK → 0, EBUSY", [.r]) { host in
      let (r, _) = try enabled(host)
      let events = try host.events(2)
      try host.setInterrupts(r, index: intx, flags: unmask, events: [events[0]])
      try expect(.resourceBusy) {
        try host.setInterrupts(r, index: intx, flags: unmask, events: [events[1]])
      }
    },
    ContractCase("335b", "INTx on, line up, the event to UNMASK is signalled → again", [.r]) {
      host in
      try withLine(host) { r, event, drive in
        let unmasking = try host.event()
        try host.setInterrupts(r, index: intx, flags: unmask, events: [unmasking])
        try drive(true)
        for round in 0..<20 {
          try expect(host.awaitSignals(event), equals: 1, "round \(round)")
          EventDescriptor.signal(unmasking)
        }
      }
    },
    ContractCase(336, "INTx on, -1 to UNMASK → 0", [.r]) { host in
      let (r, _) = try enabled(host)
      try host.setInterrupts(r, index: intx, flags: unmask, events: [-1])
      let event = try host.event()
      try host.setInterrupts(r, index: intx, flags: unmask, events: [event])
      try host.setInterrupts(r, index: intx, flags: unmask, events: [-1])
      try host.setInterrupts(r, index: intx, flags: unmask, events: [event])
    },
    ContractCase("336b", "INTx on, the event to UNMASK is closed → another one is taken", [.r]) {
      host in
      let (r, _) = try enabled(host)
      do {
        let event = try EventDescriptor(on: host.kernel)
        try host.setInterrupts(r, index: intx, flags: unmask, events: [event.rawValue])
      }
      try host.setInterrupts(r, index: intx, flags: unmask, events: [try host.event()])
    },
    ContractCase(337, "INTx on, an event to MASK → ENOTTY", [.r]) { host in
      let (r, _) = try enabled(host)
      let event = try host.event()
      try expect(inappropriate) {
        try host.setInterrupts(r, index: intx, flags: mask, events: [event])
      }
    },
    ContractCase(338, "INTx on, INTx disabled in config, line and loopback → nothing", [.r]) {
      host in
      try withLine(host) { r, event, drive in
        try disableInterrupt(host, r, true)
        try drive(true)
        try host.setInterrupts(r, index: intx, flags: trigger, count: 1)
        try host.setInterrupts(r, index: intx, flags: unmask, count: 1)
        try expect(host.signals(event), equals: 0)
      }
    },
    ContractCase(339, "the same, INTx enabled in config → the pending one", [.r]) { host in
      try withLine(host) { r, event, drive in
        try disableInterrupt(host, r, true)
        try drive(true)
        try expect(host.signals(event), equals: 0, "while disabled")
        try disableInterrupt(host, r, false)
        try expect(host.awaitSignals(event), equals: 1, "when enabled")
      }
    },
    ContractCase(340, "INTx masked by the kernel, reading command → as the user wrote", [.r]) {
      host in
      try withLine(host) { r, event, drive in
        let command = try host.config(r, 4, width: 2)
        try drive(true)
        try expect(host.awaitSignals(event), equals: 1)
        try expect(try host.config(r, 4, width: 2), equals: command)
        try disableInterrupt(host, r, true)
        try expect(try host.config(r, 4, width: 2), equals: command | 0x400)
      }
    },
    ContractCase(341, "V0, enabling INTx → EINVAL", [.p, .v0]) { host in
      let v0 = try host.openedVirtual(.v0)
      let event = try host.event()
      try expect(.invalidArgument) {
        try host.setInterrupts(v0, index: intx, flags: trigger, events: [event])
      }
    },
    ContractCase("341b", "INTx on, loopback → signalled, not masked", [.r]) { host in
      try withLine(host) { r, event, drive in
        try host.setInterrupts(r, index: intx, flags: trigger, count: 1)
        try host.setInterrupts(r, index: intx, flags: trigger, switches: [1])
        try host.setInterrupts(r, index: intx, flags: trigger, switches: [0])
        try expect(host.signals(event), equals: 2)
        try drive(true)
        try expect(host.awaitSignals(event), equals: 1, "the line rises")
      }
    },
  ]

  /// R with INTx on, and its trigger.
  private static func enabled(_ host: ContractHost) throws -> (device: Int32, event: Int32) {
    let r = try host.opened(.r)
    let event = try host.event()
    try host.setInterrupts(r, index: intx, flags: trigger, events: [event])
    return (r, event)
  }

  /// Hands out R with INTx on, its trigger, and what drives its line, which is let down at the end.
  private static func withLine(
    _ host: ContractHost,
    _ body: (_ device: Int32, _ event: Int32, _ drive: (Bool) throws -> Void) throws -> Void
  ) throws {
    let (r, event) = try enabled(host)
    func drive(_ isUp: Bool) throws {
      try host.platform.setInterruptLine(of: host.address(.r), device: r, asserted: isUp)
    }
    defer { try? drive(false) }
    try body(r, event, drive)
  }

  /// INTx disable, a bit of the command register.
  private static func disableInterrupt(
    _ host: ContractHost, _ device: Int32, _ isDisabled: Bool
  ) throws {
    let command = try host.config(device, 4, width: 2)
    try host.setConfig(device, 4, isDisabled ? command | 0x400 : command & ~0x400, width: 2)
  }
}
