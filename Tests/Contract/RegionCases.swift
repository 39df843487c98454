internal import CLinux
internal import HostKernel
internal import SystemPackage

extension Contract {
  /// Section 12.10.
  static let regions = ContractSection("12.10", "Regions", regionAccess + ioeventfds)

  /// Rows 265 to 281.
  private static let regionAccess: [ContractCase] = [
    ContractCase(265, "REGION_INFO of config → 256 or 4096 bytes at 7<<40, read and write", [.n]) {
      host in
      let n = try host.opened(.n)
      let region = try host.region(n, 7)
      try expect([256, 4096].contains(region.size), "\(region.size) bytes")
      try expect(region.offset, equals: 7 << 40, "offset")
      try expect(region.flags, equals: 3, "flags")
    },
    ContractCase(266, "REGION_INFO of an absent BAR → size 0, flags 0, an offset", [.n]) { host in
      let n = try host.opened(.n)
      let index = try host.absentBAR(n)
      let region = try host.region(n, index)
      try expect(
        region,
        equals: ContractHost.Region(index: index, flags: 0, size: 0, offset: UInt64(index) << 40))
    },
    ContractCase(267, "REGION_INFO of an I/O BAR, mmap → read and write only, EINVAL", [.n]) {
      host in
      let (_, device) = try host.firstBound(of: functions, "an I/O BAR") {
        try host.bars($0).contains { $0.decoding == .io }
      }
      for (region, decoding) in try host.bars(device) where decoding == .io {
        try expect(region.flags, equals: 3, "flags")
        try expect(.invalidArgument) {
          _ = try host.map(
            MappingRequest(descriptor: device, offset: region.offset, length: 4096))
        }
      }
    },
    ContractCase(268, "reading past a BAR's end, across it → EINVAL, the part before it", [.n]) {
      host in
      let n = try host.opened(.n)
      let bar = try host.mappableBAR(n)
      try expect(.invalidArgument) { _ = try host.read(n, bar.offset + bar.size, count: 4) }
      try expect(try host.read(n, bar.offset + bar.size - 2, count: 4).count, equals: 2)
    },
    ContractCase(269, "reading an absent BAR → EINVAL", [.n]) { host in
      let n = try host.opened(.n)
      let index = try host.absentBAR(n)
      try expect(.invalidArgument) { _ = try host.read(n, UInt64(index) << 40, count: 4) }
    },
    ContractCase(270, "memory decoding off, reading and writing a memory BAR → EIO", [.n]) { host in
      let n = try host.opened(.n)
      let bar = try host.mappableBAR(n)
      try host.setMemoryDecoding(n, false)
      try expect(.ioError) { _ = try host.read(n, bar.offset, count: 4) }
      try expect(.ioError) { try host.write(n, bar.offset, [0, 0, 0, 0]) }
    },
    ContractCase("270b", "memory and I/O decoding off, reading an I/O BAR → works", [.n]) { host in
      let (_, device) = try host.firstBound(of: functions, "an I/O BAR") {
        try host.bars($0).contains { $0.decoding == .io }
      }
      try host.setConfig(device, 4, 0, width: 2)
      for (region, decoding) in try host.bars(device) where decoding == .io {
        try expect(try host.read(device, region.offset, count: 4).count, equals: 4)
      }
    },
    ContractCase(272, "memory decoding off, mmap, touch → 0, SIGBUS", [.n]) { host in
      let n = try host.opened(.n)
      let bar = try host.mappableBAR(n)
      try host.setMemoryDecoding(n, false)
      let address = try host.map(MappingRequest(descriptor: n, offset: bar.offset, length: 4096))
      try expect(!host.isTouchable(address), "a touch succeeds")
    },
    ContractCase(273, "a mapped BAR, decoding off and on again, touch → works", [.n]) { host in
      let n = try host.opened(.n)
      let bar = try host.mappableBAR(n)
      let address = try host.map(MappingRequest(descriptor: n, offset: bar.offset, length: 4096))
      try expect(try host.isTouchable(address), "a touch fails at first")
      try host.setMemoryDecoding(n, false)
      try expect(!host.isTouchable(address), "a touch succeeds while decoding is off")
      try host.setMemoryDecoding(n, true)
      try expect(try host.isTouchable(address), "a touch fails after decoding is on again")
    },
    ContractCase("273b", "a mapped BAR, D3hot and D0 again → SIGBUS, works", [.n]) { host in
      let n = try host.opened(.n)
      let power = try host.require(n, .powerManagement)
      let bar = try host.mappableBAR(n)
      let address = try host.map(MappingRequest(descriptor: n, offset: bar.offset, length: 4096))
      try host.setConfig(n, power + 4, 3, width: 2)
      try expect(!host.isTouchable(address), "a touch succeeds in D3hot")
      try host.setConfig(n, power + 4, 0, width: 2)
      try expect(try host.isTouchable(address), "a touch fails in D0")
    },
    ContractCase(274, "the MSI-X table, read, written → ones, dropped but counted", [.n]) { host in
      let n = try host.opened(.n)
      let (bar, range) = try host.messageTable(n)
      let start = bar.offset + range.lowerBound
      let ones = [UInt8](repeating: 0xFF, count: 16)
      try expect(try host.read(n, start, count: 16), equals: ones, "first entry")
      try expect(
        try host.read(n, bar.offset + range.upperBound - 16, count: 16), equals: ones,
        "last entry")
      try expect(try host.write(n, start, [1, 2, 3, 4]), equals: 4, "count")
      guard bar.isMappable else { return }
      let page = range.lowerBound & ~4095
      let address = try host.map(
        MappingRequest(descriptor: n, offset: bar.offset + page, length: 4096))
      let entry = try host.word(at: UInt64(address) + (range.lowerBound - page))
      try expect(entry != 0x0403_0201, "the write arrived")
    },
    ContractCase(275, "V0, memory decoding off virtually, reading a BAR → works", [.p, .v0]) {
      host in
      let v0 = try host.openedVirtual(.v0)
      guard let bar = try host.bars(v0).first?.region else {
        throw ContractSkip("V0 has no BAR")
      }
      try host.setMemoryDecoding(v0, false)
      try expect(try host.read(v0, bar.offset, count: 4).count, equals: 4)
    },
    ContractCase(276, "mapping a BAR private → EINVAL", [.n]) { host in
      let n = try host.opened(.n)
      let bar = try host.mappableBAR(n)
      var request = MappingRequest(descriptor: n, offset: bar.offset, length: 4096)
      request.isPrivate = true
      try expect(.invalidArgument) { _ = try host.map(request) }
    },
    ContractCase(277, "mapping beyond a BAR's end → EINVAL", [.n]) { host in
      let n = try host.opened(.n)
      let bar = try host.mappableBAR(n)
      try expectUnmappable(host, n, at: bar.offset, length: Int(bar.size) + 4096)
      try expectUnmappable(host, n, at: bar.offset + bar.size, length: 4096)
    },
    ContractCase(278, "mapping config space → EINVAL", [.n]) { host in
      try expectUnmappable(host, try host.opened(.n), at: ContractHost.config, length: 4096)
    },
    ContractCase(279, "reading region 9 → EINVAL", [.n]) { host in
      let n = try host.opened(.n)
      let words = try host.call(n, VFIO_DEVICE_GET_INFO, [16, 0, 0, 0])
      let index = UInt64(words[2])
      try expect(.invalidArgument) { _ = try host.read(n, index << 40, count: 4) }
    },
    ContractCase(280, "reading nothing → 0", [.n]) { host in
      let n = try host.opened(.n)
      for offset in [ContractHost.config, try host.mappableBAR(n).offset] {
        try expect(try host.read(n, offset, count: 0), equals: [])
      }
    },
    ContractCase(281, "writing the ROM → EINVAL", [.n]) { host in
      let n = try host.opened(.n)
      try expect(.invalidArgument) { try host.write(n, 6 << 40, [0, 0, 0, 0]) }
    },
  ]

  private static func expectUnmappable(
    _ host: ContractHost, _ device: Int32, at offset: UInt64, length: Int,
    file: StaticString = #fileID, line: UInt = #line
  ) throws {
    try expect(.invalidArgument, file: file, line: line) {
      _ = try host.map(MappingRequest(descriptor: device, offset: offset, length: length))
    }
  }
}
