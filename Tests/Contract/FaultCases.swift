internal import CLinux
internal import HostKernel
internal import SystemPackage

/// Section 12.19: page requests of devices and the user's answers.
extension Contract {
  /// A mock device on a page table that sends page requests to a queue.
  private struct Faulting {
    var mock: ContractHost.Mock
    var queue: ContractHost.Queue
    var table: UInt32

    init(_ host: ContractHost, isNested: Bool = false, flags: UInt32 = 0) throws {
      mock = try host.mock()
      queue = try host.allocateFaultQueue(mock.iommufd)
      let flags = flags | UInt32(IOMMU_HWPT_FAULT_ID_VALID)
      if isNested {
        table = try host.allocateNested(
          mock.iommufd, mock.device, try host.nestParent(mock), flags: flags,
          faults: queue.identifier)
      } else {
        table = try host.call(
          mock.iommufd, IOMMU_HWPT_ALLOC,
          [48, flags, mock.device, mock.ioas, 0, 0, 0, 0, 0, 0, queue.identifier, 0])[4]
      }
      try host.attach(mock, to: table)
    }

    /// The words that a request without PASID is read as.
    func record(group: UInt32, cookie: UInt32, address: UInt32 = 0x5000) -> [UInt32] {
      [
        UInt32(IOMMU_PGFAULT_FLAGS_LAST_PAGE), mock.device, 0, group,
        UInt32(IOMMU_PGFAULT_PERM_READ), 0, address, 0, 0, cookie,
      ]
    }
  }

