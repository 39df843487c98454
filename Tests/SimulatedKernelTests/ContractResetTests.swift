import CLinux
import HostKernel
import SimulatedKernel
import SystemPackage
import Testing

/// Sections 12.6 to 12.8 of the contract.
@Suite("Contract: resets")
struct ContractResetTests {
  @Test("hot-reset information", arguments: information)
  func informationRow(_ row: ContractCase) throws { try row.run() }

  @Test("hot reset", arguments: execution)
  func executionRow(_ row: ContractCase) throws { try row.run() }

  @Test("what a hot reset keeps and what it puts back", arguments: effects)
  func effectRow(_ row: ContractCase) throws { try row.run() }

  @Test("function reset, close, features", arguments: function)
  func functionRow(_ row: ContractCase) throws { try row.run() }

  static let information: [ContractCase] = [
    ContractCase(145, "a root-bus function") { host in
      let r = try host.bound(ContractHost.r, try host.iommufd()).descriptor
      expect(Errno(rawValue: 19)) { _ = try host.hotResetInfo(r) }
    },
    ContractCase(146, "argsz 11; 147, 148 too little room; 149 enough; 150 flags are ignored") {
      host in
      let a0 = try host.bound(ContractHost.a0, try host.iommufd()).descriptor
      let command = VFIO_DEVICE_GET_PCI_HOT_RESET_INFO
      expect(.invalidArgument) { try host.call(a0, command, [11, 0, 0]) }
      for size in [12, 20, 27] as [UInt32] {
        var bytes = ContractHost.bytes([size, 0xFF, 0, 9, 9, 9, 9])
        expect(.noSpace) { try host.call(a0, command, &bytes) }
        #expect(ContractHost.words(bytes) == [size, 0, 2, 9, 9, 9, 9])
      }
      for flags in [0, 0xDEAD] as [UInt32] {
        let words = try host.call(a0, command, [28, flags, 0, 9, 9, 9, 9])
        #expect(words == [28, 3, 2, 1, 0x0081_0000, 0, 0x0181_0000])
      }
    },
    ContractCase(152, "both bound") { host in
      let fd = try host.iommufd()
      let a0 = try host.bound(ContractHost.a0, fd)
      let a1 = try host.bound(ContractHost.a1, fd)
      try expectInfo(host, a0.descriptor, 3, [a0.identifier, a1.identifier])
      try expectInfo(host, a1.descriptor, 3, [a0.identifier, a1.identifier])
    },
    ContractCase(153, "the other not opened; 154 opened but not bound") { host in
      let a0 = try host.bound(ContractHost.a0, try host.iommufd())
      try expectInfo(host, a0.descriptor, 3, [a0.identifier, 0])
      _ = try host.node(ContractHost.a1)
      try expectInfo(host, a0.descriptor, 3, [a0.identifier, 0])
    },
    ContractCase(155, "the other without driver; 156 on pci-stub") { host in
      let a0 = try host.bound(ContractHost.a0, try host.iommufd())
      try host.kernel.unbindDriver(of: ContractHost.a1)
      try expectInfo(host, a0.descriptor, 1, [a0.identifier, .max])
      try host.kernel.bindDriver("pci-stub", to: ContractHost.a1)
      try expectInfo(host, a0.descriptor, 1, [a0.identifier, .max])
    },
    ContractCase(157, "separate groups: unopened; 158 both bound") { host in
      let fd = try host.iommufd()
      let s0 = try host.bound(ContractHost.s0, fd)
      try expectInfo(host, s0.descriptor, 1, [s0.identifier, .max])
      let s1 = try host.bound(ContractHost.s1, fd)
      try expectInfo(host, s0.descriptor, 3, [s0.identifier, s1.identifier])
    },
    ContractCase(159, "separate groups in two contexts") { host in
      let s0 = try host.bound(ContractHost.s0, try host.iommufd())
      let s1 = try host.bound(ContractHost.s1, try host.iommufd())
      try expectInfo(host, s0.descriptor, 1, [s0.identifier, .max])
      try expectInfo(host, s1.descriptor, 1, [.max, s1.identifier])
    },
    ContractCase(160, "the other through a native container; 186 hot reset; 188 by the group") {
      host in
      let s0 = try host.bound(ContractHost.s0, try host.iommufd())
      let group = try host.usableGroup(17, container: try host.container())
      let s1 = try host.device(group, "0000:82:00.1")
      try expectInfo(host, s0.descriptor, 1, [s0.identifier, .max])
      expect(.invalidArgument) { try host.hotReset(s0.descriptor) }
      expect(.invalidArgument) { try host.hotReset(s1, [group]) }
    },
    ContractCase(161, "the other through a group on the same context; 162 seen from there") {
      host in
      let fd = try host.iommufd()
      let s0 = try host.bound(ContractHost.s0, fd)
      let group = try host.usableGroup(17, container: fd, backend: nil)
      let s1 = try host.device(group, "0000:82:00.1")
      let info = try host.hotResetInfo(s0.descriptor)
      #expect(info.flags == 3)
      #expect(info.entries[1].number > 0 && info.entries[1].number < 100)
      try expectInfo(host, s1, 0, [16, 17])
      try host.hotReset(s0.descriptor)
    },
    ContractCase(164, "opened through a group; 165 through a group on an iommufd") { host in
      let first = try host.usableGroup(16, container: try host.container())
      try expectInfo(host, try host.device(first, "0000:82:00.0"), 0, [16, 17])
      let second = try host.usableGroup(12, container: try host.iommufd(), backend: nil)
      try expectInfo(host, try host.device(second, "0000:81:00.0"), 0, [12, 12])
    },
    ContractCase(166, "alone in the slot; 172 an unbind waits") { host in
      let n = try host.bound(ContractHost.n, try host.iommufd())
      try expectInfo(host, n.descriptor, 3, [n.identifier])
      try host.kernel.unbindDriver(of: ContractHost.n)
      try expectInfo(host, n.descriptor, 3, [n.identifier])
    },
    ContractCase(167, "behind a bridge only the secondary bus counts") { host in
      let b0 = try host.bound(ContractHost.b0, try host.iommufd())
      let info = try host.hotResetInfo(b0.descriptor)
      #expect(info.flags == 3)
      #expect(info.entries.map(\.address) == ["0000:85:00.0", "0000:85:01.0"])
      #expect(info.entries.map(\.number) == [b0.identifier, 0])
    },
  ]

