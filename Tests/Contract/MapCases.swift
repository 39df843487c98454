internal import CLinux
internal import HostKernel
internal import SystemPackage

/// Section 12.12: what can be mapped, and mapping memory.
extension Contract {
  /// Section 12.12.
  static let ioasMappings = ContractSection(
    "12.12", "IOAS mappings", mapRanges + mapArguments + mapPlaces + unmappings + copies + options)

  static let mapRanges: [ContractCase] = [
    ContractCase(350, "nothing attached: IOVA_RANGES → 0...2^64-1, alignment 1") { host in
      let fd = try host.iommufd()
      let ranges = try host.ranges(fd, try host.allocateIOAS(fd), room: 1)
      try expect(ranges.list, equals: [0...(.max)])
      try expect(ranges.alignment, equals: 1, "alignment")
    },
    ContractCase(351, "N attached: IOVA_RANGES → without MSI window, to the aperture", [.n]) {
      host in
      let space = try host.space(.n, isAttached: true)
      let ranges = try host.ranges(space.iommufd, space.ioas)
      // AMD's units have one hole more, below 2^40.
      try expect(ranges.list.count >= 2, "ranges: \(ranges.list)")
      try expect(ranges.list[0], equals: 0...(InterruptWindow.first - 1))
      try expect(ranges.list[1].lowerBound, equals: InterruptWindow.last + 1)
      let last = ranges.list[ranges.list.count - 1].upperBound
      try expect(last & (last &+ 1) == 0 && last >= 1 << 39 - 1, "aperture to \(last)")
      try expect(ranges.alignment, equals: 4096, "alignment")
    },
    ContractCase("351b", "W attached: IOVA_RANGES → to 2^39-1", [.w]) { host in
      // The lab's IOMMU of that width does not remap interrupts.
      try host.platform.setParameter("allow_unsafe_interrupts", of: "iommufd", to: true)
      let space = try host.space(.w, isAttached: true)
      let ranges = try host.ranges(space.iommufd, space.ioas)
      try expect(ranges.list.last?.upperBound, equals: (1 << 39) - 1)
    },
    ContractCase("351c", "mock device: IOVA_RANGES → from 2^24 to 2^31-1, pages of 2 KiB", [.mock])
    { host in
      let mock = try host.mock()
      let ranges = try host.ranges(mock.iommufd, mock.ioas)
      try expect(
        ranges.list, equals: [UInt64(MOCK_APERTURE_START)...UInt64(MOCK_APERTURE_LAST)])
      try expect(ranges.alignment, equals: UInt64(MOCK_PAGE_SIZE), "alignment")
      // The mock IOMMU's page is smaller than the processor's.
      let memory = try host.memory()
      try host.map(mock.iommufd, mock.ioas, memory, length: 2048, at: 0x100_0800)
      for iova in [0x0FF_F800, 0x100_0400, 0x7FFF_F900, 0x8000_0000] as [UInt64] {
        try expect(.invalidArgument, "at \(iova)") {
          try host.map(mock.iommufd, mock.ioas, memory, length: 2048, at: iova)
        }
      }
    },
    ContractCase(352, "N attached: IOVA_RANGES room 0 → EMSGSIZE, count written", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      let all = try host.ranges(space.iommufd, space.ioas)
      let ranges = try host.ranges(space.iommufd, space.ioas, room: 0)
      try expect(ranges.failure, equals: .emsgsize)
      try expect(ranges.count, equals: UInt32(all.list.count), "count")
      try expect(ranges.alignment, equals: 4096, "alignment")
    },
    ContractCase(353, "N detached: IOVA_RANGES → everything again", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      try host.detach(space.device.descriptor)
      let ranges = try host.ranges(space.iommufd, space.ioas)
      try expect(ranges.list, equals: [0...(.max)])
      try expect(ranges.alignment, equals: 1, "alignment")
    },
    ContractCase(354, "IOVA_RANGES reserved 1 → EOPNOTSUPP") { host in
      let fd = try host.iommufd()
      let ranges = try host.ranges(fd, try host.allocateIOAS(fd), reserved: 1)
      try expect(ranges.failure, equals: .eopnotsupp)
    },
    ContractCase(356, "ALLOW_IOVAS of overlapping or empty ranges → EINVAL") { host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      try expect(.invalidArgument) { try host.allow(fd, ioas, [(0, 0x1FFF), (0x1000, 0x2FFF)]) }
      try expect(.invalidArgument) { try host.allow(fd, ioas, [(0x1000, 0x1000)]) }
      try host.allow(fd, ioas, [(0, 0xFFF), (0x1000, 0x1FFF)])
    },
    ContractCase(357, "N attached: ALLOW_IOVAS over the MSI window → EADDRINUSE, old kept", [.n]) {
      host in
      let space = try host.space(.n, isAttached: true)
      let (fd, ioas) = (space.iommufd, space.ioas)
      try host.allow(fd, ioas, [(0x10_0000, 0x10_0FFF)])
      try expect(.eaddrinuse) {
        try host.allow(fd, ioas, [(0x20_0000, 0x2F_FFFF), (InterruptWindow.first, 0xFEE0_0FFF)])
      }
      let memory = try host.memory()
      try expect(try host.map(fd, ioas, memory), equals: 0x10_0000)
      try expect(.noSpace) { try host.map(fd, ioas, memory) }
    },
    ContractCase(358, "allowed [1M,2M): MAP auto → inside") { host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      try host.allow(fd, ioas, [(0x10_0000, 0x1F_FFFF)])
      try expect(try host.map(fd, ioas, try host.memory()), equals: 0x10_0000)
    },
    ContractCase(359, "allowed [1M,2M): MAP fixed outside → 0") { host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      try host.allow(fd, ioas, [(0x10_0000, 0x1F_FFFF)])
      try host.map(fd, ioas, try host.memory(), at: 0x40_0000)
    },
    ContractCase(360, "allowed smaller than length: MAP auto → ENOSPC") { host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      try host.allow(fd, ioas, [(0x10_0000, 0x1F_FFFF)])
      let memory = try host.memory()
      try expect(.noSpace) { try host.map(fd, ioas, memory, length: 0x20_0000) }
    },
  ]

