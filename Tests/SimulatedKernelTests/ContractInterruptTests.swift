import CLinux
import Glibc
import HostKernel
import PCI
import SimulatedKernel
import SystemPackage
import Testing

/// Section 12.11 of the contract.
@Suite("Contract: interrupts")
struct ContractInterruptTests {
  @Test("shape", arguments: shape)
  func shapeRow(_ row: ContractCase) throws { try row.run() }

  @Test("MSI and MSI-X", arguments: messages)
  func messageRow(_ row: ContractCase) throws { try row.run() }

  @Test("INTx, error and request", arguments: lines)
  func lineRow(_ row: ContractCase) throws { try row.run() }

  @Test("320: without interrupt remapping MSI has one vector")
  func oneVector() throws {
    let host = try ContractHost { $0.iommufdAllowsUnsafeInterrupts = true }
    let m = try host.bound(ContractHost.m, try host.iommufd()).descriptor
    let events = try (0..<4).map { _ in try host.event() }
    #expect(try host.setInterrupts(m, index: msi, flags: trigger, events: events) == 1)
    expect(.invalidArgument) { try host.setInterrupts(m, index: msi, flags: trigger, count: 0) }
    try host.setInterrupts(m, index: msi, flags: trigger, events: [events[0]])
  }

  @Test("an eventfd unmasks INTx from another thread")
  func unmaskByEvent() throws {
    let host = try ContractHost()
    let r = try host.bound(ContractHost.r, try host.iommufd()).descriptor
    let fired = try host.event()
    let unmask = try host.event()
    try host.setInterrupts(r, index: intx, flags: trigger, events: [fired])
    try host.setInterrupts(
      r, index: intx, flags: VFIO_IRQ_SET_ACTION_UNMASK, events: [unmask])
    try host.kernel.setInterruptLine(of: ContractHost.r, asserted: true)
    #expect(EventDescriptor.drain(fired))
    for _ in 0..<50 {
      EventDescriptor.signal(unmask)
      var waiting = pollfd(fd: fired, events: Int16(POLLIN), revents: 0)
      #expect(unsafe poll(&waiting, 1, 10_000) == 1)
      #expect(EventDescriptor.drain(fired))
    }
  }

  static let intx = VFIO_PCI_INTX_IRQ_INDEX
  static let msi = VFIO_PCI_MSI_IRQ_INDEX
  static let msix = VFIO_PCI_MSIX_IRQ_INDEX
  static let err = VFIO_PCI_ERR_IRQ_INDEX
  static let req = VFIO_PCI_REQ_IRQ_INDEX
  static let trigger = VFIO_IRQ_SET_ACTION_TRIGGER
  static let mask = VFIO_IRQ_SET_ACTION_MASK
  static let unmask = VFIO_IRQ_SET_ACTION_UNMASK
  private var intx: Int32 { Self.intx }
  private var msi: Int32 { Self.msi }
  private var trigger: Int32 { Self.trigger }

  static func open(_ host: ContractHost, _ address: PCIAddress) throws -> Int32 {
    try host.bound(address, try host.iommufd()).descriptor
  }

