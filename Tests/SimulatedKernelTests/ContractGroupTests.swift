import CLinux
import HostKernel
import SimulatedKernel
import SystemPackage
import Testing

/// Sections 12.3 and 12.14 of the contract.
@Suite("Contract: groups and containers")
struct ContractGroupTests {
  @Test("groups and native containers", arguments: native)
  func nativeRow(_ row: ContractCase) throws { try row.run() }

  @Test("65, 66, 102: no interrupt remapping needs the module's own override")
  func interruptIsolation() throws {
    let host = try ContractHost()
    let container = try host.container()
    let group = try host.group(19)
    try host.setContainer(group, container)
    expect(.notPermitted) { try host.call(container, VFIO_SET_IOMMU, value: 3) }
    host.close(group)
    let node = try host.node(ContractHost.m)
    let iommufd = try host.iommufd()
    expect(.notPermitted) { try host.bind(node, iommufd) }

    let lenient = try ContractHost { description in
      description.type1AllowsUnsafeInterrupts = true
    }
    let backend = try lenient.container()
    _ = try lenient.usableGroup(19, container: backend)
    let other = try ContractHost { description in
      description.iommufdAllowsUnsafeInterrupts = true
    }
    _ = try other.bound(ContractHost.m, try other.iommufd())
  }

  static let viable: UInt32 = 1
  static let name = "0000:83:00.0"

  static func status(_ host: ContractHost, _ group: Int32) throws -> UInt32 {
    try host.call(group, VFIO_GROUP_GET_STATUS, [8, 0])[1]
  }

