import CLinux
import HostKernel
import SimulatedKernel
import SystemPackage
import Testing

/// Section 12.16 of the contract.
@Suite("Contract: hardware information and page tables")
struct ContractHardwareTests {
  @Test("hardware information and page tables", arguments: hardware)
  func hardwareRow(_ row: ContractCase) throws { try row.run() }

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
    let space = ContractMappingTests.Space(
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

  private static func space(
    _ host: ContractHost, attached: Bool
  ) throws -> ContractMappingTests.Space {
    try ContractMappingTests.space(host, attached: attached)
  }

  static func info(
    _ host: ContractHost, _ space: ContractMappingTests.Space, size: UInt32 = 40, flags: UInt32 = 0,
    room: UInt32 = 0,
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
