import CLinux
import HostKernel
import SimulatedKernel
import SystemPackage
import Testing

/// Sections 12.12, 12.13 and 12.16 of the contract.
@Suite("Contract: mappings and hardware information")
struct ContractMappingTests {
  @Test("iommufd mappings", arguments: mappings)
  func mappingRow(_ row: ContractCase) throws { try row.run() }

  @Test("type1 mappings", arguments: type1)
  func type1Row(_ row: ContractCase) throws { try row.run() }

  @Test("hardware information and page tables", arguments: hardware)
  func hardwareRow(_ row: ContractCase) throws { try row.run() }

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

  @Test("486, 492: what other IOMMU drivers tell", arguments: [false, true])
  func otherDrivers(_ isAMD: Bool) throws {
    let host = try ContractHost { description in
      for index in description.iommus.indices where description.iommus[index].name == "scalable" {
        description.iommus[index].kind = isAMD ? .amd(features: 7, features2: 9) : .silent
        description.iommus[index].pasidLimit = (1 << 20) - 1
      }
    }
    let fd = try host.iommufd()
    let p = try host.bound(ContractHost.p, fd)
    let buffer = try host.memory(pages: 1)
    try pokeWords(buffer, [.max, .max, .max, .max, .max])
    let space = Space(
      iommufd: fd, device: p.descriptor, deviceIdentifier: p.identifier, ioas: 0)
    let words = try Self.info(host, space, flags: isAMD ? 0 : 1, room: 20, buffer: buffer, type: 0)
    #expect(words[3] == (isAMD ? 16 : 0))
    #expect(words[6] == (isAMD ? 4 : 0))
    #expect(words[7] == 19)
    #expect(words[8] == 4)
    #expect(
      try (0..<5).map { try peekWord(buffer + UInt64($0) * 4) }
        == (isAMD ? [7, 0, 9, 0, 0] : [0, 0, 0, 0, 0]))
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

  static func info(
    _ host: ContractHost, _ space: Space, size: UInt32 = 40, flags: UInt32 = 0, room: UInt32 = 0,
    buffer: UInt64 = 0, type: UInt32 = 0
  ) throws -> [UInt32] {
    try host.call(
      space.iommufd, IOMMU_GET_HW_INFO,
      [
        size, flags, space.deviceIdentifier, room, UInt32(truncatingIfNeeded: buffer),
        UInt32(buffer >> 32), type, 0, 0x5555, 0x5555,
      ])
  }

