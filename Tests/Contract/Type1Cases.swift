internal import CLinux
internal import HostKernel
internal import SystemPackage

extension Contract {
  /// Section 12.13.
  static let type1Mappings = ContractSection(
    "12.13", "Type1 container mappings", type1Maps + type1Unmaps + type1Others)

  static let type1Maps: [ContractCase] = [
    ContractCase(413, "type1 v2: MAP size 0 → EINVAL", [.n]) { host in
      let container = try host.type1().container
      let memory = try host.memory()
      try expect(.invalidArgument) { try host.mapDMA(container, memory, at: 0, size: 0) }
    },
    ContractCase(414, "type1 v2: MAP flags 0 or unknown → EINVAL", [.n]) { host in
      let container = try host.type1().container
      let memory = try host.memory()
      for flags in [0, 8] as [Int32] {
        try expect(.invalidArgument) { try host.mapDMA(container, memory, at: 0, flags: flags) }
      }
    },
    ContractCase(416, "type1 v2: MAP unaligned → EINVAL", [.n]) { host in
      let container = try host.type1().container
      let memory = try host.memory()
      try expect(.invalidArgument) { try host.mapDMA(container, memory, at: 1) }
      try expect(.invalidArgument) { try host.mapDMA(container, memory + 1, at: 0) }
      try expect(.invalidArgument) { try host.mapDMA(container, memory, at: 0, size: 100) }
    },
    ContractCase("416b", "type1 v2: MAP iova wraps → EOVERFLOW", [.n]) { host in
      let container = try host.type1().container
      let memory = try host.memory()
      try expect(.eoverflow) { try host.mapDMA(container, memory, at: .max - 4094) }
    },
    ContractCase(417, "type1 v2: MAP over a mapping and the MSI window → EEXIST", [.n]) { host in
      let container = try host.type1().container
      let memory = try host.memory()
      try host.mapDMA(container, memory, at: InterruptWindow.first - 4096)
      try expect(.fileExists) {
        try host.mapDMA(container, memory, at: InterruptWindow.first - 4096, size: 8192)
      }
    },
    ContractCase(418, "type1 v2: MAP in the MSI window → EINVAL", [.n]) { host in
      let container = try host.type1().container
      let memory = try host.memory()
      try expect(.invalidArgument) { try host.mapDMA(container, memory, at: InterruptWindow.first) }
    },
    ContractCase(419, "type1 v2: MAP unmapped VA → EFAULT", [.n]) { host in
      let container = try host.type1().container
      let hole = try host.hole()
      try expect(.badAddress) { try host.mapDMA(container, hole, at: 0x1000) }
      try host.mapDMA(container, try host.memory(), at: 0x1000)
    },
    ContractCase(420, "type1 v2: MAP a BAR mmap → 0", [.n]) { host in
      let set = try host.type1()
      let device = try host.device(set.group, .n)
      let bar = try host.map(MappingRequest(descriptor: device, length: 4096))
      try host.mapDMA(set.container, UInt64(bar), at: 0x1000)
      try expect(
        host.unmapDMA(set.container, at: 0x1000, size: 4096), equals: .init(4096))
    },
    ContractCase(421, "type1 v2, as many mappings as it has entries: MAP → ENOSPC", [.n]) {
      host in
      try host.platform.setParameter("dma_entry_limit", of: "vfio_iommu_type1", to: 3)
      let container = try host.type1().container
      let memory = try host.memory()
      for index in 0..<3 as Range<UInt64> {
        try host.mapDMA(container, memory, at: 0x1_0000 * index)
      }
      try expect(.noSpace) { try host.mapDMA(container, memory, at: 0x10_0000) }
      try expect(host.unmapDMA(container, at: 0, size: 4096), equals: .init(4096))
      try host.mapDMA(container, memory, at: 0x10_0000)
    },
    ContractCase("421b", "type1 v2, memlock small: MAP larger → ENOMEM, smaller → 0", [.n]) {
      host in
      let container = try host.type1().container
      let memory = try host.memory(pages: 32)
      try host.platform.withLess([.ipcLock], lockedMemory: 64 << 10) {
        try expect(.noMemory) {
          try host.mapDMA(container, memory, at: 0x10_0000, size: 128 << 10)
        }
        try host.mapDMA(container, memory, at: 0x10_0000, size: 32 << 10)
      }
    },
  ]