  static let native: [ContractCase] = [
    ContractCase(41, "the group node opens; 42 once only") { host in
      let group = try host.group(14)
      expect(.resourceBusy) { _ = try host.group(14) }
      host.close(group)
      host.close(try host.group(14))
    },
    ContractCase(44, "an unbound device file does not block the group") { host in
      _ = try host.node(ContractHost.a0)
      _ = try host.group(12)
    },
    ContractCase(45, "nobody owns: viable; 49 argsz 7") { host in
      let group = try host.group(14)
      #expect(try status(host, group) == viable)
      expect(.invalidArgument) { try host.call(group, VFIO_GROUP_GET_STATUS, [7, 0]) }
    },
    ContractCase(46, "a member on its native driver: not viable; 58 SET_CONTAINER refused") {
      host in
      try host.kernel.unbindDriver(of: ContractHost.a1)
      try host.kernel.bindDriver("e1000e", to: ContractHost.a1)
      let group = try host.group(12)
      #expect(try status(host, group) == 0)
      let container = try host.container()
      expect(.notPermitted) { try host.setContainer(group, container) }
    },
    ContractCase(47, "a member without driver: viable") { host in
      try host.kernel.unbindDriver(of: ContractHost.a1)
      #expect(try status(host, try host.group(12)) == viable)
    },
    ContractCase(48, "a member on pci-stub: all works; 77 it cannot be opened") { host in
      try host.kernel.unbindDriver(of: ContractHost.a1)
      try host.kernel.bindDriver("pci-stub", to: ContractHost.a1)
      let container = try host.container()
      let group = try host.usableGroup(12, container: container)
      #expect(try status(host, group) == 3)
      _ = try host.device(group, "0000:81:00.0")
      expect(Errno(rawValue: 19)) { _ = try host.device(group, "0000:81:00.1") }
    },
    ContractCase(50, "GET_DEVICE_FD without container; 51 without backend; 52 UNSET of nothing") {
      host in
      let group = try host.group(14)
      expect(.invalidArgument) { _ = try host.device(group, name) }
      expect(.invalidArgument) { try host.call(group, VFIO_GROUP_UNSET_CONTAINER) }
      try host.setContainer(group, try host.container())
      expect(.invalidArgument) { _ = try host.device(group, name) }
    },
    ContractCase(53, "SET_CONTAINER twice; 59 status of a usable group") { host in
      let container = try host.container()
      let group = try host.usableGroup(14, container: container)
      expect(.invalidArgument) { try host.setContainer(group, container) }
      #expect(try status(host, group) == 3)
    },
    ContractCase(54, "a trailing blank in the name") { host in
      let group = try host.usableGroup(14, container: try host.container())
      _ = try host.device(group, name + " ")
    },
    ContractCase(56, "SET_CONTAINER of -1; 57 of some other file") { host in
      let group = try host.group(14)
      expect(.badFileDescriptor) { try host.setContainer(group, -1) }
      let event = try host.event()
      expect(Errno(rawValue: 77)) { try host.setContainer(group, event) }
      expect(Errno(rawValue: 77)) { try host.setContainer(group, 2) }
    },
    ContractCase(60, "SET_IOMMU of an empty container; 61, 62 unknown; 63 twice") { host in
      let container = try host.container()
      expect(.invalidArgument) { try host.call(container, VFIO_SET_IOMMU, value: 3) }
      let group = try host.group(14)
      try host.setContainer(group, container)
      for backend in [99, 6] as [UInt] {
        expect(Errno(rawValue: 19)) { try host.call(container, VFIO_SET_IOMMU, value: backend) }
      }
      try host.call(container, VFIO_SET_IOMMU, value: 3)
      expect(.invalidArgument) { try host.call(container, VFIO_SET_IOMMU, value: 3) }
    },
    ContractCase(64, "CHECK_EXTENSION with and without backend") { host in
      let container = try host.container()
      func answers() throws -> [Int32] {
        try [1, 3, 9, 10, 4, 8, 77].map {
          try host.call(container, VFIO_CHECK_EXTENSION, value: $0)
        }
      }
      #expect(try answers() == [1, 1, 1, 0, 0, 0, 0])
      _ = try host.usableGroup(14, container: container)
      #expect(try answers() == [1, 1, 1, 1, 1, 0, 0])
      #expect(try host.call(container, VFIO_GET_API_VERSION) == 0)
    },
    ContractCase(68, "a device file keeps its group open") { host in
      let container = try host.container()
      let group = try host.usableGroup(14, container: container)
      let device = try host.device(group, name)
      expect(.resourceBusy) { try host.call(group, VFIO_GROUP_UNSET_CONTAINER) }
      host.close(group)
      expect(.resourceBusy) { _ = try host.group(14) }
      host.close(device)
      _ = try host.group(14)
    },
    ContractCase(69, "the other group keeps mappings; 70, 71 the last takes them along") { host in
      let container = try host.container()
      let first = try host.usableGroup(14, container: container)
      let second = try host.group(16)
      try host.setContainer(second, container)
      let memory = try host.memory()
      try mapDMA(host, container, memory, at: 0x10000)
      try host.call(first, VFIO_GROUP_UNSET_CONTAINER)
      expect(.fileExists) { try mapDMA(host, container, memory, at: 0x10000) }
      try host.call(second, VFIO_GROUP_UNSET_CONTAINER)
      expect(.invalidArgument) { try mapDMA(host, container, memory, at: 0x10000) }
      try host.setContainer(second, container)
      try host.call(container, VFIO_SET_IOMMU, value: 3)
      try mapDMA(host, container, memory, at: 0x10000)
    },
    ContractCase(72, "a second file of an open device shares it") { host in
      let group = try host.usableGroup(14, container: try host.container())
      let first = try host.device(group, name)
      let second = try host.device(group, name)
      try host.setConfig(first, 0x3C, 0x33, width: 1)
      host.close(first)
      #expect(try host.config(second, 0x3C, width: 1) == 0x33)
    },
    ContractCase(73, "a device of another group; 74 glued; 75 junk; 76 NULL") { host in
      let group = try host.usableGroup(14, container: try host.container())
      expect(Errno(rawValue: 19)) { _ = try host.device(group, "0000:81:00.0") }
      expect(Errno(rawValue: 19)) { _ = try host.device(group, name + "x") }
      expect(.invalidArgument) { _ = try host.device(group, name + " junk=1") }
      expect(.invalidArgument) { _ = try host.device(group, name + " vf_token=short") }
      expect(.badAddress) { try host.call(group, VFIO_GROUP_GET_DEVICE_FD, value: 0) }
    },
    ContractCase(78, "BIND of a device file from a group") { host in
      let group = try host.usableGroup(14, container: try host.container())
      let device = try host.device(group, name)
      let iommufd = try host.iommufd()
      expect(.invalidArgument) { try host.bind(device, iommufd) }
      expect(Errno(rawValue: 25)) { try host.attach(device, 1) }
    },
  ]

  static func mapDMA(
    _ host: ContractHost, _ container: Int32, _ address: UInt64, at iova: UInt64,
    size: UInt64 = 4096, flags: UInt32 = 3
  ) throws {
    var command = vfio_iommu_type1_dma_map(
      argsz: 32, flags: flags, vaddr: address, iova: iova, size: size)
    try host.kernel.control(container, UInt(VFIO_IOMMU_MAP_DMA), on: &command)
  }

  static func unmapDMA(
    _ host: ContractHost, _ container: Int32, at iova: UInt64, size: UInt64, flags: UInt32 = 0
  ) throws -> (size: UInt64, words: [UInt32]) {
    let words = try host.call(
      container, VFIO_IOMMU_UNMAP_DMA,
      [
        24, flags, UInt32(truncatingIfNeeded: iova), UInt32(iova >> 32),
        UInt32(truncatingIfNeeded: size), UInt32(size >> 32),
      ])
    return (UInt64(words[4]) | UInt64(words[5]) << 32, words)
  }
}
