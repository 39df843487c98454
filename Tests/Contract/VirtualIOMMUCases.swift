internal import CLinux
internal import HostKernel
internal import SystemPackage

/// Section 12.19: virtual IOMMUs, their devices and what they tell the guest.
extension Contract {
  /// A mock device and a virtual IOMMU on a nest parent.
  private struct Virtual {
    var mock: ContractHost.Mock
    var parent: UInt32
    var identifier: UInt32

    init(_ host: ContractHost) throws {
      mock = try host.mock()
      parent = try host.nestParent(mock)
      identifier = try host.allocateVirtualIOMMU(mock, on: parent)
    }

    /// Gives the mock device a number and a page table of the virtual IOMMU.
    func attach(_ host: ContractHost, number: UInt32) throws {
      try host.allocateVirtualDevice(mock.iommufd, identifier, mock.device, number: number)
      try host.attach(
        mock, to: try host.allocateNested(mock.iommufd, mock.device, identifier))
    }

    /// Has the device tell its guest something.
    func reportEvent(_ host: ContractHost) throws {
      try host.test(mock.iommufd, IOMMU_TEST_OP_TRIGGER_VEVENT, 0, [mock.device])
    }
  }

  /// Rows 541 to 543.
  static let virtualIOMMUs: [ContractCase] = [
    ContractCase(541, "vIOMMU v, device d: VDEVICE_ALLOC twice → 0; EEXIST", [.mock]) { host in
      let set = try Virtual(host)
      let (fd, device) = (set.mock.iommufd, set.mock.device)
      try expect(
        try host.allocateVirtualDevice(fd, set.identifier, device, number: 9),
        equals: set.identifier + 1)
      try expect(.fileExists) {
        try host.allocateVirtualDevice(fd, set.identifier, device, number: 10)
      }
    },
    ContractCase(
      "541b", "VIOMMU_ALLOC of another type → EOPNOTSUPP, no nest parent → EINVAL", [.mock]
    ) { host in
      let mock = try host.mock()
      let parent = try host.nestParent(mock)
      try expect(.eopnotsupp) {
        _ = try host.allocateVirtualIOMMU(mock, on: parent, type: 1)
      }
      try expect(.invalidArgument) {
        _ = try host.allocateVirtualIOMMU(mock, on: mock.table)
      }
      try expect(.noSuchFileOrDirectory) {
        _ = try host.allocateVirtualIOMMU(mock, on: mock.ioas)
      }
    },
    ContractCase("541c", "vIOMMU in use: DESTROY it or its parent → EBUSY", [.mock]) { host in
      let set = try Virtual(host)
      let fd = set.mock.iommufd
      try expect(.resourceBusy, "parent") { try host.destroy(fd, set.parent) }
      let device = try host.allocateVirtualDevice(
        fd, set.identifier, set.mock.device, number: 1)
      try expect(.resourceBusy, "vDEVICE") { try host.destroy(fd, set.identifier) }
      try host.destroy(fd, device)
      let table = try host.allocateNested(fd, set.mock.device, set.identifier)
      try expect(.resourceBusy, "page table") { try host.destroy(fd, set.identifier) }
      try host.destroy(fd, table)
      try host.destroy(fd, set.identifier)
      try host.destroy(fd, set.parent)
    },
    ContractCase(
      "541d", "page table of a vIOMMU: ATTACH without vDEVICE → ENOENT, with → 0", [.mock]
    ) {
      host in
      let set = try Virtual(host)
      let fd = set.mock.iommufd
      let table = try host.allocateNested(fd, set.mock.device, set.identifier)
      try expect(.noSuchFileOrDirectory) { try host.attach(set.mock, to: table) }
      try host.allocateVirtualDevice(fd, set.identifier, set.mock.device, number: 1)
      try host.attach(set.mock, to: table)
    },
    ContractCase("541e", "INVALIDATE on a vIOMMU: k good then bad → error, entry_num k", [.mock]) {
      host in
      let set = try Virtual(host)
      let fd = set.mock.iommufd
      try host.allocateVirtualDevice(fd, set.identifier, set.mock.device, number: 7)
      // Flags, the guest's number of the device, entry of its cache.
      let answer = try host.invalidate(
        fd, set.identifier, entryLength: 12, [[0, 7, 2], [0, 8, 3], [0, 7, 3]])
      try expect(answer.failure, equals: .invalidArgument)
      try expect(answer.done, equals: 1, "entry_num")
      let untouched = UInt32(IOMMU_TEST_DEV_CACHE_DEFAULT)
      for (index, value) in [(1, untouched), (2, 0), (3, untouched)] as [(UInt32, UInt32)] {
        try host.test(fd, IOMMU_TEST_OP_DEV_CHECK_CACHE, set.mock.device, [index, value])
      }
    },
    ContractCase(
      "541f", "vIOMMU: entries of another length → zeros added, E2BIG if more is behind", [.mock]
    ) { host in
      let set = try Virtual(host)
      let fd = set.mock.iommufd
      try host.allocateVirtualDevice(fd, set.identifier, set.mock.device, number: 7)
      for (entry, errno) in [
        ([0, 7], nil), ([0, 7, 0, 0], nil), ([0, 7, 0, 1], .argListTooLong),
      ] as [([UInt32], Errno?)] {
        let answer = try host.invalidate(
          fd, set.identifier, entryLength: UInt32(4 * entry.count), [entry])
        try expect(answer.failure, equals: errno, "\(entry)")
      }
      let mixed = try host.invalidate(
        fd, set.identifier, entryLength: 16, [[0, 7, 0, 0], [0, 7, 0, 1]])
      try expect(mixed.failure, equals: .argListTooLong)
      try expect(mixed.done, equals: 0, "entry_num: all are copied before the first is done")
    },
    ContractCase(542, "vIOMMU v, two devices: VDEVICE_ALLOC same virt_id → EEXIST", [.mock]) {
      host in
      let set = try Virtual(host)
      let fd = set.mock.iommufd
      let other = try host.mock(in: fd, set.mock.ioas)
      try host.allocateVirtualDevice(fd, set.identifier, set.mock.device, number: 9)
      try expect(.fileExists) {
        try host.allocateVirtualDevice(fd, set.identifier, other.device, number: 9)
      }
      try host.allocateVirtualDevice(fd, set.identifier, other.device, number: 10)
    },
    ContractCase("542b", "device behind another IOMMU: VDEVICE_ALLOC → EINVAL", [.mock, .n]) {
      host in
      let set = try Virtual(host)
      let n = try host.bound(.n, set.mock.iommufd)
      try expect(.invalidArgument) {
        try host.allocateVirtualDevice(
          set.mock.iommufd, set.identifier, n.identifier, number: 1)
      }
    },
    ContractCase("542c", "VDEVICE_ALLOC: unknown vIOMMU or device → ENOENT", [.mock]) { host in
      let set = try Virtual(host)
      let fd = set.mock.iommufd
      for (virtual, device) in [(77, set.mock.device), (set.identifier, 77)] as [(UInt32, UInt32)] {
        try expect(.noSuchFileOrDirectory) {
          try host.allocateVirtualDevice(fd, virtual, device, number: 1)
        }
      }
    },
    ContractCase(
      543, "vDEVICE: remove its device → its id is a tombstone, DESTROY ENOENT", [.mock]
    ) { host in
      let set = try Virtual(host)
      let fd = set.mock.iommufd
      let device = try host.allocateVirtualDevice(
        fd, set.identifier, set.mock.device, number: 9)
      try host.destroy(fd, set.mock.object)
      try expect(.noSuchFileOrDirectory) { try host.destroy(fd, device) }
      // Three numbers became free below it; what comes after them leaves it out.
      let made = try (0..<4).map { _ in try host.allocateIOAS(fd) }
      try expect(made.count { $0 < device }, equals: 3)
      try expect(made.last, equals: device + 1)
      // The virtual IOMMU has lost its only user.
      try host.destroy(fd, set.identifier)
    },
    ContractCase("543b", "vDEVICE destroyed by the user → its id and virt_id are free", [.mock]) {
      host in
      let set = try Virtual(host)
      let fd = set.mock.iommufd
      let device = try host.allocateVirtualDevice(
        fd, set.identifier, set.mock.device, number: 9)
      try host.destroy(fd, device)
      try expect(
        try host.allocateVirtualDevice(fd, set.identifier, set.mock.device, number: 9),
        equals: device)
    },
  ]