  static let mapArguments: [ContractCase] = [
    ContractCase(361, "MAP flags 8 → EOPNOTSUPP") { host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      let memory = try host.memory()
      try expect(.eopnotsupp) { try host.map(fd, ioas, memory, flags: 8 | 6) }
      try expect(.eopnotsupp) { try host.map(fd, ioas, memory, flags: 8) }
    },
    ContractCase(362, "MAP FIXED without READABLE and WRITEABLE → EINVAL") { host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      let memory = try host.memory()
      try expect(.invalidArgument) { try host.map(fd, ioas, memory, at: 0x1000, flags: 0) }
    },
    ContractCase(363, "MAP length 2^64-1 → EOVERFLOW") { host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      let memory = try host.memory()
      try expect(.eoverflow) { try host.map(fd, ioas, memory, length: .max) }
    },
    ContractCase(364, "MAP length 0 → EINVAL") { host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      let memory = try host.memory()
      try expect(.invalidArgument) { try host.map(fd, ioas, memory, length: 0) }
    },
    ContractCase(365, "MAP into an unknown IOAS → ENOENT") { host in
      let fd = try host.iommufd()
      let memory = try host.memory()
      try expect(.noSuchFileOrDirectory) { try host.map(fd, 77, memory) }
    },
    ContractCase(366, "MAP va + length wraps → EOVERFLOW") { host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      try expect(.eoverflow) { try host.map(fd, ioas, .max - 4095) }
      try expect(.eoverflow) { try host.map(fd, ioas, .max - 4095, length: 8192) }
    },
    ContractCase(368, "MAP auto with iova field 2^64-1 → EOVERFLOW") { host in
      let fd = try host.iommufd()
      var command = iommu_ioas_map(
        size: 40, flags: 6, ioas_id: try host.allocateIOAS(fd), __reserved: 0,
        user_va: try host.memory(), length: 4096, iova: .max)
      try expect(.eoverflow) { try host.kernel.control(fd, UInt(IOMMU_IOAS_MAP), on: &command) }
    },
  ]

