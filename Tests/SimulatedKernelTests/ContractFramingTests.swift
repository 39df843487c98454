import CLinux
import HostKernel
import SimulatedKernel
import SystemPackage
import Testing

/// Sections 12.1 and 12.2 of the contract.
@Suite("Contract: framing and objects")
struct ContractFramingTests {
  @Test("iommufd framing and objects", arguments: objects)
  func objectRow(_ row: ContractCase) throws { try row.run() }

  @Test("VFIO framing", arguments: framing)
  func framingRow(_ row: ContractCase) throws { try row.run() }

  static let objects: [ContractCase] = [
    ContractCase(1, "IOAS_ALLOC gives 1 first") { host in
      let fd = try host.iommufd()
      #expect(try host.allocateIOAS(fd) == 1)
    },
    ContractCase(2, "size 11 is too short") { host in
      let fd = try host.iommufd()
      expect(.invalidArgument) { try host.call(fd, IOMMU_IOAS_ALLOC, [11, 0, 0]) }
    },
    ContractCase(3, "excess of zeros is fine") { host in
      let fd = try host.iommufd()
      #expect(try host.call(fd, IOMMU_IOAS_ALLOC, [20, 0, 0, 0, 0])[2] == 1)
    },
    ContractCase(4, "excess that is not zero") { host in
      let fd = try host.iommufd()
      expect(.argListTooLong) { try host.call(fd, IOMMU_IOAS_ALLOC, [20, 0, 0, 0, 1]) }
    },
    ContractCase(5, "unknown flags") { host in
      let fd = try host.iommufd()
      expect(Errno(rawValue: 95)) { try host.call(fd, IOMMU_IOAS_ALLOC, [12, 1, 0]) }
    },
    ContractCase(6, "a bad argument pointer") { host in
      let fd = try host.iommufd()
      for command in IOMMU_DESTROY...IOMMU_HW_QUEUE_ALLOC {
        expect(.badAddress) { try host.call(fd, command, value: 0) }
      }
    },
    ContractCase(7, "wrong type letter or direction bits") { host in
      let fd = try host.iommufd()
      expect(Errno(rawValue: 25)) { try host.call(fd, 0x3C81, [12, 0, 0]) }
      expect(Errno(rawValue: 25)) { try host.call(fd, 0x4000_3B81, [12, 0, 0]) }
    },
    ContractCase(8, "the argument is read before the command is compared") { host in
      let fd = try host.iommufd()
      expect(.badAddress) { try host.call(fd, 0x3C81, value: 0) }
    },
    ContractCase(9, "a slot past the last does not touch the argument") { host in
      let fd = try host.iommufd()
      expect(Errno(rawValue: 25)) { try host.call(fd, 0x3BF0, value: 0) }
    },
    ContractCase(10, "the lowest free number is used again") { host in
      let fd = try host.iommufd()
      for expected in 1...3 as ClosedRange<UInt32> {
        #expect(try host.allocateIOAS(fd) == expected)
      }
      try host.destroy(fd, 2)
      #expect(try host.allocateIOAS(fd) == 2)
    },
    ContractCase(11, "DESTROY of an unknown object") { host in
      let fd = try host.iommufd()
      expect(.noSuchFileOrDirectory) { try host.destroy(fd, 7) }
    },
    ContractCase(12, "DESTROY of 0") { host in
      let fd = try host.iommufd()
      expect(.noSuchFileOrDirectory) { try host.destroy(fd, 0) }
    },
    ContractCase(13, "DESTROY of a bound device") { host in
      let fd = try host.iommufd()
      let n = try host.bound(ContractHost.n, fd)
      expect(.resourceBusy) { try host.destroy(fd, n.identifier) }
    },
    ContractCase(14, "DESTROY of an IOAS in use; 15 of its automatic page table; 17 afterwards") {
      host in
      let fd = try host.iommufd()
      let n = try host.bound(ContractHost.n, fd)
      let ioas = try host.allocateIOAS(fd)
      let table = try host.attach(n.descriptor, ioas)
      expect(.resourceBusy) { try host.destroy(fd, ioas) }
      expect(.resourceBusy) { try host.destroy(fd, table) }
      try host.detach(n.descriptor)
      expect(.noSuchFileOrDirectory) { try host.destroy(fd, table) }
      try host.destroy(fd, ioas)
    },
    ContractCase(16, "DESTROY of an IOAS with mappings that nothing uses") { host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      try host.map(fd, ioas, try host.memory())
      try host.destroy(fd, ioas)
    },
    ContractCase(18, "an explicit page table stays after detach; 19 it holds its IOAS") { host in
      let fd = try host.iommufd()
      let n = try host.bound(ContractHost.n, fd)
      let ioas = try host.allocateIOAS(fd)
      let table = try host.allocateTable(fd, n.identifier, ioas)
      expect(.resourceBusy) { try host.destroy(fd, ioas) }
      try host.attach(n.descriptor, table)
      try host.detach(n.descriptor)
      try host.destroy(fd, table)
      try host.destroy(fd, ioas)
    },
    ContractCase(20, "an IOAS is no device; 21 a device is no IOAS") { host in
      let fd = try host.iommufd()
      let n = try host.bound(ContractHost.n, fd)
      let ioas = try host.allocateIOAS(fd)
      expect(.noSuchFileOrDirectory) {
        try host.call(
          fd, IOMMU_GET_HW_INFO, [40, 0, ioas, 0, 0, 0, 0, 0, 0, 0])
      }
      expect(.noSuchFileOrDirectory) {
        try host.call(fd, IOMMU_IOAS_IOVA_RANGES, [32, n.identifier, 0, 0, 0, 0, 0, 0])
      }
    },
    ContractCase(22, "a reply that cannot be written gives its number back") { host in
      let fd = try host.iommufd()
      let page = try host.memory(pages: 1)
      try pokeWords(page, [12, 0, 0])
      try protect(page, isWritable: false)
      expect(.badAddress) { try host.call(fd, IOMMU_IOAS_ALLOC, value: UInt(page)) }
      #expect(try host.allocateIOAS(fd) == 1)
    },
  ]

