import CLinux
import HostKernel
import SimulatedKernel
import SystemPackage
import Testing

/// Section 12.12 of the contract.
@Suite("Contract: iommufd mappings")
struct ContractMappingTests {
  @Test("iommufd mappings", arguments: mappings)
  func mappingRow(_ row: ContractCase) throws { try row.run() }

  /// A context with a bound device and an IOAS, attached or not.
  struct Space {
    var iommufd: Int32
    var device: Int32
    var deviceIdentifier: UInt32
    var ioas: UInt32
  }

  static func space(_ host: ContractHost, attached: Bool) throws -> Space {
    let fd = try host.iommufd()
    let n = try host.bound(ContractHost.n, fd)
    let ioas = try host.allocateIOAS(fd)
    if attached { try host.attach(n.descriptor, ioas) }
    return Space(iommufd: fd, device: n.descriptor, deviceIdentifier: n.identifier, ioas: ioas)
  }

  /// Ranges, how many there are, and the alignment.
  static func ranges(
    _ host: ContractHost, _ space: Space, room: UInt32 = 8, reserved: UInt32 = 0
  ) throws -> (list: [UInt64], count: UInt32, alignment: UInt64, error: Errno?) {
    let list = try host.memory(pages: 1)
    var command = iommu_ioas_iova_ranges()
    command.size = 32
    command.ioas_id = space.ioas
    command.num_iovas = room
    command.__reserved = reserved
    command.allowed_iovas = list
    var failure: Errno?
    do throws(Errno) {
      try host.kernel.control(space.iommufd, UInt(IOMMU_IOAS_IOVA_RANGES), on: &command)
    } catch {
      failure = error
    }
    let words = try (0..<UInt64(min(room, command.num_iovas)) * 2).map {
      UInt64(try peekWord(list + $0 * 8)) | UInt64(try peekWord(list + $0 * 8 + 4)) << 32
    }
    return (words, command.num_iovas, command.out_iova_alignment, failure)
  }