  static let mapPlaces: [ContractCase] = [
    ContractCase(369, "N attached: MAP fixed in the MSI window → EINVAL", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      let memory = try host.memory()
      try expect(.invalidArgument) {
        try host.map(space.iommufd, space.ioas, memory, at: InterruptWindow.first)
      }
    },
    ContractCase(370, "N attached: MAP fixed above the aperture → EINVAL", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      let memory = try host.memory()
      let outside = try host.ranges(space.iommufd, space.ioas).outsideAperture()
      try expect(.invalidArgument) {
        try host.map(space.iommufd, space.ioas, memory, at: outside)
      }
    },
    ContractCase(371, "N attached: MAP iova + 1 → EINVAL", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      let memory = try host.memory()
      try expect(.invalidArgument) {
        try host.map(space.iommufd, space.ioas, memory, at: 0x1001)
      }
    },
    ContractCase(372, "N attached: MAP length 100 → EINVAL", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      let memory = try host.memory()
      try expect(.invalidArgument) {
        try host.map(space.iommufd, space.ioas, memory, length: 100, at: 0x1000)
      }
    },
    ContractCase(373, "N attached: MAP va + 1, auto and fixed → EINVAL", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      let memory = try host.memory()
      try expect(.invalidArgument) { try host.map(space.iommufd, space.ioas, memory + 1) }
      try expect(.invalidArgument) {
        try host.map(space.iommufd, space.ioas, memory + 1, at: 0x8000)
      }
    },
    ContractCase(374, "nothing attached: MAP va + 1, length 100 → 0, same offset in page") {
      host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      try expect(try host.map(fd, ioas, try host.memory() + 1, length: 100), equals: 4097)
    },
    ContractCase(375, "mapping present: MAP fixed overlapping → EEXIST") { host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      let memory = try host.memory()
      try host.map(fd, ioas, memory, length: 8192, at: 0x1000)
      try expect(.fileExists) { try host.map(fd, ioas, memory, at: 0x2000) }
    },
    ContractCase(376, "N attached, empty: MAP auto → the lowest from 4096 on", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      let memory = try host.memory()
      try expect(try host.map(space.iommufd, space.ioas, memory), equals: 4096)
      try expect(try host.map(space.iommufd, space.ioas, memory), equals: 8192)
    },
    ContractCase(377, "N attached: MAP unmapped VA → EFAULT", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      let hole = try host.hole()
      try expect(.badAddress) { try host.map(space.iommufd, space.ioas, hole) }
    },
    ContractCase(378, "nothing attached: MAP unmapped VA → 0") { host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      try host.map(fd, ioas, try host.hole())
    },
    ContractCase(380, "N attached: MAP read-only memory READABLE → 0, WRITEABLE → EFAULT", [.n]) {
      host in
      let space = try host.space(.n, isAttached: true)
      let memory = try host.memory(isWritable: false)
      try host.map(space.iommufd, space.ioas, memory, flags: 4)
      try expect(.badAddress) { try host.map(space.iommufd, space.ioas, memory, flags: 6) }
    },
    ContractCase(381, "N attached: MAP a BAR mmap → EFAULT", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      let bar = try host.map(MappingRequest(descriptor: space.device.descriptor, length: 4096))
      try expect(.badAddress) { try host.map(space.iommufd, space.ioas, UInt64(bar)) }
      try host.map(space.iommufd, space.ioas, try host.memory())
    },
    ContractCase(382, "N attached, memlock small: MAP larger → ENOMEM, smaller → 0", [.n]) {
      host in
      let space = try host.space(.n, isAttached: true)
      let memory = try host.memory(pages: 32)
      try host.platform.withLess([.ipcLock], lockedMemory: 64 << 10) {
        try expect(.noMemory) {
          try host.map(space.iommufd, space.ioas, memory, length: 128 << 10, at: 0x10_0000)
        }
        try host.map(space.iommufd, space.ioas, memory, length: 64 << 10, at: 0x10_0000)
      }
    },
    ContractCase(383, "memlock used up: MAP → ENOMEM; UNMAP one, MAP one → 0", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      let (fd, ioas) = (space.iommufd, space.ioas)
      let memory = try host.memory(pages: 4)
      try host.platform.withLess([.ipcLock], lockedMemory: 8192) {
        try host.map(fd, ioas, memory, at: 0x1000)
        try host.map(fd, ioas, memory + 4096, at: 0x2000)
        try expect(.noMemory) { try host.map(fd, ioas, memory + 8192, at: 0x3000) }
        _ = try host.unmap(fd, ioas, at: 0x1000, length: 4096)
        try host.map(fd, ioas, memory + 8192, at: 0x3000)
      }
    },
    ContractCase("383b", "memlock used up: COPY → 0; DETACH frees it for another", [.n]) { host in
      let space = try host.space(.n, isAttached: true)
      let (fd, ioas) = (space.iommufd, space.ioas)
      let other = try host.allocateIOAS(fd)
      let memory = try host.memory(pages: 4)
      try host.platform.withLess([.ipcLock], lockedMemory: 8192) {
        try host.map(fd, ioas, memory, length: 8192, at: 0x1000)
        try host.copy(fd, (ioas, 0x1000), length: 8192, to: (ioas, 0x10_0000))
        try host.map(fd, other, memory + 8192, length: 8192, at: 0x1000)
        try expect(.noMemory) { try host.attach(space.device.descriptor, other) }
        try host.detach(space.device.descriptor)
        try host.attach(space.device.descriptor, other)
      }
    },
  ]
}