  static let type1Unmaps: [ContractCase] = [
    ContractCase(422, "type1 v2: UNMAP cutting → EINVAL, nothing removed or written", [.n]) {
      host in
      let container = try host.type1().container
      try host.mapDMA(container, try host.memory(), at: 0x1_0000, size: 0x4000)
      for iova in [0x1_1000, 0x1_0000, 0x0_F000] as [UInt64] {
        try expect(
          host.unmapDMA(container, at: iova, size: 0x2000), equals: .init(0x2000, .invalidArgument))
      }
      try expect(host.unmapDMA(container, at: 0x1_0000, size: 0x4000), equals: .init(0x4000))
    },
    ContractCase(423, "type1 v2: UNMAP nothing → 0, size 0", [.n]) { host in
      let container = try host.type1().container
      try expect(host.unmapDMA(container, at: 0x1_0000, size: 0x1000), equals: .init(0))
    },
    ContractCase(424, "type1 v2: UNMAP superset → 0, size = removed", [.n]) { host in
      let container = try host.type1().container
      try host.mapDMA(container, try host.memory(), at: 0x1_0000, size: 0x4000)
      try expect(host.unmapDMA(container, at: 0, size: 0x10_0000), equals: .init(0x4000))
    },
    ContractCase(425, "type1 v2: UNMAP ALL with iova or size → EINVAL", [.n]) { host in
      let container = try host.type1().container
      for (iova, size) in [(0x1000, 0), (0, 0x1000)] as [(UInt64, UInt64)] {
        try expect(
          host.unmapDMA(container, at: iova, size: size, flags: VFIO_DMA_UNMAP_FLAG_ALL).failure,
          equals: .invalidArgument)
      }
    },
    ContractCase(426, "type1 v2: UNMAP ALL → 0, size = total", [.n]) { host in
      let container = try host.type1().container
      let memory = try host.memory()
      try host.mapDMA(container, memory, at: 0x1_0000, size: 0x4000)
      try host.mapDMA(container, memory, at: 0x10_0000)
      try expect(
        host.unmapDMA(container, at: 0, size: 0, flags: VFIO_DMA_UNMAP_FLAG_ALL),
        equals: .init(0x5000))
    },
    ContractCase(428, "type1 v1: UNMAP third page of 4 → 0, size 0", [.n]) { host in
      let container = try host.type1(version: 1).container
      try host.mapDMA(container, try host.memory(), at: 0x1_0000, size: 0x4000)
      try expect(host.unmapDMA(container, at: 0x1_2000, size: 0x1000), equals: .init(0))
    },
    ContractCase("428b", "type1 v1: UNMAP first page of 4 → 0, all of it", [.n]) { host in
      let container = try host.type1(version: 1).container
      try host.mapDMA(container, try host.memory(), at: 0x1_0000, size: 0x4000)
      try expect(host.unmapDMA(container, at: 0x1_0000, size: 0x1000), equals: .init(0x4000))
    },
    ContractCase(429, "type1 v2: UNMAP VADDR then MAP VADDR exact → 0, 0", [.n]) { host in
      let container = try host.type1().container
      let memory = try host.memory()
      try host.mapDMA(container, memory, at: 0x1000)
      try expect(
        host.unmapDMA(container, at: 0x1000, size: 4096, flags: VFIO_DMA_UNMAP_FLAG_VADDR),
        equals: .init(4096))
      try host.mapDMA(container, memory, at: 0x1000, flags: VFIO_DMA_MAP_FLAG_VADDR)
      try expect(host.unmapDMA(container, at: 0x1000, size: 4096), equals: .init(4096))
    },
    ContractCase(
      "429b", "type1 v2, VADDR invalidated: SET_CONTAINER of a group → EBUSY", [.n, .s0]
    ) {
      host in
      let container = try host.type1().container
      let memory = try host.memory()
      try host.mapDMA(container, memory, at: 0x1000)
      try expect(
        host.unmapDMA(container, at: 0x1000, size: 4096, flags: VFIO_DMA_UNMAP_FLAG_VADDR),
        equals: .init(4096))
      let other = try host.group(.s0)
      try expect(.resourceBusy) { try host.setContainer(other, container) }
      try host.mapDMA(container, memory, at: 0x1000, flags: VFIO_DMA_MAP_FLAG_VADDR)
      try host.setContainer(other, container)
    },
    ContractCase(430, "VADDR not invalidated: MAP VADDR → EINVAL", [.n]) { host in
      let container = try host.type1().container
      let memory = try host.memory()
      try host.mapDMA(container, memory, at: 0x1000)
      try expect(.invalidArgument) {
        try host.mapDMA(container, memory, at: 0x1000, flags: VFIO_DMA_MAP_FLAG_VADDR)
      }
    },
    ContractCase(431, "no mapping there: MAP VADDR → ENOENT", [.n]) { host in
      let container = try host.type1().container
      let memory = try host.memory()
      try expect(.noSuchFileOrDirectory) {
        try host.mapDMA(container, memory, at: 0x8000, flags: VFIO_DMA_MAP_FLAG_VADDR)
      }
    },
  ]