  static func expectInfo(
    _ host: ContractHost, _ device: Int32, _ flags: UInt32, _ numbers: [UInt32],
    location: SourceLocation = #_sourceLocation
  ) throws {
    let info = try host.hotResetInfo(device)
    #expect(info.flags == flags, sourceLocation: location)
    #expect(info.entries.map(\.number) == numbers, sourceLocation: location)
  }

  static let execution: [ContractCase] = [
    ContractCase(174, "both bound; 214 also after the iommufd is closed") { host in
      let fd = try host.iommufd()
      let a0 = try host.bound(ContractHost.a0, fd).descriptor
      let a1 = try host.bound(ContractHost.a1, fd).descriptor
      let before = try host.kernel.resetCount(of: ContractHost.a1)
      try host.hotReset(a0)
      host.close(fd)
      try host.hotReset(a1)
      #expect(try host.kernel.resetCount(of: ContractHost.a1) == before + 2)
    },
    ContractCase(176, "the other without driver or on pci-stub") { host in
      let a0 = try host.bound(ContractHost.a0, try host.iommufd()).descriptor
      try host.kernel.unbindDriver(of: ContractHost.a1)
      expect(.invalidArgument) { try host.hotReset(a0) }
      try host.kernel.bindDriver("pci-stub", to: ContractHost.a1)
      expect(.invalidArgument) { try host.hotReset(a0) }
    },
    ContractCase(177, "flags; 178 argsz; 179, 180 an array from a bound device") { host in
      let fd = try host.iommufd()
      let a0 = try host.bound(ContractHost.a0, fd).descriptor
      let command = VFIO_DEVICE_PCI_HOT_RESET
      expect(.invalidArgument) { try host.call(a0, command, [12, 1, 0]) }
      expect(.invalidArgument) { try host.call(a0, command, [11, 0, 0]) }
      let group = try host.group(14)
      expect(.invalidArgument) { try host.hotReset(a0, [group]) }
      expect(.invalidArgument) { try host.hotReset(a0, [a0]) }
      expect(.badAddress) { try host.call(a0, command, value: 0) }
    },
    ContractCase(181, "a root-bus function; 182 the shape comes first") { host in
      let r = try host.bound(ContractHost.r, try host.iommufd()).descriptor
      expect(Errno(rawValue: 19)) { try host.hotReset(r) }
      expect(.invalidArgument) { try host.hotReset(r, [r]) }
    },
    ContractCase(183, "separate groups, one context; 184 the other unopened") { host in
      let fd = try host.iommufd()
      let s0 = try host.bound(ContractHost.s0, fd).descriptor
      expect(.invalidArgument) { try host.hotReset(s0) }
      let s1 = try host.bound(ContractHost.s1, fd).descriptor
      try host.hotReset(s0)
      try host.hotReset(s1)
    },
    ContractCase(185, "separate groups in two contexts") { host in
      let s0 = try host.bound(ContractHost.s0, try host.iommufd()).descriptor
      let s1 = try host.bound(ContractHost.s1, try host.iommufd()).descriptor
      expect(.invalidArgument) { try host.hotReset(s0) }
      expect(.invalidArgument) { try host.hotReset(s1) }
    },
    ContractCase(189, "by group: no array; 190 the group; 191 twice; 192 too many; 193; 194") {
      host in
      let container = try host.container()
      let group = try host.usableGroup(12, container: container)
      let a0 = try host.device(group, "0000:81:00.0")
      expect(.invalidArgument) { try host.hotReset(a0) }
      try host.hotReset(a0, [group])
      try host.hotReset(a0, [group, group])
      expect(.invalidArgument) { try host.hotReset(a0, [group, group, group]) }
      expect(.badFileDescriptor) { try host.hotReset(a0, [4095]) }
      let iommufd = try host.iommufd()
      for other in [container, iommufd, a0] {
        expect(.invalidArgument) { try host.hotReset(a0, [other]) }
      }
    },
    ContractCase(195, "another group's file; 196 argsz is not compared with count") { host in
      let group = try host.usableGroup(12, container: try host.container())
      let a0 = try host.device(group, "0000:81:00.0")
      let other = try host.group(14)
      expect(.invalidArgument) { try host.hotReset(a0, [other]) }
      try host.call(
        a0, VFIO_DEVICE_PCI_HOT_RESET, [12, 0, 1, UInt32(bitPattern: group)])
      expect(.badAddress) { try host.call(a0, VFIO_DEVICE_PCI_HOT_RESET, [16, 0, 1]) }
    },
    ContractCase(197, "one of two groups; 198 both") { host in
      let container = try host.container()
      let first = try host.usableGroup(16, container: container)
      let s0 = try host.device(first, "0000:82:00.0")
      expect(.invalidArgument) { try host.hotReset(s0, [first]) }
      let second = try host.group(17)
      try host.hotReset(s0, [first, second])
    },
    ContractCase(200, "an unbind of a member waits") { host in
      let fd = try host.iommufd()
      let a0 = try host.bound(ContractHost.a0, fd).descriptor
      _ = try host.bound(ContractHost.a1, fd)
      try host.kernel.unbindDriver(of: ContractHost.a1)
      expect(.resourceTemporarilyUnavailable) { try host.hotReset(a0) }
    },
  ]

