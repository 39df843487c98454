import CLinux
import HostKernel
import SimulatedKernel
import SystemPackage
import Testing

/// Section 12.4 of the contract.
@Suite("Contract: binding")
struct ContractBindingTests {
  @Test("binding a device's own node", arguments: binding)
  func bindingRow(_ row: ContractCase) throws { try row.run() }

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
}