  static let framing: [ContractCase] = [
    ContractCase(23, "GET_INFO argsz 15; 24 argsz 16; 25 argsz 4096; 26 NULL") { host in
      let fd = try host.iommufd()
      let n = try host.bound(ContractHost.n, fd).descriptor
      expect(.invalidArgument) {
        try host.call(n, VFIO_DEVICE_GET_INFO, [15, 0, 0, 0, 0, 0])
      }
      let short = try host.call(n, VFIO_DEVICE_GET_INFO, [16, 9, 9, 9, 9, 9])
      #expect(short == [16, 3, 9, 5, 9, 9])
      let long = try host.call(
        n, VFIO_DEVICE_GET_INFO, [4096] + [UInt32](repeating: 0, count: 1023))
      #expect(Array(long.prefix(5)) == [4096, 3, 9, 5, 0])
      expect(.badAddress) { try host.call(n, VFIO_DEVICE_GET_INFO, value: 0) }
    },
    ContractCase(27, "REGION_INFO argsz 31; 28 argsz 32; 29 argsz 40 with the capability") {
      host in
      let fd = try host.iommufd()
      let n = try host.bound(ContractHost.n, fd).descriptor
      expect(.invalidArgument) {
        try host.call(n, VFIO_DEVICE_GET_REGION_INFO, [31, 0, 0, 0, 0, 0, 0, 0])
      }
      let short = try host.call(n, VFIO_DEVICE_GET_REGION_INFO, [32, 0, 0, 9, 0, 0, 0, 0])
      #expect(short == [40, 0xF, 0, 0, 0x4000, 0, 0, 0])
      let long = try host.call(n, VFIO_DEVICE_GET_REGION_INFO, [40, 0, 0, 0, 0, 0, 0, 0, 9, 9])
      #expect(long == [40, 0xF, 0, 32, 0x4000, 0, 0, 0, 0x0001_0003, 0])
    },
    ContractCase(30, "REGION_INFO index 9; 31 index 8; 32 IRQ_INFO index 5; 33 unknown") { host in
      let fd = try host.iommufd()
      let n = try host.bound(ContractHost.n, fd).descriptor
      for index in [8, 9, UInt32.max] {
        expect(.invalidArgument) {
          try host.call(n, VFIO_DEVICE_GET_REGION_INFO, [32, 0, index, 0, 0, 0, 0, 0])
        }
      }
      expect(.invalidArgument) { try host.call(n, VFIO_DEVICE_GET_IRQ_INFO, [16, 0, 5, 0]) }
      expect(Errno(rawValue: 25)) { try host.call(n, 0x3BFF, [0]) }
    },
    ContractCase(34, "an unbound device answers EINVAL to all; 35, 36, 37") { host in
      let n = try host.node(ContractHost.n)
      for command in [0x3BFF, VFIO_DEVICE_GET_INFO, VFIO_DEVICE_ATTACH_IOMMUFD_PT] {
        expect(.invalidArgument) { try host.call(n, command, [24, 0, 0, 0, 0, 0]) }
      }
      expect(.invalidArgument) { _ = try host.read(n, 0, count: 4) }
      expect(.invalidArgument) { try host.write(n, 0, [0]) }
      expect(.invalidArgument) {
        _ = try host.kernel.map(MappingRequest(descriptor: n, length: 4096))
      }
    },
    ContractCase(38, "a group; 39 a container without backend; 40 with one") { host in
      let group = try host.group(14)
      expect(Errno(rawValue: 25)) { try host.call(group, 0x3BFF, [0]) }
      let container = try host.container()
      expect(.invalidArgument) { try host.call(container, 0x3BFF, [0]) }
      try host.setContainer(group, container)
      try host.call(container, VFIO_SET_IOMMU, value: 3)
      expect(Errno(rawValue: 25)) { try host.call(container, 0x3BFF, [0]) }
    },
  ]
}