  static let effects: [ContractCase] = [
    ContractCase(207, "virtual BAR and line; 208 command; 209 registers; 212 D-state; 213") {
      host in
      let fd = try host.iommufd()
      let a0 = try host.bound(ContractHost.a0, fd)
      let a1 = try host.bound(ContractHost.a1, fd)
      let ioas = try host.allocateIOAS(fd)
      let table = try host.attach(a1.descriptor, ioas)
      try host.map(fd, ioas, try host.memory(), at: 0x10000)
      let device = a1.descriptor
      try host.setConfig(device, 0x10, 0x1234_0000, width: 4)
      try host.setConfig(device, 0x3C, 0x33, width: 1)
      try host.setConfig(device, 0x04, 0x107, width: 2)
      try host.write(device, 0x100, [1, 2, 3, 4])
      try host.setConfig(device, 0xCC, 3, width: 2)
      #expect(try host.config(device, 0xCC, width: 2) == 3)
      try host.hotReset(a0.descriptor)
      #expect(try host.config(device, 0x10, width: 4) == 0x1234_0000)
      #expect(try host.config(device, 0x3C, width: 1) == 0x33)
      #expect(try host.config(device, 0x04, width: 2) == 0x107)
      #expect(try host.config(device, 0xCC, width: 2) == 0)
      #expect(try host.read(device, 0x100, count: 4) == [0, 0, 0, 0])
      #expect(try host.attach(device, ioas) == table)
      #expect(try host.unmap(fd, ioas, at: 0x10000, length: 4096) == 4096)
    },
    ContractCase(210, "MSI-X stays on with its eventfds") { host in
      let fd = try host.iommufd()
      let a0 = try host.bound(ContractHost.a0, fd).descriptor
      let a1 = try host.bound(ContractHost.a1, fd).descriptor
      let event = try host.event()
      let index = VFIO_PCI_MSIX_IRQ_INDEX
      let trigger = VFIO_IRQ_SET_ACTION_TRIGGER
      try host.setInterrupts(a1, index: index, flags: trigger, events: [event])
      try host.hotReset(a0)
      #expect(try host.config(a1, 0xA2, width: 2) == 0x8004)
      try host.setInterrupts(a1, index: index, flags: trigger, count: 1)
      #expect(EventDescriptor.drain(event))
    },
    ContractCase(209, "an existing mapping sees the registers at power-on") { host in
      let fd = try host.iommufd()
      let a0 = try host.bound(ContractHost.a0, fd).descriptor
      _ = try host.bound(ContractHost.a1, fd)
      let address = try host.kernel.map(MappingRequest(descriptor: a0, length: 0x20000))
      try pokeWords(UInt64(address), [0x55AA_55AA])
      #expect(try host.read(a0, 0, count: 4) == [0xAA, 0x55, 0xAA, 0x55])
      try host.hotReset(a0)
      #expect(try peekWord(UInt64(address)) == 0)
      host.kernel.unmap(address: address, length: 0x20000)
    },
  ]