  /// Rows 544 and 545.
  static let virtualEvents: [ContractCase] = [
    ContractCase(544, "vIOMMU v: VEVENTQ_ALLOC same type twice → EEXIST", [.mock]) { host in
      let set = try Virtual(host)
      _ = try host.allocateEventQueue(set.mock.iommufd, set.identifier, depth: 2)
      try expect(.fileExists) {
        _ = try host.allocateEventQueue(set.mock.iommufd, set.identifier, depth: 2)
      }
    },
    ContractCase(545, "vIOMMU v: VEVENTQ depth 0 or above 2^19 → EINVAL", [.mock]) { host in
      let set = try Virtual(host)
      for depth in [0, 1 << 19 + 1] as [UInt32] {
        try expect(.invalidArgument, "depth \(depth)") {
          _ = try host.allocateEventQueue(set.mock.iommufd, set.identifier, depth: depth)
        }
      }
      _ = try host.allocateEventQueue(set.mock.iommufd, set.identifier, depth: 1 << 19)
    },
    ContractCase("545b", "events: the guest's number, one sequence", [.mock]) { host in
      let set = try Virtual(host)
      let queue = try host.allocateEventQueue(set.mock.iommufd, set.identifier, depth: 4)
      try set.attach(host, number: 0x99)
      try set.reportEvent(host)
      try set.reportEvent(host)
      try expect(.invalidArgument) { _ = try host.receive(queue.descriptor, count: 11) }
      // Room for one event and its header, and four bytes more.
      try expect(
        try host.receive(queue.descriptor, count: 16), equals: [0, 0, 0x99])
      try expect(try host.receive(queue.descriptor, count: 64), equals: [0, 1, 0x99])
      try expect(try host.receive(queue.descriptor, count: 64), equals: [])
    },
    ContractCase("545c", "more events than depth → a header LOST with the last number", [.mock]) {
      host in
      let set = try Virtual(host)
      let queue = try host.allocateEventQueue(set.mock.iommufd, set.identifier, depth: 2)
      try set.attach(host, number: 0x99)
      for _ in 0..<4 { try set.reportEvent(host) }
      let lost = UInt32(IOMMU_VEVENTQ_FLAG_LOST_EVENTS)
      try expect(
        try host.receive(queue.descriptor, count: 64),
        equals: [0, 0, 0x99, 0, 1, 0x99, lost, 3])
      try set.reportEvent(host)
      try expect(try host.receive(queue.descriptor, count: 64), equals: [0, 4, 0x99])
    },
    ContractCase(
      "545d", "room again before the header was read → a gap in the sequence only", [.mock]
    ) {
      host in
      let set = try Virtual(host)
      let queue = try host.allocateEventQueue(set.mock.iommufd, set.identifier, depth: 1)
      try set.attach(host, number: 0x99)
      try set.reportEvent(host)
      try set.reportEvent(host)
      try expect(try host.receive(queue.descriptor, count: 12), equals: [0, 0, 0x99])
      try set.reportEvent(host)
      try expect(try host.receive(queue.descriptor, count: 64), equals: [0, 2, 0x99])
    },
    ContractCase(
      "545e", "event without queue → EOPNOTSUPP, of a device without vDEVICE → ENOENT", [.mock]
    ) { host in
      let set = try Virtual(host)
      try expect(.noSuchFileOrDirectory) { try set.reportEvent(host) }
      try set.attach(host, number: 0x99)
      try expect(.eopnotsupp) { try set.reportEvent(host) }
    },
    ContractCase("545f", "event queue with its descriptor open: DESTROY → EBUSY", [.mock]) { host in
      let set = try Virtual(host)
      let fd = set.mock.iommufd
      let queue = try host.allocateEventQueue(fd, set.identifier, depth: 1)
      try expect(.resourceBusy) { try host.destroy(fd, queue.identifier) }
      host.close(queue.descriptor)
      try expect(.resourceBusy) { try host.destroy(fd, set.identifier) }
      try host.destroy(fd, queue.identifier)
      try host.destroy(fd, set.identifier)
    },
    ContractCase("545g", "event queue: poll → readable with an event, never writable", [.mock]) {
      host in
      let set = try Virtual(host)
      let queue = try host.allocateEventQueue(set.mock.iommufd, set.identifier, depth: 1)
      try set.attach(host, number: 0x99)
      try expect(host.events(queue.descriptor), equals: 0)
      try set.reportEvent(host)
      try expect(host.events(queue.descriptor), equals: ContractHost.readable)
      _ = try host.receive(queue.descriptor, count: 12)
      try expect(host.events(queue.descriptor), equals: 0)
      try expect(.invalidArgument) { try host.respond(queue.descriptor, [1, 0]) }
    },
  ]
}
