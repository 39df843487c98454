internal import CLinux
internal import Glibc
internal import HostKernel
internal import SystemPackage

/// Section 12.4: how long a binding lasts, and what the driver's departure does to it.
extension Contract {
  static let bindingLife: [ContractCase] = [
    ContractCase(104, "N bound, BAR mmapped, fd closed: BIND new fd → EINVAL until munmap", [.n]) {
      host in
      let fd = try host.iommufd()
      let n = try host.bound(.n, fd)
      let address = try host.map(
        MappingRequest(
          descriptor: n.descriptor, offset: try mappableRegion(host, n.descriptor), length: 4096))
      host.close(n.descriptor)
      let second = try host.node(.n)
      try expect(.invalidArgument) { try host.bind(second, fd) }
      host.unmap(address)
      try host.bind(second, fd)
    },
    ContractCase("104b", "the same: N's devid is not given out until munmap", [.n]) { host in
      let fd = try host.iommufd()
      let n = try host.bound(.n, fd)
      let address = try host.map(
        MappingRequest(
          descriptor: n.descriptor, offset: try mappableRegion(host, n.descriptor), length: 4096))
      host.close(n.descriptor)
      try expect(try host.allocateIOAS(fd) != n.identifier, "the devid is free")
      host.unmap(address)
      try expect(try host.allocateIOAS(fd), equals: n.identifier)
    },
    ContractCase(
      105, "N attached, iommufd closed: GET_INFO, DETACH, ATTACH(i1) → 0", [.n]
    ) { host in
      let fd = try host.iommufd()
      let n = try host.bound(.n, fd).descriptor
      let ioas = try host.allocateIOAS(fd)
      try host.attach(n, ioas)
      host.close(fd)
      try host.call(n, VFIO_DEVICE_GET_INFO, [16, 0, 0, 0])
      try host.detach(n)
      try host.attach(n, ioas)
    },
    ContractCase(106, "N bound: close N.fd, reopen, BIND → 0, same devid", [.n]) { host in
      let fd = try host.iommufd()
      _ = try host.allocateIOAS(fd)
      let first = try host.bound(.n, fd)
      host.close(first.descriptor)
      try expect(try host.bound(.n, fd).identifier, equals: first.identifier)
    },
    ContractCase(107, "memory for devid read-only: BIND → EFAULT, device not bound", [.n]) {
      host in
      let fd = try host.iommufd()
      let n = try host.node(.n)
      let argument = try host.readOnly([24, 0, UInt32(bitPattern: fd), 0, 0, 0])
      try expect(.badAddress) { try host.call(n, VFIO_DEVICE_BIND_IOMMUFD, value: argument) }
      try expect(.invalidArgument, "GET_INFO") {
        try host.call(n, VFIO_DEVICE_GET_INFO, [16, 0, 0, 0])
      }
      try expect(try host.bind(n, fd), equals: 1, "devid")
    },
    ContractCase(108, "N bound: fdinfo of N.fd has the line of the sysfs path", [.n]) { host in
      let n = try host.bound(.n, try host.iommufd()).descriptor
      try expect(try devicePath(host, n) != nil, "no line vfio-device-syspath")
    },
    ContractCase("108b", "N.fd not bound: fdinfo has the line all the same", [.n]) { host in
      let n = try host.node(.n)
      try expect(try devicePath(host, n) != nil, "no line vfio-device-syspath")
    },
    ContractCase(109, "unbind of N from driver pending: open cdev → ENOENT", [.n]) { host in
      let n = try host.bound(.n, try host.iommufd()).descriptor
      let node = try nodePath(host, .n)
      try host.platform.startUnbinding(host.address(.n))
      try expect(.noSuchFileOrDirectory) { _ = try host.open(node) }
      host.close(n)
      try host.platform.finishUnbinding(host.address(.n))
      try expect(.noSuchFileOrDirectory, "after the end") { _ = try host.open(node) }
    },
    ContractCase("109b", "N.gfd open, unbind pending: GET_DEVICE_FD N → ENODEV", [.n]) { host in
      let group = try host.usableGroup(.n, container: try host.container())
      let n = try host.device(group, .n)
      try host.platform.startUnbinding(host.address(.n))
      try expect(.enodev) { _ = try host.device(group, .n) }
      host.close(n)
    },
    ContractCase(
      110, "N open, REQ eventfd set: sysfs unbind → signal, N stays usable until closed", [.n]
    ) { host in
      let n = try host.bound(.n, try host.iommufd()).descriptor
      let vendor = try host.config(n, 0, width: 4)
      let event = try host.event()
      try host.setInterrupts(
        n, index: VFIO_PCI_REQ_IRQ_INDEX, flags: VFIO_IRQ_SET_ACTION_TRIGGER, events: [event])
      try expect(host.signals(event), equals: 0, "signals before")
      try host.platform.startUnbinding(host.address(.n))
      try expect(isSignalled(event), "no signal within ten seconds")
      // The unbind holds the device's lock for as long as it waits.
      try expect(.resourceTemporarilyUnavailable, "RESET") {
        try host.call(n, VFIO_DEVICE_RESET)
      }
      try expect(try host.config(n, 0, width: 4), equals: vendor, "ids")
      host.close(n)
      try host.platform.finishUnbinding(host.address(.n))
      try expect(.noSuchFileOrDirectory) { _ = try driver(host, .n) }
    },
    ContractCase("110b", "N open, unbind pending: sysfs shows no driver and no vfio-dev", [.n]) {
      host in
      let n = try host.bound(.n, try host.iommufd()).descriptor
      try expect(try driver(host, .n).hasSuffix("/vfio-pci"), "N is not on vfio-pci")
      try host.platform.startUnbinding(host.address(.n))
      try expect(.noSuchFileOrDirectory, "driver") { _ = try driver(host, .n) }
      try expect(.noSuchFileOrDirectory, "vfio-dev") { _ = try nodePath(host, .n) }
      host.close(n)
    },
  ]