  static let function: [ContractCase] = [
    ContractCase(215, "FLR; 218 virtual BAR and MSI-X stay, registers go; 222 in D3hot") { host in
      let n = try host.bound(ContractHost.n, try host.iommufd()).descriptor
      #expect(try host.call(n, VFIO_DEVICE_GET_INFO, [16, 0, 0, 0])[1] == 3)
      let event = try host.event()
      try host.setInterrupts(
        n, index: VFIO_PCI_MSIX_IRQ_INDEX, flags: VFIO_IRQ_SET_ACTION_TRIGGER, events: [event])
      try host.setConfig(n, 0x10, 0x7000_0000, width: 4)
      try host.write(n, 0x20, [7])
      try host.call(n, VFIO_DEVICE_RESET)
      #expect(try host.config(n, 0x10, width: 4) == 0x7000_0004)
      #expect(try host.config(n, 0x42, width: 2) == 0x8040)
      #expect(try host.read(n, 0x20, count: 1) == [0])
      try host.setConfig(n, 0x64, 3, width: 2)
      try host.call(n, VFIO_DEVICE_RESET)
      #expect(try host.config(n, 0x64, width: 2) == 8)
    },
    ContractCase(216, "no method: no flag and EINVAL; 217 on a root bus") { host in
      let fd = try host.iommufd()
      for address in [ContractHost.b0, ContractHost.r] {
        let device = try host.bound(address, fd).descriptor
        #expect(try host.call(device, VFIO_DEVICE_GET_INFO, [16, 0, 0, 0])[1] == 2)
        expect(.invalidArgument) { try host.call(device, VFIO_DEVICE_RESET) }
      }
    },
    ContractCase(219, "the lock of the function is held; 220 of another; 221 pm before bus") {
      host in
      let fd = try host.iommufd()
      let a0 = try host.bound(ContractHost.a0, fd).descriptor
      let a1 = try host.bound(ContractHost.a1, fd).descriptor
      try host.kernel.unbindDriver(of: ContractHost.a1)
      expect(.resourceTemporarilyUnavailable) { try host.call(a1, VFIO_DEVICE_RESET) }
      let before = try host.kernel.resetCount(of: ContractHost.a1)
      try host.call(a0, VFIO_DEVICE_RESET)
      #expect(try host.kernel.resetCount(of: ContractHost.a1) == before)
    },
    ContractCase(224, "opening while the lock is held") { host in
      let n = try host.node(ContractHost.n)
      let fd = try host.iommufd()
      try host.kernel.setLocked(ContractHost.n, true)
      expect(.resourceTemporarilyUnavailable) { try host.bind(n, fd) }
      try host.kernel.setLocked(ContractHost.n, false)
      #expect(try host.bind(n, fd) == 1)
    },
    ContractCase(225, "a reopened device is pristine") { host in
      let fd = try host.iommufd()
      let n = try host.bound(ContractHost.n, fd).descriptor
      let pristine = try host.read(n, ContractHost.config, count: 4096)
      try host.setConfig(n, 0x04, 0x107, width: 2)
      try host.setConfig(n, 0x10, 0xFFFF_FFFF, width: 4)
      let event = try host.event()
      try host.setInterrupts(
        n, index: VFIO_PCI_MSIX_IRQ_INDEX, flags: VFIO_IRQ_SET_ACTION_TRIGGER, events: [event])
      host.close(n)
      let again = try host.bound(ContractHost.n, fd).descriptor
      #expect(try host.read(again, ContractHost.config, count: 4096) == pristine)
    },
    ContractCase(nil, "without any reset the registers keep what they hold") { host in
      let fd = try host.iommufd()
      let r = try host.bound(ContractHost.r, fd).descriptor
      try host.write(r, 0x8000, [1, 2, 3])
      host.close(r)
      let again = try host.bound(ContractHost.r, fd).descriptor
      #expect(try host.read(again, 0x7FFF, count: 5) == [0, 1, 2, 3, 0])
    },
    ContractCase(nil, "a last close resets a set whose members cannot reset alone") { host in
      let fd = try host.iommufd()
      let s0 = try host.bound(ContractHost.s0, fd).descriptor
      let s1 = try host.bound(ContractHost.s1, fd).descriptor
      try host.write(s0, 0x100, [7])
      let before = try host.kernel.resetCount(of: ContractHost.s1)
      host.close(s0)
      #expect(try host.kernel.resetCount(of: ContractHost.s1) == before)
      host.close(s1)
      #expect(try host.kernel.resetCount(of: ContractHost.s1) == before + 1)
      let again = try host.bound(ContractHost.s0, fd).descriptor
      #expect(try host.read(again, 0x100, count: 1) == [0])
    },
    ContractCase(226, "low power; 227 exit; 229 to 234 other features") { host in
      let n = try host.bound(ContractHost.n, try host.iommufd()).descriptor
      func feature(_ flags: Int32) throws {
        try host.call(n, VFIO_DEVICE_FEATURE, [8, UInt32(flags)])
      }
      let set = VFIO_DEVICE_FEATURE_SET
      let get = VFIO_DEVICE_FEATURE_GET
      let probe = VFIO_DEVICE_FEATURE_PROBE
      try feature(5 | set)
      try feature(3 | set)
      expect(.invalidArgument) { try feature(3 | set) }
      expect(.invalidArgument) { try feature(12 | probe) }
      expect(Errno(rawValue: 25)) { try feature(99 | get) }
      expect(Errno(rawValue: 25)) { try feature(0 | probe) }
      expect(.invalidArgument) { try feature(3 | get) }
      expect(.invalidArgument) { try feature(3 | get | set) }
      expect(Errno(rawValue: 25)) { try feature(11 | get) }
      #expect(host.reports == [])
    },
  ]
}
