import CLinux
import HostKernel
import SimulatedKernel
import SystemPackage
import Testing

/// Section 12.13 of the contract.
@Suite("Contract: type1 mappings")
struct ContractType1Tests {
  @Test("type1 mappings", arguments: type1)
  func type1Row(_ row: ContractCase) throws { try row.run() }

  /// A container with one group and a backend, and the group.
  static func usable(
    _ host: ContractHost, backend: UInt = 3
  ) throws -> (container: Int32, group: Int32) {
    let container = try host.container()
    let group = try host.usableGroup(14, container: container, backend: backend)
    return (container, group)
  }

  static let type1: [ContractCase] = [
    ContractCase(413, "MAP size 0; 414 flags; 416 alignment; 418 MSI window; 419 bad address") {
      host in
      let (container, _) = try usable(host)
      let memory = try host.memory()
      func map(
        _ address: UInt64, at iova: UInt64, size: UInt64 = 4096, flags: UInt32 = 3
      ) throws {
        try ContractGroupTests.mapDMA(
          host, container, address, at: iova, size: size, flags: flags)
      }
      expect(.invalidArgument) { try map(memory, at: 0, size: 0) }
      expect(.invalidArgument) { try map(memory, at: 0, flags: 0) }
      expect(.invalidArgument) { try map(memory, at: 0, flags: 8) }
      expect(.invalidArgument) { try map(memory, at: 1) }
      expect(.overflow) { try map(memory, at: .max - 4094) }
      expect(.invalidArgument) { try map(memory, at: 0xFEE0_0000) }
      let hole = try host.hole()
      expect(.badAddress) { try map(hole, at: 0x1000) }
      try map(memory, at: 0xFEDF_F000)
      expect(.fileExists) { try map(memory, at: 0xFEDF_F000, size: 0x2000) }
    },
    ContractCase(420, "a BAR can be mapped") { host in
      let (container, group) = try usable(host)
      let device = try host.device(group, ContractGroupTests.name)
      let bar = try host.kernel.map(MappingRequest(descriptor: device, length: 4096))
      try ContractGroupTests.mapDMA(host, container, UInt64(bar), at: 0x1000)
      host.kernel.unmap(address: bar, length: 4096)
    },
    ContractCase(422, "UNMAP cutting; 423 nothing; 424 more; 425, 426 ALL") { host in
      let (container, _) = try usable(host)
      let memory = try host.memory()
      func unmap(_ iova: UInt64, _ size: UInt64, _ flags: UInt32 = 0) throws -> UInt64 {
        let answer = try ContractGroupTests.unmapDMA(
          host, container, at: iova, size: size, flags: flags)
        return answer.size
      }
      try ContractGroupTests.mapDMA(host, container, memory, at: 0x1_0000, size: 0x4000)
      expect(.invalidArgument) { _ = try unmap(0x1_1000, 0x1000) }
      expect(.invalidArgument) { _ = try unmap(0x1_0000, 0x2000) }
      #expect(try unmap(0x8_0000, 0x1000) == 0)
      #expect(try unmap(0, 0x10_0000) == 0x4000)
      try ContractGroupTests.mapDMA(host, container, memory, at: 0x1_0000, size: 0x4000)
      expect(.invalidArgument) { _ = try unmap(0x1000, 0, 2) }
      #expect(try unmap(0, 0, 2) == 0x4000)
    },
    ContractCase(428, "version 1: a range inside a mapping, and one that covers its start") {
      host in
      let (container, _) = try usable(host, backend: 1)
      let memory = try host.memory()
      try ContractGroupTests.mapDMA(host, container, memory, at: 0x1_0000, size: 0x4000)
      #expect(
        try ContractGroupTests.unmapDMA(host, container, at: 0x1_2000, size: 0x1000).size == 0)
      #expect(
        try ContractGroupTests.unmapDMA(host, container, at: 0x1_0000, size: 0x1000).size == 0x4000)
      expect(.permissionDenied) {
        try host.call(container, VFIO_IOMMU_DIRTY_PAGES, [8, 1])
      }
    },
    ContractCase(429, "VADDR taken and given back; 430 twice; 431 nothing there") { host in
      let (container, _) = try usable(host)
      let memory = try host.memory()
      func give(_ iova: UInt64) throws {
        try ContractGroupTests.mapDMA(host, container, memory, at: iova, flags: 4)
      }
      try ContractGroupTests.mapDMA(host, container, memory, at: 0x1000)
      expect(.invalidArgument) { try give(0x1000) }
      #expect(
        try ContractGroupTests.unmapDMA(host, container, at: 0x1000, size: 4096, flags: 4).size
          == 4096)
      let other = try host.group(16)
      expect(.resourceBusy) { try host.setContainer(other, container) }
      try give(0x1000)
      expect(.noSuchFileOrDirectory) { try give(0x8000) }
    },
    ContractCase(434, "IOMMU_ENABLE; 435 GET_INFO short, and in full") { host in
      let (container, _) = try usable(host)
      expect(Errno(rawValue: 25)) { try host.call(container, 0x3B73) }
      expect(.invalidArgument) {
        try host.call(container, VFIO_IOMMU_GET_INFO, [15, 0, 0, 0])
      }
      #expect(try host.call(container, VFIO_IOMMU_GET_INFO, [16, 0, 0, 0])[0] == 120)
      let words = try host.call(
        container, VFIO_IOMMU_GET_INFO, [120] + [UInt32](repeating: 0, count: 29))
      #expect(words[4] == 24)
      #expect(words[6] == 0x0001_0002)
      #expect(words[14] == 0x0001_0003)
      #expect(words[16] == 65535)
      #expect(words[18] == 0x0001_0001)
    },
  ]
}
