internal import CLinux
internal import Glibc
internal import HostKernel
internal import SystemPackage

/// Section 12.12: unmapping, copies and files.
extension Contract {
  /// An address space without devices, and pages that can be mapped in it.
  private struct Lazy {
    var iommufd: Int32
    var ioas: UInt32
    var memory: UInt64

    init(_ host: ContractHost) throws {
      iommufd = try host.iommufd()
      ioas = try host.allocateIOAS(iommufd)
      memory = try host.memory()
    }

    /// Maps one page at 0x1000 and two behind it.
    func mapTwo(_ host: ContractHost) throws {
      try host.map(iommufd, ioas, memory, length: 4096, at: 0x1000)
      try host.map(iommufd, ioas, memory, length: 8192, at: 0x2000)
    }
  }

  static let unmappings: [ContractCase] = [
    ContractCase(384, "a, b adjacent: UNMAP both → length = sum") { host in
      let lazy = try Lazy(host)
      try lazy.mapTwo(host)
      try expect(
        try host.unmap(lazy.iommufd, lazy.ioas, at: 0x1000, length: 0x3000), equals: 0x3000)
    },
    ContractCase(385, "mapping of 2 pages: UNMAP the first → ENOENT, intact") { host in
      let lazy = try Lazy(host)
      try lazy.mapTwo(host)
      try expect(.noSuchFileOrDirectory) {
        _ = try host.unmap(lazy.iommufd, lazy.ioas, at: 0x2000, length: 0x1000)
      }
      try expect(try host.unmapAll(lazy.iommufd, lazy.ioas), equals: 0x3000)
    },
    ContractCase(386, "UNMAP a and half of b → ENOENT, a is gone, b stays") { host in
      let lazy = try Lazy(host)
      try lazy.mapTwo(host)
      var command = iommu_ioas_unmap(size: 24, ioas_id: lazy.ioas, iova: 0x1000, length: 0x2000)
      try expect(.noSuchFileOrDirectory) {
        try host.kernel.control(lazy.iommufd, UInt(IOMMU_IOAS_UNMAP), on: &command)
      }
      try expect(command.length, equals: 0x2000, "length")
      try host.map(lazy.iommufd, lazy.ioas, lazy.memory, at: 0x1000)
      try expect(.fileExists) { try host.map(lazy.iommufd, lazy.ioas, lazy.memory, at: 0x2000) }
    },
    ContractCase(387, "empty: UNMAP 4096 bytes → ENOENT") { host in
      let lazy = try Lazy(host)
      try expect(.noSuchFileOrDirectory) {
        _ = try host.unmap(lazy.iommufd, lazy.ioas, at: 0, length: 4096)
      }
    },
    ContractCase(388, "empty: UNMAP (0, 2^64-1) → 0, length 0") { host in
      let lazy = try Lazy(host)
      try expect(try host.unmapAll(lazy.iommufd, lazy.ioas), equals: 0)
    },
    ContractCase(389, "mappings: UNMAP (0, 2^64-1) → length = total") { host in
      let lazy = try Lazy(host)
      try lazy.mapTwo(host)
      try host.map(lazy.iommufd, lazy.ioas, lazy.memory, at: 0x10_0000)
      try expect(try host.unmapAll(lazy.iommufd, lazy.ioas), equals: 0x4000)
    },
    ContractCase(390, "UNMAP length 0 → EINVAL") { host in
      let lazy = try Lazy(host)
      try expect(.invalidArgument) {
        _ = try host.unmap(lazy.iommufd, lazy.ioas, at: 0x1000, length: 0)
      }
    },
    ContractCase(392, "UNMAP a mapping and the hole after it → length = mapping") { host in
      let lazy = try Lazy(host)
      try lazy.mapTwo(host)
      try expect(
        try host.unmap(lazy.iommufd, lazy.ioas, at: 0x2000, length: 0x10000), equals: 0x2000)
    },
  ]

  /// Two address spaces, of which the first has four pages at 0x10000 and a read-only one at 0x40000.
  private struct Copying {
    var lazy: Lazy
    var other: UInt32

    init(_ host: ContractHost) throws {
      lazy = try Lazy(host)
      other = try host.allocateIOAS(lazy.iommufd)
      try host.map(lazy.iommufd, lazy.ioas, lazy.memory, length: 0x4000, at: 0x1_0000)
      try host.map(lazy.iommufd, lazy.ioas, lazy.memory, at: 0x4_0000, flags: 4)
    }

    /// Copies from the first to the second.
    func copy(
      _ host: ContractHost, _ iova: UInt64, length: UInt64, at target: UInt64 = 0x8000
    ) throws {
      try host.copy(lazy.iommufd, (lazy.ioas, iova), length: length, to: (other, target))
    }
  }

