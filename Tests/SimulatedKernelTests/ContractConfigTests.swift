import CLinux
import Glibc
import HostKernel
import PCI
import SimulatedKernel
import SystemPackage
import Testing

/// Sections 12.9 and 12.10 of the contract.
@Suite("Contract: config space and regions")
struct ContractConfigTests {
  @Test("config space", arguments: config)
  func configRow(_ row: ContractCase) throws { try row.run() }

  @Test("regions", arguments: regions)
  func regionRow(_ row: ContractCase) throws { try row.run() }

  /// A device bound to a fresh context.
  static func open(_ host: ContractHost, _ address: PCIAddress) throws -> Int32 {
    try host.bound(address, try host.iommufd()).descriptor
  }

  static let config: [ContractCase] = [
    ContractCase(236, "BAR 0 as the host has it; 237, 238 sizing; 239 absent") { host in
      let n = try open(host, ContractHost.n)
      let bar = try host.config(n, 0x10, width: 8)
      #expect(bar & 0xF == 4)
      #expect(bar & ~0xF != 0)
      try host.setConfig(n, 0x10, 0xFFFF_FFFF, width: 4)
      try host.setConfig(n, 0x14, 0xFFFF_FFFF, width: 4)
      #expect(try host.config(n, 0x10, width: 8) == ~0x3FFF | 4)
      try host.setConfig(n, 0x18, 0xFFFF_FFFF, width: 4)
      #expect(try host.config(n, 0x18, width: 4) == 0)
      #expect(
        try host.kernel.hardwareConfig(of: ContractHost.n)[0x14..<0x18] != [255, 255, 255, 255])
    },
    ContractCase(240, "vendor takes no write; 241 command; 242 line; 243 pin") { host in
      let n = try open(host, ContractHost.n)
      try host.setConfig(n, 0, 0x1234, width: 2)
      #expect(try host.config(n, 0, width: 4) == 0x0010_1B36)
      #expect(try host.config(n, 4, width: 2) == 0x0103)
      try host.setConfig(n, 4, 0xFFFF, width: 2)
      #expect(try host.config(n, 4, width: 2) == 0x0507)
      try host.setConfig(n, 0x3C, 0x33, width: 1)
      #expect(try host.config(n, 0x3C, width: 1) == 0x33)
      try host.setConfig(n, 0x3D, 4, width: 1)
      #expect(try host.config(n, 0x3D, width: 1) == 1)
    },
    ContractCase(248, "a hidden capability is unlinked, its registers stay; 249 at the head") {
      host in
      let n = try open(host, ContractHost.n)
      #expect(try host.config(n, 0x100, width: 4) == 0x1400_0000)
      #expect(try host.config(n, 0x140, width: 4) == 0x1902_0001)
      #expect(try host.config(n, 0x190, width: 4) == 0x0001_0018)
      let p = try open(host, ContractHost.p)
      #expect(try host.config(p, 0x100, width: 4) == 0x1201_000F)
      #expect(try host.config(p, 0x120, width: 4) == 0x0001_0013)
      #expect(try host.config(p, 0x110, width: 4) == 0x1201_001B)
    },
    ContractCase(250, "PMCSR; 251 D3hot stops memory; 252 D0 again") { host in
      let n = try open(host, ContractHost.n)
      try host.setConfig(n, 0x64, 0x8103, width: 2)
      #expect(try host.config(n, 0x64, width: 2) == 0x000B)
      #expect(try host.config(n, 0x62, width: 2) & 0xF800 == 0)
      expect(.ioError) { _ = try host.read(n, 0, count: 4) }
      try host.setConfig(n, 0x64, 0, width: 2)
      _ = try host.read(n, 0, count: 4)
      #expect(try host.config(n, 0x64, width: 2) & 3 == 0)
    },
    ContractCase(254, "MSI control while MSI is off; 255 MSI-X control") { host in
      let n = try open(host, ContractHost.n)
      try host.setConfig(n, 0xC2, 0xFF, width: 1)
      #expect(try host.config(n, 0xC2, width: 1) == 0x8E)
      let before = try host.config(n, 0x42, width: 2)
      try host.setConfig(n, 0x42, 0xFFFF, width: 2)
      #expect(try host.config(n, 0x42, width: 2) == before)
    },
    ContractCase(256, "DEVCTL; 257 its FLR bit resets") { host in
      let n = try open(host, ContractHost.n)
      let before = try host.kernel.resetCount(of: ContractHost.n)
      try host.setConfig(n, 0x88, 0x7FFF, width: 2)
      #expect(try host.config(n, 0x88, width: 2) == 0x70E0)
      #expect(try host.kernel.resetCount(of: ContractHost.n) == before)
      try host.setConfig(n, 0x88, 0xFFFF, width: 2)
      #expect(try host.config(n, 0x88, width: 2) == 0x70E0)
      #expect(try host.kernel.resetCount(of: ContractHost.n) == before + 1)
    },
    ContractCase(258, "AER masks") { host in
      let n = try open(host, ContractHost.n)
      for (offset, mask) in [(0x148, 0x03FF_F031), (0x154, 0xF1C1)] as [(Int, UInt64)] {
        try host.setConfig(n, offset, 0xFFFF_FFFF, width: 4)
        #expect(try host.config(n, offset, width: 4) == mask)
      }
    },
    ContractCase(260, "past the end; 261 across it; 262 an odd read") { host in
      let b0 = try open(host, ContractHost.b0)
      expect(.badAddress) { _ = try host.config(b0, 0x100, width: 4) }
      let n = try open(host, ContractHost.n)
      expect(.badAddress) { _ = try host.config(n, 0xFFE, width: 4) }
      expect(.badAddress) { try host.setConfig(n, 0xFFE, 0, width: 4) }
      #expect(try host.read(n, ContractHost.config + 1, count: 3) == [0x1B, 0x10, 0x00])
    },
    ContractCase(264, "the ROM BAR, and one that is absent") { host in
      let n = try open(host, ContractHost.n)
      try host.setConfig(n, 0x30, 0xFFFF_FFFF, width: 4)
      #expect(try host.config(n, 0x30, width: 4) == 0xFFFF_0001)
      let r = try open(host, ContractHost.r)
      try host.setConfig(r, 0x30, 0xFFFF_FFFF, width: 4)
      #expect(try host.config(r, 0x30, width: 4) == 0)
    },
    ContractCase(nil, "VPD gives four bytes at a time") { host in
      let n = try open(host, ContractHost.n)
      try host.setConfig(n, 0x52, 4, width: 2)
      #expect(try host.config(n, 0x52, width: 2) == 0x8004)
      #expect(try host.config(n, 0x54, width: 4) == 0x6F6C_6C65)
    },
  ]

  static let regions: [ContractCase] = [
    ContractCase(265, "the config region; 266 an absent BAR; 267 I/O") { host in
      let a0 = try open(host, ContractHost.a0)
      func info(_ index: UInt32) throws -> [UInt32] {
        try host.call(a0, VFIO_DEVICE_GET_REGION_INFO, [32, 0, index, 0, 0, 0, 0, 0])
      }
      #expect(try info(7) == [32, 3, 7, 0, 4096, 0, 0, 7 << 8])
      #expect(try info(5) == [32, 0, 5, 0, 0, 0, 0, 5 << 8])
      #expect(try info(2) == [32, 3, 2, 0, 32, 0, 0, 2 << 8])
      #expect(try info(0) == [32, 7, 0, 0, 0x20000, 0, 0, 0])
      expect(.invalidArgument) {
        _ = try host.kernel.map(MappingRequest(descriptor: a0, offset: 2 << 40, length: 4096))
      }
      let b0 = try open(host, ContractHost.b0)
      let config = try host.call(b0, VFIO_DEVICE_GET_REGION_INFO, [32, 0, 7, 0, 0, 0, 0, 0])
      #expect(config[4] == 256)
    },
    ContractCase(268, "past the end and across it; 269 absent; 280 nothing") { host in
      let n = try open(host, ContractHost.n)
      expect(.invalidArgument) { _ = try host.read(n, 0x4000, count: 4) }
      #expect(try host.read(n, 0x3FFE, count: 4).count == 2)
      #expect(try host.write(n, 0x3FFE, [1, 2, 3, 4]) == 2)
      expect(.invalidArgument) { _ = try host.read(n, 2 << 40, count: 4) }
      #expect(try host.read(n, 0x4000, count: 0).count == 0)
    },
    ContractCase(270, "memory decoding off; I/O is not checked") { host in
      let a0 = try open(host, ContractHost.a0)
      try host.setConfig(a0, 4, 0, width: 2)
      expect(.ioError) { _ = try host.read(a0, 0, count: 4) }
      expect(.ioError) { try host.write(a0, 0, [0]) }
      _ = try host.read(a0, 2 << 40, count: 4)
      let address = try host.kernel.map(MappingRequest(descriptor: a0, length: 4096))
      host.kernel.unmap(address: address, length: 4096)
      try host.setConfig(a0, 4, 2, width: 2)
      _ = try host.read(a0, 0, count: 4)
    },
    ContractCase(274, "the MSI-X table") { host in
      let n = try open(host, ContractHost.n)
      #expect(try host.write(n, 0x1FFE, [1, 2, 3, 4]) == 4)
      #expect(try host.read(n, 0x1FFE, count: 4) == [1, 2, 0xFF, 0xFF])
      let end: UInt64 = 0x2000 + 65 * 16
      #expect(try host.write(n, end - 1, [5, 6]) == 2)
      #expect(try host.read(n, end - 1, count: 2) == [0xFF, 6])
      let address = try host.kernel.map(
        MappingRequest(descriptor: n, offset: 0x2000, length: 4096))
      #expect(try peekWord(UInt64(address)) == 0)
      host.kernel.unmap(address: address, length: 4096)
    },
    ContractCase(277, "mapping past the end; 278 config; 279 index 9; 281 writing the ROM") {
      host in
      let n = try open(host, ContractHost.n)
      for (offset, length) in [(0, 0x5000), (0x4000, 4096), (7 << 40, 4096), (6 << 40, 4096)]
        as [(UInt64, Int)]
      {
        expect(.invalidArgument) {
          _ = try host.kernel.map(
            MappingRequest(descriptor: n, offset: offset, length: length))
        }
      }
      expect(.invalidArgument) { _ = try host.read(n, 9 << 40, count: 4) }
      expect(.invalidArgument) { try host.write(n, 6 << 40, [0]) }
      #expect(try host.read(n, 6 << 40, count: 2) == [0x55, 0xAA])
    },
    ContractCase(nil, "a device that left the bus reads as ones") { host in
      let n = try open(host, ContractHost.n)
      try host.kernel.setGone(ContractHost.n, true)
      #expect(try host.config(n, 0, width: 4) == 0xFFFF_FFFF)
      #expect(try host.read(n, 0, count: 2) == [0xFF, 0xFF])
      try host.write(n, 0, [1])
    },
    ContractCase(nil, "a vendor driver's sparse areas") { _ in
      let host = try ContractHost { description in
        guard let place = description.functions.firstIndex(where: { $0.address == ContractHost.n })
        else { return }
        description.functions[place].bars[0].sparseAreas = [
          HostArea(offset: 0, size: 0x1000), HostArea(offset: 0x3000, size: 0x1000),
        ]
      }
      let n = try open(host, ContractHost.n)
      let words = try host.call(
        n, VFIO_DEVICE_GET_REGION_INFO, [96] + [UInt32](repeating: 0, count: 23))
      #expect(words[1] == 0xF)
      #expect(
        Array(words[8..<20]) == [0x0001_0001, 80, 2, 0, 0, 0, 0x1000, 0, 0x3000, 0, 0x1000, 0])
      #expect(words[20] == 0x0001_0003)
      expect(.invalidArgument) {
        _ = try host.kernel.map(MappingRequest(descriptor: n, offset: 0x1000, length: 4096))
      }
      let address = try host.kernel.map(
        MappingRequest(descriptor: n, offset: 0x3000, length: 4096))
      host.kernel.unmap(address: address, length: 4096)
    },
  ]
}