  static let mappings: [ContractCase] = [
    ContractCase(350, "nothing attached: one range; 351 attached; 352 no room; 353; 354") { host in
      let space = try space(host, attached: false)
      let free = try ranges(host, space, room: 1)
      #expect(free.list == [0, .max])
      #expect(free.alignment == 1)
      try host.attach(space.device, space.ioas)
      let attached = try ranges(host, space)
      #expect(attached.list == [0, 0xFEDF_FFFF, 0xFEF0_0000, 0xFFFF_FFFF_FFFF])
      #expect(attached.alignment == 4096)
      let none = try ranges(host, space, room: 0)
      #expect(none.error == .messageTooLong)
      #expect(none.count == 2)
      #expect(none.alignment == 4096)
      try host.detach(space.device)
      #expect(try ranges(host, space).list == [0, .max])
      #expect(try ranges(host, space, reserved: 1).error == Errno(rawValue: 95))
    },
    ContractCase(356, "ALLOW of overlapping ranges; 357 over the MSI window") { host in
      let space = try space(host, attached: true)
      func allow(_ ranges: [(first: UInt64, last: UInt64)]) throws {
        try ContractBindingTests.allow(host, space.iommufd, space.ioas, ranges)
      }
      expect(.invalidArgument) { try allow([(0, 0x1FFF), (0x1000, 0x2FFF)]) }
      expect(.invalidArgument) { try allow([(0x1000, 0x1000)]) }
      expect(.addressInUse) { try allow([(0xFEE0_0000, 0xFEE0_0FFF)]) }
      try allow([(0, 0xFFF), (0x1000, 0x1FFF)])
    },
    ContractCase(358, "automatic placement in the allowed range; 359 fixed outside; 360 full") {
      host in
      let space = try space(host, attached: false)
      try ContractBindingTests.allow(
        host, space.iommufd, space.ioas, [(0x10_0000, 0x1F_FFFF)])
      let memory = try host.memory()
      let iova = try host.map(space.iommufd, space.ioas, memory, length: 0x1000)
      #expect(iova == 0x10_0000)
      try host.map(space.iommufd, space.ioas, memory, at: 0x40_0000)
      expect(.noSpace) {
        try host.map(space.iommufd, space.ioas, memory, length: 0x20_0000)
      }
    },
    ContractCase(361, "MAP flags; 362 neither; 363 length; 364; 365 IOAS; 366 wrap; 368 iova") {
      host in
      let space = try space(host, attached: false)
      let fd = space.iommufd
      let memory = try host.memory()
      expect(Errno(rawValue: 95)) { try host.map(fd, space.ioas, memory, flags: 14) }
      expect(.invalidArgument) { try host.map(fd, space.ioas, memory, at: 0x1000, flags: 0) }
      expect(.overflow) { try host.map(fd, space.ioas, memory, length: .max) }
      expect(.invalidArgument) { try host.map(fd, space.ioas, memory, length: 0) }
      expect(.noSuchFileOrDirectory) { try host.map(fd, 77, memory) }
      expect(.overflow) { try host.map(fd, space.ioas, .max - 4095) }
      var command = iommu_ioas_map()
      command.size = 40
      command.flags = 6
      command.ioas_id = space.ioas
      command.user_va = memory
      command.length = 4096
      command.iova = .max
      expect(.overflow) {
        try host.kernel.control(fd, UInt(IOMMU_IOAS_MAP), on: &command)
      }
    },
    ContractCase(369, "in the MSI window; 370 above; 371, 372, 373 alignment; 375 taken") { host in
      let space = try space(host, attached: true)
      let memory = try host.memory()
      func map(_ address: UInt64, _ length: UInt64, at iova: UInt64?) throws {
        try host.map(space.iommufd, space.ioas, address, length: length, at: iova)
      }
      expect(.invalidArgument) { try map(memory, 4096, at: 0xFEE0_0000) }
      expect(.invalidArgument) { try map(memory, 4096, at: 1 << 48) }
      expect(.invalidArgument) { try map(memory, 4096, at: 0x1001) }
      expect(.invalidArgument) { try map(memory, 100, at: 0x1000) }
      expect(.invalidArgument) { try map(memory + 1, 4096, at: nil) }
      try map(memory, 8192, at: 0x1000)
      expect(.fileExists) { try map(memory, 4096, at: 0x2000) }
      expect(.invalidArgument) { try map(memory + 1, 4096, at: 0x8000) }
    },
    ContractCase(374, "bytes while nothing is attached; 376 automatic placement; 377, 378 EFAULT") {
      host in
      let lazy = try space(host, attached: false)
      let memory = try host.memory()
      try host.map(lazy.iommufd, lazy.ioas, memory + 1, length: 100)
      try host.map(lazy.iommufd, lazy.ioas, try host.hole())
      host.close(lazy.device)
      let space = try space(host, attached: true)
      #expect(try host.map(space.iommufd, space.ioas, memory) == 4096)
      #expect(try host.map(space.iommufd, space.ioas, memory) == 8192)
      let hole = try host.hole()
      expect(.badAddress) { try host.map(space.iommufd, space.ioas, hole) }
    },
    ContractCase(380, "read-only memory; 381 a BAR") { host in
      let space = try space(host, attached: true)
      let memory = try host.memory(isWritable: false)
      try host.map(space.iommufd, space.ioas, memory, flags: 4)
      expect(.badAddress) { try host.map(space.iommufd, space.ioas, memory, flags: 6) }
      let bar = try host.kernel.map(MappingRequest(descriptor: space.device, length: 4096))
      expect(.badAddress) { try host.map(space.iommufd, space.ioas, UInt64(bar)) }
      host.kernel.unmap(address: bar, length: 4096)
    },
    ContractCase(384, "UNMAP of two; 385 cutting; 386 cutting the second; 387 nothing; 390; 392") {
      host in
      let space = try space(host, attached: false)
      let fd = space.iommufd
      let memory = try host.memory()
      func unmap(_ iova: UInt64, _ length: UInt64) throws -> UInt64 {
        try host.unmap(fd, space.ioas, at: iova, length: length)
      }
      expect(.noSuchFileOrDirectory) { _ = try unmap(0, 4096) }
      try host.map(fd, space.ioas, memory, length: 4096, at: 0x1000)
      try host.map(fd, space.ioas, memory, length: 8192, at: 0x2000)
      #expect(try unmap(0x1000, 0x3000) == 0x3000)
      try host.map(fd, space.ioas, memory, length: 4096, at: 0x1000)
      try host.map(fd, space.ioas, memory, length: 8192, at: 0x2000)
      expect(.noSuchFileOrDirectory) { _ = try unmap(0x2000, 0x1000) }
      expect(.noSuchFileOrDirectory) { _ = try unmap(0x1000, 0x2000) }
      expect(.noSuchFileOrDirectory) { _ = try unmap(0x1000, 0x1000) }
      expect(.invalidArgument) { _ = try unmap(0x1000, 0) }
      #expect(try unmap(0x2000, 0x10000) == 8192)
    },
    ContractCase(388, "UNMAP of everything when empty; 389 and when not") { host in
      let space = try space(host, attached: false)
      let memory = try host.memory()
      #expect(try host.unmap(space.iommufd, space.ioas, at: 0, length: .max) == 0)
      try host.map(space.iommufd, space.ioas, memory, length: 8192, at: 0x1000)
      try host.map(space.iommufd, space.ioas, memory, length: 4096, at: 0x10_0000)
      #expect(try host.unmap(space.iommufd, space.ioas, at: 0, length: .max) == 12288)
    },
    ContractCase(393, "COPY of a part; 394 of a hole; 395 write; 396 taken; 397; 398") { host in
      let space = try space(host, attached: false)
      let fd = space.iommufd
      let other = try host.allocateIOAS(fd)
      let memory = try host.memory()
      try host.map(fd, space.ioas, memory, length: 0x4000, at: 0x1_0000)
      try host.map(fd, space.ioas, memory, length: 0x1000, at: 0x4_0000, flags: 4)
      func copy(
        _ source: UInt32, _ from: UInt64, _ length: UInt64, to target: UInt32, at iova: UInt64
      ) throws {
        var command = iommu_ioas_copy()
        command.size = 40
        command.flags = 7
        command.src_ioas_id = source
        command.dst_ioas_id = target
        command.length = length
        command.src_iova = from
        command.dst_iova = iova
        try host.kernel.control(fd, UInt(IOMMU_IOAS_COPY), on: &command)
      }
      try copy(space.ioas, 0x1_1000, 0x2000, to: other, at: 0x8000)
      expect(.noSuchFileOrDirectory) {
        try copy(space.ioas, 0x1_0000, 0x5000, to: other, at: 0x10_0000)
      }
      expect(.notPermitted) { try copy(space.ioas, 0x4_0000, 0x1000, to: other, at: 0x10_0000) }
      expect(.fileExists) { try copy(space.ioas, 0x1_0000, 0x1000, to: other, at: 0x9000) }
      expect(.noSuchFileOrDirectory) { try copy(77, 0x1_0000, 0x1000, to: other, at: 0) }
      expect(.noSuchFileOrDirectory) { try copy(space.ioas, 0x1_0000, 0x1000, to: 77, at: 0) }
      expect(.invalidArgument) { try copy(space.ioas, 0x1_0000, 0, to: other, at: 0) }
      #expect(try host.unmap(fd, other, at: 0, length: .max) == 0x2000)
    },
    ContractCase(399, "MAP_FILE of a memory file; 400, 401 past its end; 402 a regular file") {
      host in
      let lazy = try space(host, attached: false)
      let file = try MemoryCalls.makeMemoryDescriptor(name: "guest", size: 0x4000)
      defer { _ = clinux_close(file) }
      let regular = try host.kernel.open(machineFile("contract"), .readOnly)
      func map(_ space: Space, _ file: Int32, _ length: UInt64, at iova: UInt64) throws {
        var command = iommu_ioas_map_file()
        command.size = 40
        command.flags = 7
        command.ioas_id = space.ioas
        command.fd = file
        command.length = length
        command.iova = iova
        try host.kernel.control(space.iommufd, UInt(IOMMU_IOAS_MAP_FILE), on: &command)
      }
      try map(lazy, file, 0x5000, at: 0x1_0000)
      try map(lazy, regular, 0x1000, at: 0x8_0000)
      expect(.badFileDescriptor) { try map(lazy, 4095, 0x1000, at: 0x9_0000) }
      host.close(lazy.device)
      let space = try space(host, attached: true)
      try map(space, file, 0x4000, at: 0x1_0000)
      expect(.invalidArgument) { try map(space, file, 0x5000, at: 0x2_0000) }
      expect(.invalidArgument) { try map(space, regular, 0x1000, at: 0x8_0000) }
      expect(.invalidArgument) { try map(space, file, 0, at: 0x8_0000) }
      host.close(regular)
      try host.call(space.iommufd, IOMMU_IOAS_CHANGE_PROCESS, [8, 0])
      try host.map(space.iommufd, space.ioas, try host.memory())
      expect(.invalidArgument) {
        try host.call(space.iommufd, IOMMU_IOAS_CHANGE_PROCESS, [8, 0])
      }
      expect(Errno(rawValue: 95)) {
        try host.call(space.iommufd, IOMMU_IOAS_CHANGE_PROCESS, [8, 1])
      }
    },
    ContractCase(404, "OPTION RLIMIT_MODE; 406; 407; 408 HUGE_PAGES; 409; 410; 411") { host in
      let fd = try host.iommufd()
      func option(_ id: UInt32, _ op: UInt32, _ object: UInt32, _ value: UInt32) throws -> UInt32 {
        try host.call(fd, IOMMU_OPTION, [24, id, op, object, value, 0])[4]
      }
      #expect(try option(0, 1, 0, 9) == 0)
      let n = try host.bound(ContractHost.n, fd)
      let ioas = try host.allocateIOAS(fd)
      expect(.resourceBusy) { _ = try option(0, 0, 0, 1) }
      expect(Errno(rawValue: 95)) { _ = try option(0, 1, 1, 0) }
      #expect(try option(1, 1, ioas, 9) == 1)
      try host.attach(n.descriptor, ioas)
      try host.map(fd, ioas, try host.memory())
      expect(.invalidArgument) { _ = try option(1, 0, ioas, 0) }
      expect(.invalidArgument) { _ = try option(1, 0, ioas, 2) }
      expect(.noSuchFileOrDirectory) { _ = try option(1, 1, 77, 0) }
      expect(Errno(rawValue: 95)) { _ = try option(5, 1, 0, 0) }
    },
  ]
}