  /// Where the first region starts that can be mapped.
  private static func mappableRegion(_ host: ContractHost, _ device: Int32) throws -> UInt64 {
    for index in 0..<6 as Range<UInt32> {
      var info = vfio_region_info()
      info.argsz = 32
      info.index = index
      try host.kernel.control(device, UInt(VFIO_DEVICE_GET_REGION_INFO), on: &info)
      if info.flags & UInt32(VFIO_REGION_INFO_FLAG_MMAP) != 0 { return info.offset }
    }
    throw ContractFailure("no BAR can be mapped")
  }

  /// What fdinfo says of N's place in sysfs, if that is where N is.
  private static func devicePath(_ host: ContractHost, _ device: Int32) throws -> String? {
    let text = try host.kernel.contents(of: "/proc/self/fdinfo/\(device)")
    let address = try host.address(.n)
    return String(decoding: text, as: UTF8.self).split(separator: "\n").first {
      $0.hasPrefix("vfio-device-syspath: /sys/devices/pci") && $0.hasSuffix("/\(address)")
    }.map(String.init)
  }

  private static func nodePath(_ host: ContractHost, _ fixture: Fixture) throws -> String {
    let names = try host.kernel.entries(
      of: "/sys/bus/pci/devices/\(host.address(fixture))/vfio-dev")
    guard let name = names.first else { throw ContractFailure("no node of \(fixture)") }
    return "/dev/vfio/devices/\(name)"
  }

  private static func driver(_ host: ContractHost, _ fixture: Fixture) throws -> String {
    try host.kernel.link(at: "/sys/bus/pci/devices/\(host.address(fixture))/driver")
  }

  /// Waits up to ten seconds for an eventfd, and leaves it as it is.
  private static func isSignalled(_ event: Int32) -> Bool {
    var request = pollfd(fd: event, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&request, 1, 10_000) == 1
  }
}
