import CLinux
import HostKernel
import SimulatedKernel
import SystemPackage
import Testing

/// Sections 12.4 and 12.5 of the contract.
@Suite("Contract: binding and attaching")
struct ContractBindingTests {
  @Test("binding a device's own node", arguments: binding)
  func bindingRow(_ row: ContractCase) throws { try row.run() }

  @Test("attach, replace, detach", arguments: attaching)
  func attachingRow(_ row: ContractCase) throws { try row.run() }

  static let binding: [ContractCase] = [
    ContractCase(80, "BIND gives the lowest free number; 81 twice; 82 by a second file; 83") {
      host in
      let fd = try host.iommufd()
      let ioas = try host.allocateIOAS(fd)
      let first = try host.node(ContractHost.n)
      #expect(try host.bind(first, fd) == ioas + 1)
      expect(.invalidArgument) { try host.bind(first, fd) }
      let second = try host.node(ContractHost.n)
      expect(.invalidArgument) { try host.bind(second, fd) }
      host.close(first)
      #expect(try host.bind(second, fd) == ioas + 1)
    },
    ContractCase(84, "argsz 15; 85 argsz 16; 86 excess; 87 flags; 88 negative iommufd") { host in
      let fd = try host.iommufd()
      let word = UInt32(bitPattern: fd)
      let n = try host.node(ContractHost.n)
      func bind(_ words: [UInt32]) throws { try host.call(n, VFIO_DEVICE_BIND_IOMMUFD, words) }
      expect(.invalidArgument) { try bind([15, 0, word, 0, 0, 0]) }
      expect(.argListTooLong) { try bind([32, 0, word, 0, 0, 0, 0, 1]) }
      expect(.badAddress) { try bind([32, 0, word, 0, 0, 0]) }
      expect(.invalidArgument) { try bind([24, 2, word, 0, 0, 0]) }
      expect(.invalidArgument) { try bind([24, 0, .max, 0, 0, 0]) }
      try bind([16, 0, word, 0])
      let other = try host.node(ContractHost.s0)
      try host.call(other, VFIO_DEVICE_BIND_IOMMUFD, [32, 0, word, 0, 0, 0, 0, 0])
    },
    ContractCase(89, "BIND to a closed number; 90 to another kind of file") { host in
      let n = try host.node(ContractHost.n)
      expect(.badFileDescriptor) { try host.bind(n, 4095) }
      let container = try host.container()
      expect(Errno(rawValue: 77)) { try host.bind(n, container) }
      expect(Errno(rawValue: 77)) { try host.bind(n, 2) }
    },
    ContractCase(92, "BIND while the group is open; 101 while it has a container") { host in
      let group = try host.group(14)
      let n = try host.node(ContractHost.n)
      let fd = try host.iommufd()
      expect(.resourceBusy) { try host.bind(n, fd) }
      try host.setContainer(group, try host.container())
      expect(.resourceBusy) { try host.bind(n, fd) }
      host.close(group)
      try host.bind(n, fd)
      expect(.resourceBusy) { _ = try host.group(14) }
    },
    ContractCase(93, "two of a group to one context; 94 to another; 95 after closing") { host in
      let first = try host.iommufd()
      let second = try host.iommufd()
      let a0 = try host.bound(ContractHost.a0, first)
      let a1 = try host.bound(ContractHost.a1, first)
      #expect(a0.identifier != a1.identifier)
      host.close(a1.descriptor)
      let node = try host.node(ContractHost.a1)
      expect(.notPermitted) { try host.bind(node, second) }
      host.close(a0.descriptor)
      try host.bind(node, second)
    },
    ContractCase(96, "a member on its native driver; 97 on pci-stub or none") { host in
      let fd = try host.iommufd()
      let node = try host.node(ContractHost.a0)
      try host.kernel.unbindDriver(of: ContractHost.a1)
      try host.kernel.bindDriver("e1000e", to: ContractHost.a1)
      expect(.notPermitted) { try host.bind(node, fd) }
      try host.kernel.unbindDriver(of: ContractHost.a1)
      try host.kernel.bindDriver("pci-stub", to: ContractHost.a1)
      try host.bind(node, fd)
    },
    ContractCase(98, "a native probe while a member is bound; 99 vfio-pci; 100 after closing") {
      host in
      let a0 = try host.bound(ContractHost.a0, try host.iommufd())
      try host.kernel.unbindDriver(of: ContractHost.a1)
      expect(.resourceBusy) { try host.kernel.bindDriver("e1000e", to: ContractHost.a1) }
      try host.kernel.bindDriver("vfio-pci", to: ContractHost.a1)
      try host.kernel.unbindDriver(of: ContractHost.a1)
      host.close(a0.descriptor)
      try host.kernel.bindDriver("e1000e", to: ContractHost.a1)
    },
    ContractCase(104, "a mapping keeps the closed file bound") { host in
      let fd = try host.iommufd()
      let n = try host.bound(ContractHost.n, fd)
      let request = MappingRequest(descriptor: n.descriptor, length: 4096)
      let address = try host.kernel.map(request)
      host.close(n.descriptor)
      let node = try host.node(ContractHost.n)
      expect(.invalidArgument) { try host.bind(node, fd) }
      host.kernel.unmap(address: address, length: 4096)
      #expect(try host.bind(node, fd) == n.identifier)
    },
    ContractCase(105, "closing the iommufd first; 106 the same number again") { host in
      let fd = try host.iommufd()
      let n = try host.bound(ContractHost.n, fd)
      let ioas = try host.allocateIOAS(fd)
      try host.attach(n.descriptor, ioas)
      host.close(fd)
      try host.call(n.descriptor, VFIO_DEVICE_GET_INFO, [16, 0, 0, 0])
      try host.detach(n.descriptor)
      try host.attach(n.descriptor, ioas)
      host.close(n.descriptor)
      #expect(host.kernel.openObjects == [])
      let other = try host.iommufd()
      let again = try host.bound(ContractHost.n, other)
      host.close(again.descriptor)
      #expect(try host.bound(ContractHost.n, other).identifier == again.identifier)
    },
    ContractCase(107, "a reply that cannot be written leaves the device unbound") { host in
      let fd = try host.iommufd()
      let n = try host.node(ContractHost.n)
      let page = try host.memory(pages: 1)
      try pokeWords(page, [24, 0, UInt32(bitPattern: fd), 0, 0, 0])
      try protect(page, isWritable: false)
      expect(.badAddress) { try host.call(n, VFIO_DEVICE_BIND_IOMMUFD, value: UInt(page)) }
      try protect(page, isWritable: true)
      try host.call(n, VFIO_DEVICE_BIND_IOMMUFD, value: UInt(page))
      #expect(try peekWord(page + 12) == 1)
    },
    ContractCase(109, "an unbind that waits removes the node; 110 asks the user") { host in
      let n = try host.bound(ContractHost.n, try host.iommufd())
      let event = try host.event()
      try host.setInterrupts(
        n.descriptor, index: VFIO_PCI_REQ_IRQ_INDEX, flags: VFIO_IRQ_SET_ACTION_TRIGGER,
        events: [event])
      #expect(try !host.kernel.unbindDriver(of: ContractHost.n))
      #expect(EventDescriptor.drain(event))
      expect(.noSuchFileOrDirectory) { _ = try host.open("/dev/vfio/devices/vfio5") }
      #expect(try host.config(n.descriptor, 0, width: 2) == 0x1B36)
      host.close(n.descriptor)
      expect(.noSuchFileOrDirectory) {
        _ = try host.kernel.link(at: "/sys/bus/pci/devices/\(ContractHost.n)/driver")
      }
    },
  ]