  static let shape: [ContractCase] = [
    ContractCase(289, "IRQ_INFO of all; 290 without MSI-X; 291 ERR without PCIe") { host in
      func infos(_ address: PCIAddress, _ indices: Range<UInt32>) throws -> [[UInt32]] {
        let device = try open(host, address)
        return try indices.map {
          Array(try host.call(device, VFIO_DEVICE_GET_IRQ_INFO, [16, 0, $0, 0])[1...3])
        }
      }
      #expect(
        try infos(ContractHost.n, 0..<5) == [
          [7, 0, 1], [9, 1, 4], [1, 2, 65], [9, 3, 1], [9, 4, 1],
        ])
      #expect(try infos(ContractHost.r, 0..<3) == [[7, 0, 1], [9, 1, 1], [9, 2, 0]])
      let b0 = try open(host, ContractHost.b0)
      expect(.invalidArgument) {
        try host.call(b0, VFIO_DEVICE_GET_IRQ_INFO, [16, 0, 3, 0])
      }
    },
    ContractCase(292, "argsz 19; 293 index 5; 294 two kinds; 296 two actions; 297 unknown flag") {
      host in
      let n = try open(host, ContractHost.n)
      func set(_ words: [UInt32]) throws { try host.call(n, VFIO_DEVICE_SET_IRQS, words) }
      expect(.badAddress) { try host.call(n, VFIO_DEVICE_SET_IRQS, value: 0) }
      expect(.invalidArgument) { try set([19, 0x21, 4, 0, 1]) }
      expect(.invalidArgument) { try set([20, 0x21, 5, 0, 1]) }
      expect(.invalidArgument) { try set([20, 0x23, 4, 0, 1]) }
      expect(.invalidArgument) { try set([20, 0x20, 4, 0, 1]) }
      expect(Errno(rawValue: 25)) { try set([20, 0x29, 4, 0, 1]) }
      expect(Errno(rawValue: 25)) { try set([20, 0x01, 4, 0, 1]) }
      expect(.invalidArgument) { try set([20, 0x61, 4, 0, 1]) }
      expect(.invalidArgument) { try set([20, 0x21, 4, 1, .max - 1]) }
    },
    ContractCase(298, "start at the end; 299 too many; 300 no room; 301 unreadable; 302") { host in
      let n = try open(host, ContractHost.n)
      func set(_ words: [UInt32]) throws { try host.call(n, VFIO_DEVICE_SET_IRQS, words) }
      expect(.invalidArgument) { try set([20, 0x21, 2, 65, 0]) }
      expect(.invalidArgument) { try set([20, 0x21, 2, 0, 66]) }
      expect(.invalidArgument) { try set([24, 0x24, 2, 0, 2, 0]) }
      expect(.badAddress) { try set([28, 0x24, 2, 0, 2, 0]) }
      let r = try open(host, ContractHost.r)
      expect(.invalidArgument) { try host.setInterrupts(r, index: msix, flags: 0, count: 0) }
      expect(.invalidArgument) {
        try host.call(r, VFIO_DEVICE_SET_IRQS, [20, 1, 2, 0, 0])
      }
    },
    ContractCase(303, "disabling nothing; 304 masking MSI-X") { host in
      let n = try open(host, ContractHost.n)
      for index in [intx, msi, msix] {
        expect(.invalidArgument) {
          try host.setInterrupts(n, index: index, flags: trigger, count: 0)
        }
      }
      for action in [mask, unmask] {
        expect(Errno(rawValue: 25)) {
          try host.setInterrupts(n, index: msix, flags: action, count: 1)
        }
      }
    },
  ]

  static let messages: [ContractCase] = [
    ContractCase(305, "enabling sets the bit; 309, 310 no other mode; 311 disabling clears it") {
      host in
      let n = try open(host, ContractHost.n)
      let events = try (0..<3).map { _ in try host.event() }
      try host.setInterrupts(n, index: msix, flags: trigger, events: events)
      #expect(try host.config(n, 0x42, width: 2) == 0x8040)
      for index in [msi, intx] {
        expect(.invalidArgument) {
          try host.setInterrupts(n, index: index, flags: trigger, events: [events[0]])
        }
      }
      expect(.invalidArgument) { try host.setInterrupts(n, index: msi, flags: trigger, count: 0) }
      try host.setInterrupts(n, index: msix, flags: trigger, count: 0)
      #expect(try host.config(n, 0x42, width: 2) == 0x0040)
    },
    ContractCase(306, "enabling no vector; 308 only -1; 312 adding one; 314 count 0") { host in
      let n = try open(host, ContractHost.n)
      expect(.outOfRange) { try host.setInterrupts(n, index: msix, flags: trigger, events: []) }
      try host.setInterrupts(n, index: msix, flags: trigger, events: [-1])
      #expect(try host.config(n, 0x42, width: 2) == 0x8040)
      let event = try host.event()
      try host.setInterrupts(n, index: msix, flags: trigger, start: 3, events: [event])
      try host.setInterrupts(n, index: msix, flags: trigger, events: [])
      try host.kernel.raiseInterrupt(of: ContractHost.n, vector: 3)
      #expect(EventDescriptor.drain(event))
    },
    ContractCase(313, "MSI does not grow; 325 but takes -1 anywhere; 321 all with remapping") {
      host in
      let n = try open(host, ContractHost.n)
      let event = try host.event()
      try host.setInterrupts(n, index: msi, flags: trigger, events: [event])
      expect(.invalidArgument) {
        try host.setInterrupts(n, index: msi, flags: trigger, start: 1, events: [event])
      }
      try host.setInterrupts(n, index: msi, flags: trigger, start: 3, events: [-1])
      let p = try open(host, ContractHost.p)
      let events = try (0..<16).map { _ in try host.event() }
      #expect(try host.setInterrupts(p, index: msi, flags: trigger, events: events) == 0)
    },
    ContractCase(315, "a bad descriptor clears up to itself") { host in
      let n = try open(host, ContractHost.n)
      let events = try (0..<3).map { _ in try host.event() }
      try host.setInterrupts(n, index: msix, flags: trigger, events: events)
      expect(.badFileDescriptor) {
        try host.setInterrupts(n, index: msix, flags: trigger, events: [events[0], 4095])
      }
      try host.setInterrupts(n, index: msix, flags: trigger, count: 3)
      #expect(events.map { EventDescriptor.drain($0) } == [false, false, true])
    },
    ContractCase(316, "a bad descriptor while enabling turns all off") { host in
      let n = try open(host, ContractHost.n)
      let event = try host.event()
      expect(.invalidArgument) {
        try host.setInterrupts(n, index: msix, flags: trigger, events: [event, n])
      }
      #expect(try host.config(n, 0x42, width: 2) == 0x0040)
      try host.setInterrupts(n, index: msi, flags: trigger, events: [event])
    },
    ContractCase(317, "loopback; 318 an empty vector; switches") { host in
      let n = try open(host, ContractHost.n)
      let events = try (0..<2).map { _ in try host.event() }
      try host.setInterrupts(n, index: msix, flags: trigger, events: events + [-1])
      try host.setInterrupts(n, index: msix, flags: trigger, count: 1)
      #expect(events.map { EventDescriptor.drain($0) } == [true, false])
      try host.setInterrupts(n, index: msix, flags: trigger, start: 2, count: 1)
      try host.setInterrupts(n, index: msix, flags: trigger, switches: [0, 1])
      #expect(events.map { EventDescriptor.drain($0) } == [false, true])
    },
    ContractCase(322, "MSI control is the user's; 323 after disabling; 324 clipped") { host in
      let n = try open(host, ContractHost.n)
      let event = try host.event()
      try host.setInterrupts(n, index: msi, flags: trigger, events: [event])
      #expect(try host.config(n, 0xC2, width: 1) & 1 == 0)
      try host.setConfig(n, 0xC2, 0x71, width: 1)
      #expect(try host.config(n, 0xC2, width: 1) == 0x01)
      try host.setInterrupts(n, index: msi, flags: trigger, count: 0)
      #expect(try host.config(n, 0xC2, width: 1) == 0x01)
    },
    ContractCase(nil, "a trigger outlives the descriptor that was given") { host in
      let n = try open(host, ContractHost.n)
      let given = try host.event()
      let kept = clinux_dup(given)
      try host.setInterrupts(n, index: msix, flags: trigger, events: [given])
      host.close(given)
      try host.kernel.raiseInterrupt(of: ContractHost.n, vector: 0)
      #expect(EventDescriptor.drain(kept))
      _ = clinux_close(kept)
    },
  ]

  static let lines: [ContractCase] = [
    ContractCase(327, "INTx on; 328 without trigger; 329 count 0") { host in
      let r = try open(host, ContractHost.r)
      expect(.invalidArgument) {
        try host.setInterrupts(r, index: intx, flags: trigger, events: [])
      }
      try host.setInterrupts(r, index: intx, flags: trigger, events: [-1])
      try host.setInterrupts(r, index: intx, flags: trigger, events: [try host.event()])
      try host.setInterrupts(r, index: intx, flags: trigger, count: 0)
    },
    ContractCase(330, "one signal for an assertion; unmask while asserted; 332 after it") { host in
      let r = try open(host, ContractHost.r)
      let event = try host.event()
      try host.setInterrupts(r, index: intx, flags: trigger, events: [event])
      func drive(_ level: Bool) throws {
        try host.kernel.setInterruptLine(of: ContractHost.r, asserted: level)
      }
      try drive(true)
      try drive(true)
      #expect(count(event) == 1)
      try host.setInterrupts(r, index: intx, flags: unmask, count: 1)
      #expect(count(event) == 1)
      try drive(false)
      try host.setInterrupts(r, index: intx, flags: unmask, count: 1)
      #expect(count(event) == 0)
      try drive(true)
      #expect(count(event) == 1)
    },
    ContractCase(333, "MASK with 0; 334 INTx off; 335 UNMASK by eventfd; 336 removing; 337") {
      host in
      let r = try open(host, ContractHost.r)
      for action in [mask, unmask] {
        expect(.invalidArgument) { try host.setInterrupts(r, index: intx, flags: action, count: 1) }
      }
      let event = try host.event()
      try host.setInterrupts(r, index: intx, flags: trigger, events: [event])
      try host.setInterrupts(r, index: intx, flags: mask, switches: [0])
      try host.kernel.setInterruptLine(of: ContractHost.r, asserted: true)
      #expect(count(event) == 1)
      let other = try host.event()
      try host.setInterrupts(r, index: intx, flags: unmask, events: [other])
      expect(.resourceBusy) {
        try host.setInterrupts(r, index: intx, flags: unmask, events: [other])
      }
      try host.setInterrupts(r, index: intx, flags: unmask, events: [-1])
      try host.setInterrupts(r, index: intx, flags: unmask, events: [-1])
      expect(Errno(rawValue: 25)) {
        try host.setInterrupts(r, index: intx, flags: mask, events: [other])
      }
    },
    ContractCase(338, "DisINTx silences all; 339 clearing delivers; 340 reads as written") { host in
      let r = try open(host, ContractHost.r)
      let event = try host.event()
      try host.setInterrupts(r, index: intx, flags: trigger, events: [event])
      try host.setConfig(r, 4, 0x403, width: 2)
      try host.kernel.setInterruptLine(of: ContractHost.r, asserted: true)
      try host.setInterrupts(r, index: intx, flags: trigger, count: 1)
      try host.setInterrupts(r, index: intx, flags: unmask, count: 1)
      #expect(count(event) == 0)
      try host.setConfig(r, 4, 3, width: 2)
      #expect(count(event) == 1)
      #expect(try host.config(r, 4, width: 2) == 3)
    },
    ContractCase(342, "REQ; 344 to 349 its other calls; ERR") { host in
      let n = try open(host, ContractHost.n)
      for index in [req, err] {
        expect(.invalidArgument) {
          try host.setInterrupts(n, index: index, flags: trigger, count: 0)
        }
        expect(.invalidArgument) {
          try host.setInterrupts(n, index: index, flags: trigger, count: 1)
        }
        try host.setInterrupts(n, index: index, flags: trigger, switches: [1])
        try host.setInterrupts(n, index: index, flags: trigger, events: [-1])
        expect(.invalidArgument) {
          try host.setInterrupts(n, index: index, flags: trigger, events: [-2])
        }
        expect(Errno(rawValue: 25)) {
          try host.setInterrupts(n, index: index, flags: mask, count: 1)
        }
        expect(.badFileDescriptor) {
          try host.setInterrupts(n, index: index, flags: trigger, events: [4095])
        }
        expect(.invalidArgument) {
          try host.setInterrupts(n, index: index, flags: trigger, events: [n])
        }
        let event = try host.event()
        try host.setInterrupts(n, index: index, flags: trigger, events: [event])
        try host.setInterrupts(n, index: index, flags: trigger, count: 1)
        #expect(count(event) == 1)
        if index == err {
          try host.kernel.reportError(of: ContractHost.n)
          #expect(count(event) == 1)
        }
        try host.setInterrupts(n, index: index, flags: trigger, count: 0)
      }
    },
  ]

  /// The count of an eventfd, taken.
  static func count(_ event: Int32) -> UInt64 {
    var count: UInt64 = 0
    return unsafe clinux_read(event, &count, 8) == 8 ? count : 0
  }
}