  private static let start = UInt32(VFIO_IOMMU_DIRTY_PAGES_FLAG_START)
  private static let stop = UInt32(VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP)

  static let type1Others: [ContractCase] = [
    ContractCase(432, "type1 v2: DIRTY_PAGES START, STOP → 0, 0", [.n]) { host in
      let container = try host.type1().container
      try host.call(container, VFIO_IOMMU_DIRTY_PAGES, [8, start])
      try host.call(container, VFIO_IOMMU_DIRTY_PAGES, [8, start])
      try host.call(container, VFIO_IOMMU_DIRTY_PAGES, [8, stop])
    },
    ContractCase("432b", "type1 v2: DIRTY_PAGES with two or unknown flags → EINVAL", [.n]) { host in
      let container = try host.type1().container
      for flags in [start | stop, 8] {
        try expect(.invalidArgument) {
          try host.call(container, VFIO_IOMMU_DIRTY_PAGES, [8, flags])
        }
      }
    },
    ContractCase("432c", "type1 v2: GET_BITMAP → EINVAL; after START all mapped pages", [.n]) {
      host in
      let container = try host.type1().container
      try host.mapDMA(container, try host.memory(), at: 0x2000, size: 0x3000)
      let bitmap = try host.memory(pages: 1)
      let get: [UInt32] = [
        48, UInt32(VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP), 0, 0, 0x1_0000, 0, 4096, 0, 8, 0,
        UInt32(truncatingIfNeeded: bitmap), UInt32(bitmap >> 32),
      ]
      try expect(.invalidArgument) { try host.call(container, VFIO_IOMMU_DIRTY_PAGES, get) }
      try host.call(container, VFIO_IOMMU_DIRTY_PAGES, [8, start])
      try host.call(container, VFIO_IOMMU_DIRTY_PAGES, get)
      try expect(try host.peek(bitmap), equals: 0b11100)
    },
    ContractCase("432d", "type1 v2: UNMAP GET_DIRTY → EINVAL; after START all pages", [.n]) {
      host in
      let container = try host.type1().container
      try host.mapDMA(container, try host.memory(), at: 0x2000, size: 0x3000)
      let bitmap = try host.memory(pages: 1)
      let unmap: [UInt32] = [
        48, UInt32(VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP), 0x2000, 0, 0x3000, 0, 4096, 0, 8, 0,
        UInt32(truncatingIfNeeded: bitmap), UInt32(bitmap >> 32),
      ]
      try expect(.invalidArgument) { try host.call(container, VFIO_IOMMU_UNMAP_DMA, unmap) }
      try host.call(container, VFIO_IOMMU_DIRTY_PAGES, [8, start])
      try expect(try host.call(container, VFIO_IOMMU_UNMAP_DMA, unmap)[4], equals: 0x3000)
      try expect(try host.peek(bitmap), equals: 0b111)
    },
    ContractCase(433, "type1 v1: DIRTY_PAGES START → EACCES", [.n]) { host in
      let container = try host.type1(version: 1).container
      try expect(.permissionDenied) {
        try host.call(container, VFIO_IOMMU_DIRTY_PAGES, [8, start])
      }
    },
    ContractCase(434, "type1: IOMMU_ENABLE → ENOTTY", [.n]) { host in
      let container = try host.type1().container
      try expect(.enotty) { try host.call(container, 0x3B73) }
    },
    ContractCase(435, "type1: GET_INFO argsz 15 → EINVAL, 16 → argsz rewritten", [.n]) { host in
      let container = try host.type1().container
      try expect(.invalidArgument) { try host.call(container, VFIO_IOMMU_GET_INFO, [15, 0, 0, 0]) }
      let short = try host.call(container, VFIO_IOMMU_GET_INFO, [16, 0, 0, 0])
      try expect(short[0] > 24, "argsz is \(short[0])")
      try expect(short[2] & 4096, equals: 4096, "page sizes")
    },
    ContractCase("435b", "type1: GET_INFO in full → capabilities 2, 3, 1", [.n]) { host in
      let container = try host.type1().container
      let size = try host.iommuInfo(container, size: 24)[0]
      let words = try host.iommuInfo(container, size: Int(size))
      try expect(words[1], equals: 3, "flags")
      let list = ContractHost.capabilities(words, from: words[4])
      try expect(list.map(\.id), equals: [2, 3, 1])
      try expect(words[list[1].at + 2], equals: 65535, "free entries")
      try expect(size, equals: 24 + 32 + 16 + 16 + 16 * words[list[2].at + 2], "argsz")
    },
  ]
}