  static let copies: [ContractCase] = [
    ContractCase(393, "i1 has 4 pages: COPY pages 1-2 to i2 → 0") { host in
      let set = try Copying(host)
      try set.copy(host, 0x1_1000, length: 0x2000)
      try expect(try host.unmapAll(set.lazy.iommufd, set.other), equals: 0x2000)
    },
    ContractCase(394, "i1 has 4 pages: COPY 5 → ENOENT") { host in
      let set = try Copying(host)
      try expect(.noSuchFileOrDirectory) { try set.copy(host, 0x1_0000, length: 0x5000) }
    },
    ContractCase(395, "i1 maps read-only: COPY WRITEABLE → EPERM") { host in
      let set = try Copying(host)
      try expect(.notPermitted) { try set.copy(host, 0x4_0000, length: 0x1000) }
      try host.copy(
        set.lazy.iommufd, (set.lazy.ioas, 0x4_0000), length: 0x1000, to: (set.other, 0x8000),
        flags: 5)
    },
    ContractCase(396, "i2 occupied: COPY fixed there → EEXIST") { host in
      let set = try Copying(host)
      try set.copy(host, 0x1_0000, length: 0x2000)
      try expect(.fileExists) { try set.copy(host, 0x1_0000, length: 0x1000, at: 0x9000) }
    },
    ContractCase(397, "COPY of an unknown source or destination → ENOENT") { host in
      let set = try Copying(host)
      let (fd, ioas) = (set.lazy.iommufd, set.lazy.ioas)
      try expect(.noSuchFileOrDirectory) {
        try host.copy(fd, (77, 0x1_0000), length: 0x1000, to: (set.other, 0))
      }
      try expect(.noSuchFileOrDirectory) {
        try host.copy(fd, (ioas, 0x1_0000), length: 0x1000, to: (77, 0))
      }
    },
    ContractCase(398, "COPY length 0 → EINVAL") { host in
      let set = try Copying(host)
      try expect(.invalidArgument) { try set.copy(host, 0x1_0000, length: 0) }
    },
    ContractCase(399, "N attached: MAP_FILE memfd → 0", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      let file = try host.memoryFile(pages: 4)
      try expect(
        try host.mapFile(space.iommufd, space.ioas, file, length: 0x4000, at: 0x1_0000),
        equals: 0x1_0000)
    },
    ContractCase(400, "N attached: MAP_FILE beyond end of file → EINVAL", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      let file = try host.memoryFile(pages: 4)
      try expect(.invalidArgument) {
        try host.mapFile(space.iommufd, space.ioas, file, length: 0x5000, at: 0x1_0000)
      }
    },
    ContractCase(401, "nothing attached: MAP_FILE beyond end of file → 0") { host in
      let lazy = try Lazy(host)
      let file = try host.memoryFile(pages: 4)
      try host.mapFile(lazy.iommufd, lazy.ioas, file, length: 0x5000, at: 0x1_0000)
    },
    ContractCase(402, "N attached: MAP_FILE file without pinnable pages → EINVAL", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      let file = try host.adopt(host.kernel.open("/proc/version", .readOnly))
      try expect(.invalidArgument) {
        try host.mapFile(space.iommufd, space.ioas, file, length: 0x1000, at: 0x1_0000)
      }
    },
    ContractCase("402b", "MAP_FILE length 0 → EINVAL, closed descriptor → EBADF") { host in
      let lazy = try Lazy(host)
      let file = try host.memoryFile(pages: 4)
      try expect(.invalidArgument) {
        try host.mapFile(lazy.iommufd, lazy.ioas, file, length: 0, at: 0x1_0000)
      }
      try expect(.badFileDescriptor) {
        try host.mapFile(
          lazy.iommufd, lazy.ioas, host.closedDescriptor, length: 0x1000, at: 0x1_0000)
      }
    },
    ContractCase("402c", "CHANGE_PROCESS with files only → 0, with memory → EINVAL", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      let file = try host.memoryFile(pages: 4)
      try host.mapFile(space.iommufd, space.ioas, file, length: 0x4000, at: 0x1_0000)
      try host.call(space.iommufd, IOMMU_IOAS_CHANGE_PROCESS, [8, 0])
      try expect(.eopnotsupp) {
        try host.call(space.iommufd, IOMMU_IOAS_CHANGE_PROCESS, [8, 1])
      }
      try host.map(space.iommufd, space.ioas, try host.memory())
      try expect(.invalidArgument) {
        try host.call(space.iommufd, IOMMU_IOAS_CHANGE_PROCESS, [8, 0])
      }
    },
  ]