  static let hardware: [ContractCase] = [
    ContractCase(477, "VT-d data; 478 without buffer; 479 a long one; 480 a short one; 481; 482") {
      host in
      let space = try space(host, attached: false)
      let buffer = try host.memory(pages: 1)
      #expect(try info(host, space) == [40, 0, 1, 24, 0, 0, 1, 0, 8, 0])
      try pokeWords(buffer, Array(repeating: 0xFFFF_FFFF, count: 17))
      let low = UInt32(truncatingIfNeeded: buffer)
      let high = UInt32(buffer >> 32)
      #expect(
        try info(host, space, room: 64, buffer: buffer) == [40, 0, 1, 24, low, high, 1, 0, 8, 0])
      let words = try (0..<17).map { try peekWord(buffer + UInt64($0) * 4) }
      #expect(words.prefix(6) == [1, 0, 0x222F_0686, 0xD2008C, 0xF00F4A, 0])
      #expect(words[6..<16].allSatisfy { $0 == 0 })
      #expect(words[16] == 0xFFFF_FFFF)
      try pokeWords(buffer, Array(repeating: 0xFFFF_FFFF, count: 6))
      #expect(try info(host, space, room: 8, buffer: buffer)[3] == 24)
      #expect(try peekWord(buffer + 8) == 0xFFFF_FFFF)
      #expect(try info(host, space, size: 32)[8] == 0x5555)
      expect(.invalidArgument) { _ = try info(host, space, size: 31) }
      expect(.badAddress) { _ = try info(host, space, room: 8) }
    },
    ContractCase(483, "flags; 484 the type is ignored; 485 or asked for; 493 unknown device") {
      host in
      var space = try space(host, attached: false)
      expect(Errno(rawValue: 95)) { _ = try info(host, space, flags: 2) }
      #expect(try info(host, space, type: 7)[6] == 1)
      expect(Errno(rawValue: 95)) { _ = try info(host, space, flags: 1, type: 7) }
      #expect(try info(host, space, flags: 1, type: 1)[6] == 1)
      space.deviceIdentifier = 77
      expect(.noSuchFileOrDirectory) { _ = try info(host, space) }
    },
    ContractCase(488, "no ATS; 489 ATS and PASID behind a unit with both; 491, 492") { host in
      let space = try space(host, attached: false)
      #expect(try info(host, space)[8] == 8)
      let p = try host.bound(ContractHost.p, space.iommufd)
      var other = space
      other.deviceIdentifier = p.identifier
      let words = try info(host, other)
      #expect(words[7] == 20)
      #expect(words[8] == 4)
    },
    ContractCase(494, "HWPT_ALLOC; 495, 496 parents; 497 device; 498, 500, 501 flags; 502; 503") {
      host in
      let space = try space(host, attached: false)
      let fd = space.iommufd
      let table = try host.allocateTable(fd, space.deviceIdentifier, space.ioas)
      #expect(table == 3)
      func allocate(_ device: UInt32, _ parent: UInt32, _ flags: UInt32 = 0) throws {
        _ = try host.allocateTable(fd, device, parent, flags: flags)
      }
      expect(.invalidArgument) { try allocate(space.deviceIdentifier, 77) }
      expect(.invalidArgument) { try allocate(space.deviceIdentifier, space.deviceIdentifier) }
      expect(.noSuchFileOrDirectory) { try allocate(77, space.ioas) }
      for flags in [0x80, 1, 2] as [UInt32] {
        expect(Errno(rawValue: 95)) {
          try allocate(space.deviceIdentifier, space.ioas, flags)
        }
      }
      func track(_ identifier: UInt32) throws {
        try host.call(fd, IOMMU_HWPT_SET_DIRTY_TRACKING, [16, 1, identifier, 0])
      }
      expect(Errno(rawValue: 95)) { try track(table) }
      expect(.noSuchFileOrDirectory) { try track(space.ioas) }
    },
    ContractCase(504, "VIOMMU_ALLOC on VT-d; 505 INVALIDATE of an IOAS") { host in
      let space = try space(host, attached: false)
      expect(Errno(rawValue: 95)) {
        try host.call(
          space.iommufd, IOMMU_VIOMMU_ALLOC,
          [40, 0, 1, space.deviceIdentifier, space.ioas, 0, 0, 0, 0, 0])
      }
      var bytes = ContractHost.bytes([32, space.ioas, 0, 0, 1, 0, 0, 0])
      expect(.invalidArgument) { try host.call(space.iommufd, IOMMU_HWPT_INVALIDATE, &bytes) }
      #expect(ContractHost.words(bytes)[6] == 0)
      #expect(host.reports == [])
    },
    ContractCase(506, "fault queues are not modelled and say so once") { host in
      let fd = try host.iommufd()
      for _ in 0..<2 {
        expect(Errno(rawValue: 25)) {
          try host.call(fd, IOMMU_FAULT_QUEUE_ALLOC, [16, 0, 0, 0])
        }
      }
      #expect(host.reports.count == 1)
      #expect(host.reports[0].contains("0x3b8e"))
    },
    ContractCase(508, "PASID 2^31; 509 on an IOAS; 510 without PASID; 512; 513; 514; 516") { host in
      let space = try space(host, attached: false)
      func attach(_ device: Int32, _ target: UInt32, _ pasid: UInt32) throws {
        try host.call(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, [16, 1, target, pasid])
      }
      let table = try host.allocateTable(
        space.iommufd, space.deviceIdentifier, space.ioas,
        flags: UInt32(IOMMU_HWPT_ALLOC_PASID))
      expect(.noSpace) { try attach(space.device, table, 1 << 31) }
      expect(.invalidArgument) { try attach(space.device, space.ioas, 5) }
      try attach(space.device, table, 5)
      expect(.invalidArgument) { try host.attach(space.device, space.ioas) }
      try host.call(space.device, VFIO_DEVICE_DETACH_IOMMUFD_PT, [12, 1, 9])
      try host.attach(space.device, table)
      expect(.resourceBusy) { try attach(space.device, table, 0) }
      let p = try host.bound(ContractHost.p, space.iommufd)
      let other = try host.allocateTable(
        space.iommufd, p.identifier, space.ioas, flags: UInt32(IOMMU_HWPT_ALLOC_PASID))
      try attach(p.descriptor, other, (1 << 20) - 1)
      expect(.invalidArgument) { try attach(p.descriptor, other, 1 << 20) }
    },
  ]
}