  static let attaching: [ContractCase] = [
    ContractCase(111, "ATTACH to an IOAS; 112 again; 113 to another") { host in
      let fd = try host.iommufd()
      let n = try host.bound(ContractHost.n, fd)
      let first = try host.allocateIOAS(fd)
      let second = try host.allocateIOAS(fd)
      let table = try host.attach(n.descriptor, first)
      #expect(table == 4)
      #expect(try host.attach(n.descriptor, first) == table)
      let other = try host.attach(n.descriptor, second)
      #expect(other == 5)
      try host.destroy(fd, first)
      expect(.noSuchFileOrDirectory) { try host.destroy(fd, table) }
    },
    ContractCase(114, "ATTACH to nothing; 116 while attached; 117 DETACH; 118, 119 twice") {
      host in
      let fd = try host.iommufd()
      let n = try host.bound(ContractHost.n, fd)
      let ioas = try host.allocateIOAS(fd)
      for target in [0, 99] as [UInt32] {
        expect(.noSuchFileOrDirectory) { try host.attach(n.descriptor, target) }
      }
      expect(.invalidArgument) { try host.attach(n.descriptor, n.identifier) }
      try host.detach(n.descriptor)
      let table = try host.attach(n.descriptor, ioas)
      expect(.noSuchFileOrDirectory) { try host.attach(n.descriptor, 99) }
      #expect(try host.attach(n.descriptor, ioas) == table)
      try host.detach(n.descriptor)
      try host.detach(n.descriptor)
      try host.destroy(fd, ioas)
    },
    ContractCase(120, "shapes of ATTACH and DETACH; 121 flags; 122 PASID without room") { host in
      let n = try host.bound(ContractHost.n, try host.iommufd()).descriptor
      expect(.invalidArgument) {
        try host.call(n, VFIO_DEVICE_ATTACH_IOMMUFD_PT, [11, 0, 1])
      }
      expect(.invalidArgument) { try host.call(n, VFIO_DEVICE_DETACH_IOMMUFD_PT, [7, 0]) }
      expect(.invalidArgument) {
        try host.call(n, VFIO_DEVICE_ATTACH_IOMMUFD_PT, [12, 2, 1])
      }
      expect(.invalidArgument) {
        try host.call(n, VFIO_DEVICE_ATTACH_IOMMUFD_PT, [12, 1, 1, 5])
      }
    },
    ContractCase(123, "the second of a group joins; 124 not elsewhere; 125 moves all; 126") {
      host in
      let fd = try host.iommufd()
      let a0 = try host.bound(ContractHost.a0, fd).descriptor
      let a1 = try host.bound(ContractHost.a1, fd).descriptor
      let first = try host.allocateIOAS(fd)
      let second = try host.allocateIOAS(fd)
      let table = try host.attach(a0, first)
      expect(.invalidArgument) { try host.attach(a1, second) }
      #expect(try host.attach(a1, first) == table)
      let moved = try host.attach(a1, second)
      try host.destroy(fd, first)
      #expect(try host.attach(a0, second) == moved)
      try host.detach(a0)
      expect(.resourceBusy) { try host.destroy(fd, second) }
      host.close(a1)
      try host.destroy(fd, second)
    },
    ContractCase(128, "after both detached the group is free; 129 closing one keeps the other") {
      host in
      let fd = try host.iommufd()
      let a0 = try host.bound(ContractHost.a0, fd).descriptor
      let a1 = try host.bound(ContractHost.a1, fd).descriptor
      let first = try host.allocateIOAS(fd)
      let second = try host.allocateIOAS(fd)
      try host.attach(a0, first)
      try host.attach(a1, first)
      try host.detach(a0)
      try host.detach(a1)
      try host.attach(a0, second)
      try host.attach(a1, second)
      host.close(a0)
      expect(.resourceBusy) { try host.destroy(fd, second) }
    },
    ContractCase(130, "an explicit table is not found through its IOAS; 131 by its id; 132") {
      host in
      let fd = try host.iommufd()
      let a0 = try host.bound(ContractHost.a0, fd)
      let a1 = try host.bound(ContractHost.a1, fd)
      let ioas = try host.allocateIOAS(fd)
      let table = try host.allocateTable(fd, a0.identifier, ioas)
      try host.attach(a0.descriptor, table)
      expect(.invalidArgument) { try host.attach(a1.descriptor, ioas) }
      #expect(try host.attach(a1.descriptor, table) == table)
      try host.detach(a1.descriptor)
      #expect(try host.attach(a0.descriptor, ioas) != table)
      try host.destroy(fd, table)
    },
    ContractCase(133, "two groups share an automatic table; 134 or use two address spaces") {
      host in
      let fd = try host.iommufd()
      let n = try host.bound(ContractHost.n, fd).descriptor
      let s0 = try host.bound(ContractHost.s0, fd).descriptor
      let s1 = try host.bound(ContractHost.s1, fd).descriptor
      let first = try host.allocateIOAS(fd)
      let second = try host.allocateIOAS(fd)
      #expect(try host.attach(n, first) == (try host.attach(s0, first)))
      try host.attach(s1, second)
    },
    ContractCase(135, "a mapping in the MSI window; 136 above the aperture; 137 bytes; 140") {
      host in
      let fd = try host.iommufd()
      let n = try host.bound(ContractHost.n, fd).descriptor
      let memory = try host.memory()
      let places: [(iova: UInt64, length: UInt64)] = [
        (0xFEE0_0000, 4096), (1 << 48, 4096), (0x1_0000, 100),
      ]
      for (iova, length) in places {
        let ioas = try host.allocateIOAS(fd)
        try host.map(fd, ioas, memory, length: length, at: iova)
        expect(.addressInUse) { try host.attach(n, ioas) }
        _ = try host.unmap(fd, ioas, at: iova, length: length)
        try host.attach(n, ioas)
        try host.detach(n)
      }
    },
    ContractCase(138, "an allowed range over the MSI window") { host in
      let fd = try host.iommufd()
      let n = try host.bound(ContractHost.n, fd).descriptor
      let ioas = try host.allocateIOAS(fd)
      try allow(host, fd, ioas, [(0xFEE0_0000, 0xFEE0_1FFF)])
      expect(.addressInUse) { try host.attach(n, ioas) }
      try allow(host, fd, ioas, [])
      try host.attach(n, ioas)
    },
    ContractCase(141, "a failing replace leaves the old address space in place") { host in
      let fd = try host.iommufd()
      let n = try host.bound(ContractHost.n, fd).descriptor
      let good = try host.allocateIOAS(fd)
      let bad = try host.allocateIOAS(fd)
      try host.map(fd, bad, try host.hole(), at: 0x1000)
      let table = try host.attach(n, good)
      expect(.badAddress) { try host.attach(n, bad) }
      #expect(try host.attach(n, good) == table)
      try host.destroy(fd, bad)
    },
  ]

  static func allow(
    _ host: ContractHost, _ iommufd: Int32, _ ioas: UInt32,
    _ ranges: [(first: UInt64, last: UInt64)]
  ) throws {
    let list = try host.memory(pages: 1)
    try pokeWords(
      list,
      ranges.flatMap { [$0.first, $0.last] }.flatMap {
        [UInt32(truncatingIfNeeded: $0), UInt32($0 >> 32)]
      })
    var command = iommu_ioas_allow_iovas()
    command.size = 24
    command.ioas_id = ioas
    command.num_iovas = UInt32(ranges.count)
    command.allowed_iovas = list
    try host.kernel.control(iommufd, UInt(IOMMU_IOAS_ALLOW_IOVAS), on: &command)
  }
}