  static let options: [ContractCase] = [
    ContractCase(404, "fresh context: OPTION RLIMIT_MODE GET → 0") { host in
      let fd = try host.iommufd()
      try expect(
        try host.option(fd, IOMMU_OPTION_RLIMIT_MODE, IOMMU_OPTION_OP_GET, value: 9), equals: 0)
    },
    ContractCase(405, "no CAP_SYS_RESOURCE: OPTION RLIMIT_MODE SET 1 → EPERM") { host in
      let fd = try host.iommufd()
      try host.platform.withLess([.sysResource], lockedMemory: nil) {
        try expect(.notPermitted) {
          try host.option(fd, IOMMU_OPTION_RLIMIT_MODE, IOMMU_OPTION_OP_SET, value: 1)
        }
      }
      try host.option(fd, IOMMU_OPTION_RLIMIT_MODE, IOMMU_OPTION_OP_SET, value: 1)
      try expect(try host.option(fd, IOMMU_OPTION_RLIMIT_MODE, IOMMU_OPTION_OP_GET), equals: 1)
    },
    ContractCase(406, "an IOAS exists: OPTION RLIMIT_MODE SET 1 → EBUSY") { host in
      let fd = try host.iommufd()
      _ = try host.allocateIOAS(fd)
      try expect(.resourceBusy) {
        try host.option(fd, IOMMU_OPTION_RLIMIT_MODE, IOMMU_OPTION_OP_SET, value: 1)
      }
    },
    ContractCase(407, "OPTION RLIMIT_MODE object 1 → EOPNOTSUPP") { host in
      let fd = try host.iommufd()
      try expect(.eopnotsupp) {
        try host.option(fd, IOMMU_OPTION_RLIMIT_MODE, IOMMU_OPTION_OP_GET, object: 1)
      }
    },
    ContractCase(408, "i1: OPTION HUGE_PAGES GET → 1") { host in
      let lazy = try Lazy(host)
      try expect(
        try host.option(
          lazy.iommufd, IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_GET, object: lazy.ioas),
        equals: 1)
    },
    ContractCase(409, "i1 attached with mappings: OPTION HUGE_PAGES SET 0 → EINVAL", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      try host.map(space.iommufd, space.ioas, try host.memory())
      try expect(.invalidArgument) {
        try host.option(
          space.iommufd, IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_SET, object: space.ioas)
      }
    },
    ContractCase("409b", "i1 maps bytes: OPTION HUGE_PAGES SET 0 → EADDRINUSE, still 1") { host in
      let lazy = try Lazy(host)
      try host.map(lazy.iommufd, lazy.ioas, lazy.memory, length: 100, at: 0x1000)
      try expect(.eaddrinuse) {
        try host.option(
          lazy.iommufd, IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_SET, object: lazy.ioas)
      }
      try expect(
        try host.option(
          lazy.iommufd, IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_GET, object: lazy.ioas),
        equals: 1)
      try host.unmapAll(lazy.iommufd, lazy.ioas)
      try host.option(
        lazy.iommufd, IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_SET, object: lazy.ioas)
      try expect(try host.ranges(lazy.iommufd, lazy.ioas).alignment, equals: 4096, "alignment")
    },
    ContractCase(410, "i1: OPTION HUGE_PAGES SET 2 → EINVAL") { host in
      let lazy = try Lazy(host)
      try expect(.invalidArgument) {
        try host.option(
          lazy.iommufd, IOMMU_OPTION_HUGE_PAGES, IOMMU_OPTION_OP_SET, object: lazy.ioas, value: 2)
      }
    },
    ContractCase(411, "OPTION 5 → EOPNOTSUPP") { host in
      let fd = try host.iommufd()
      try expect(.eopnotsupp) { try host.option(fd, 5, IOMMU_OPTION_OP_GET) }
    },
    ContractCase(412, "context passed to another process: it MAPs its own memory → 0", [.n]) {
      host in
      let space = try host.space(.n, isAttached: true)
      let hole = try host.hole()
      let result = try host.platform.inAnotherProcess {
        host.mapOwnPage(space.iommufd, space.ioas, at: hole)
      }
      try expect(result, equals: 0, "errno of the other process")
      try expect(.badAddress) { try host.map(space.iommufd, space.ioas, hole) }
      try expect(try host.unmapAll(space.iommufd, space.ioas), equals: 4096)
    },
  ]
}

extension ContractHost {
  /// Gives this process a page where it has none, and maps that; gives the errno, 0 for none.
  fileprivate func mapOwnPage(_ iommufd: Int32, _ ioas: UInt32, at address: UInt64) -> Int32 {
    let wanted = unsafe UnsafeMutableRawPointer(bitPattern: UInt(address))
    let page = unsafe mmap(
      wanted, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
    guard unsafe page == wanted else { return errno }
    do throws(Errno) {
      try map(iommufd, ioas, address)
      return 0
    } catch {
      return error.rawValue
    }
  }
}