  /// Rows 546 and 547.
  static let faults: [ContractCase] = [
    ContractCase(546, "pending fault: read once; its cookie is taken once, then EINVAL", [.mock]) {
      host in
      let set = try Faulting(host)
      try host.requestPage(set.mock, group: 17)
      try expect(
        try host.receive(set.queue.descriptor, count: 80), equals: set.record(group: 17, cookie: 1))
      try expect(try host.receive(set.queue.descriptor, count: 80), equals: [])
      try expect(try host.respond(set.queue.descriptor, [1, 0]), equals: 8)
      try expect(.invalidArgument) { try host.respond(set.queue.descriptor, [1, 0]) }
    },
    ContractCase("546b", "nested page table with a fault queue: the same", [.mock]) { host in
      let set = try Faulting(host, isNested: true)
      try host.requestPage(set.mock, group: 3)
      try expect(
        try host.receive(set.queue.descriptor, count: 40), equals: set.record(group: 3, cookie: 1))
      try host.respond(set.queue.descriptor, [1, UInt32(IOMMUFD_PAGE_RESP_INVALID)])
    },
    ContractCase(
      "546c", "two faults: in order, as many as fit; a free cookie is used again", [.mock]
    ) {
      host in
      let set = try Faulting(host)
      let fd = set.queue.descriptor
      for group in 1...3 as ClosedRange<UInt32> { try host.requestPage(set.mock, group: group) }
      try expect(.invalidArgument, "no room") { _ = try host.receive(fd, count: 0) }
      try expect(
        try host.receive(fd, count: 80),
        equals: set.record(group: 1, cookie: 1) + set.record(group: 2, cookie: 2))
      try host.respond(fd, [1, 0])
      try expect(try host.receive(fd, count: 80), equals: set.record(group: 3, cookie: 1))
      try expect(try host.respond(fd, [2, 0, 1, 0]), equals: 16)
    },
    ContractCase(
      "546d", "answers: one good, one bad → 8 bytes; code 2 → EINVAL, cookie kept", [.mock]
    ) {
      host in
      let set = try Faulting(host)
      let fd = set.queue.descriptor
      for group in 1...2 as ClosedRange<UInt32> { try host.requestPage(set.mock, group: group) }
      _ = try host.receive(fd, count: 80)
      try expect(try host.respond(fd, [1, 0, 9, 0]), equals: 8)
      try expect(.invalidArgument) { try host.respond(fd, [2, 2]) }
      try expect(try host.respond(fd, [2, 0]), equals: 8)
    },
    ContractCase("546e", "device leaves the page table: its faults are gone", [.mock]) { host in
      let set = try Faulting(host)
      let fd = set.queue.descriptor
      for group in 1...2 as ClosedRange<UInt32> { try host.requestPage(set.mock, group: group) }
      _ = try host.receive(fd, count: 40)
      try host.attach(set.mock, to: set.mock.ioas)
      try expect(try host.receive(fd, count: 40), equals: [])
      try expect(.invalidArgument) { try host.respond(fd, [1, 0]) }
    },
    ContractCase("546f", "fault of a PASID on a nested page table → flag and PASID", [.mock]) {
      host in
      let set = try Faulting(host, isNested: true)
      try host.requestPage(set.mock, group: 5, pasid: 66)
      let words = try host.receive(set.queue.descriptor, count: 40)
      try expect(
        words.first,
        equals: UInt32(IOMMU_PGFAULT_FLAGS_LAST_PAGE | IOMMU_PGFAULT_FLAGS_PASID_VALID))
      try expect(words[2], equals: 66, "PASID")
    },
    ContractCase("546g", "pages asked for together → one read of all, one cookie", [.h]) { host in
      let space = try host.space(.h, isAttached: false)
      let queue = try host.allocateFaultQueue(space.iommufd)
      let table = try host.call(
        space.iommufd, IOMMU_HWPT_ALLOC,
        [
          48, UInt32(IOMMU_HWPT_FAULT_ID_VALID), space.device.identifier, space.ioas, 0, 0, 0, 0, 0,
          0, queue.identifier, 0,
        ])[4]
      try host.attach(space.device.descriptor, table)
      try host.platform.requestPages(
        of: host.address(.h), addresses: [0x1000, 0x2000, 0x3000], group: 4)
      try expect(.invalidArgument) { _ = try host.receive(queue.descriptor, count: 80) }
      let words = try host.receive(queue.descriptor, count: 120)
      try expect(words.count, equals: 30, "words")
      let last = UInt32(IOMMU_PGFAULT_FLAGS_LAST_PAGE)
      try expect([words[0], words[10], words[20]], equals: [0, 0, last], "flags")
      try expect([words[6], words[16], words[26]], equals: [0x1000, 0x2000, 0x3000], "addresses")
      try expect([words[9], words[19], words[29]], equals: [1, 1, 1], "cookies")
      try host.respond(queue.descriptor, [1, 0])
    },
    ContractCase("546h", "fault queue: poll → writable, readable with a fault", [.mock]) { host in
      let set = try Faulting(host)
      let fd = set.queue.descriptor
      try expect(host.events(fd), equals: ContractHost.writable)
      try host.requestPage(set.mock, group: 1)
      try expect(host.events(fd), equals: ContractHost.readable | ContractHost.writable)
      _ = try host.receive(fd, count: 40)
      try expect(host.events(fd), equals: ContractHost.writable)
    },
    ContractCase(547, "fault queue in use by an HWPT: DESTROY → EBUSY", [.mock]) { host in
      let set = try Faulting(host)
      let fd = set.mock.iommufd
      host.close(set.queue.descriptor)
      try expect(.resourceBusy) { try host.destroy(fd, set.queue.identifier) }
      try host.attach(set.mock, to: set.mock.ioas)
      try host.destroy(fd, set.table)
      try host.destroy(fd, set.queue.identifier)
    },
    ContractCase("547b", "fault queue with its descriptor open: DESTROY → EBUSY") { host in
      let fd = try host.iommufd()
      let queue = try host.allocateFaultQueue(fd)
      try expect(.resourceBusy) { try host.destroy(fd, queue.identifier) }
      host.close(queue.descriptor)
      try host.destroy(fd, queue.identifier)
    },
    ContractCase("547c", "FAULT with NEST_PARENT → EOPNOTSUPP, unknown fault_id → ENOENT", [.mock])
    {
      host in
      let mock = try host.mock()
      let queue = try host.allocateFaultQueue(mock.iommufd)
      let fault = UInt32(IOMMU_HWPT_FAULT_ID_VALID)
      let both = fault | UInt32(IOMMU_HWPT_ALLOC_NEST_PARENT)
      for (flags, identifier, errno) in [
        (both, queue.identifier, .eopnotsupp), (fault, mock.ioas, .noSuchFileOrDirectory),
        (fault, 77, .noSuchFileOrDirectory),
      ] as [(UInt32, UInt32, Errno)] {
        try expect(errno) {
          try host.call(
            mock.iommufd, IOMMU_HWPT_ALLOC,
            [48, flags, mock.device, mock.ioas, 0, 0, 0, 0, 0, 0, identifier, 0])
        }
      }
    },
  ]

  /// Rows 506 and 507.
  static let emptyFaultQueue: [ContractCase] = [
    ContractCase(506, "FAULT_QUEUE_ALLOC; read with nothing pending → 0 bytes at once") { host in
      let fd = try host.iommufd()
      let queue = try host.allocateFaultQueue(fd)
      try expect(try host.receive(queue.descriptor, count: 40), equals: [])
      try expect(host.events(queue.descriptor), equals: ContractHost.writable)
    },
    ContractCase(507, "fault descriptor: read 39 bytes, write 7, read at an offset → ESPIPE") {
      host in
      let fd = try host.iommufd()
      let queue = try host.allocateFaultQueue(fd).descriptor
      try expect(.illegalSeek) { _ = try host.receive(queue, count: 39) }
      try expect(.illegalSeek) { try host.write(queue, 0, Array(repeating: 0, count: 8)) }
      try expect(.illegalSeek) { _ = try host.read(queue, 0, count: 40) }
      let bytes = [UInt8](repeating: 0, count: 7)
      try expect(.illegalSeek) {
        _ = try unsafe host.kernel.write(queue, from: bytes.span.bytes)
      }
    },
  ]
}
