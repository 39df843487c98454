internal import CLinux
internal import HostKernel
internal import SystemPackage

extension Contract {
  /// Section 12.18.
  static let kvmDevice = ContractSection(
    "12.18", "KVM device",
    [
      ContractCase(527, "VM, CREATE_DEVICE twice → 0, EBUSY") { host in
        let machine = try virtualMachine(host)
        let device = try create(host, machine)
        try expect(.resourceBusy) { _ = try create(host, machine) }
        host.close(device)
        _ = try create(host, machine)
      },
      ContractCase("527b", "VM with a device, CREATE_DEVICE to test → 0, no device") { host in
        let machine = try virtualMachine(host)
        _ = try create(host, machine)
        let words = try host.call(
          machine, createDevice, [UInt32(KVM_DEV_TYPE_VFIO), 77, UInt32(KVM_CREATE_DEVICE_TEST)])
        try expect(words[1], equals: 77, "fd")
      },
      ContractCase(528, "FILE_ADD of group, cdev, unbound cdev → 0", [.a0, .n, .s0]) { host in
        let device = try vfioDevice(host)
        let iommufd = try host.iommufd()
        let group = try host.group(.a0)
        try host.setContainer(group, iommufd)
        try set(host, device, added, group)
        try set(host, device, added, try host.device(group, .a0))
        try set(host, device, added, try host.bound(.n, iommufd).descriptor)
        try set(host, device, added, try host.node(.s0))
      },
      ContractCase("528b", "a group that was added, closing it → open until FILE_DEL", [.n]) {
        host in
        let device = try vfioDevice(host)
        let group = try host.group(.n)
        try set(host, device, added, group)
        host.close(group)
        try expect(.resourceBusy) { _ = try host.group(.n) }
        host.close(device)
        _ = try host.group(.n)
      },
      ContractCase(529, "FILE_ADD of the same again → EEXIST", [.n]) { host in
        let device = try vfioDevice(host)
        let node = try host.node(.n)
        try set(host, device, added, node)
        try expect(.fileExists) { try set(host, device, added, node) }
        try set(host, device, deleted, node)
        try set(host, device, added, node)
      },
      ContractCase(530, "FILE_ADD of an iommufd or a file → EINVAL") { host in
        let device = try vfioDevice(host)
        for descriptor in [try host.iommufd(), try host.regularFile()] {
          try expect(.invalidArgument) { try set(host, device, added, descriptor) }
        }
      },
      ContractCase("530b", "FILE_ADD of a container → EINVAL") { host in
        let device = try vfioDevice(host)
        let container = try host.container()
        try expect(.invalidArgument) { try set(host, device, added, container) }
      },
      ContractCase(531, "FILE_ADD of a closed number → EBADF") { host in
        let device = try vfioDevice(host)
        for attribute in [added, deleted] {
          try expect(.badFileDescriptor) {
            try set(host, device, attribute, host.closedDescriptor)
          }
        }
      },
      ContractCase("531b", "FILE_ADD of an unreadable number → EFAULT") { host in
        let device = try vfioDevice(host)
        let hole = try host.hole()
        try expect(.badAddress) {
          try host.setAttribute(device, KVM_SET_DEVICE_ATTR, 1, added, hole)
        }
      },
      ContractCase(532, "FILE_DEL of what was not added → ENOENT", [.n]) { host in
        let device = try vfioDevice(host)
        let descriptors = [try host.node(.n), try host.iommufd(), try host.regularFile()]
        for descriptor in descriptors {
          try expect(.noSuchFileOrDirectory) { try set(host, device, deleted, descriptor) }
        }
      },
      ContractCase(533, "SET or HAS of group 7 → ENXIO") { host in
        let device = try vfioDevice(host)
        for call in [KVM_SET_DEVICE_ATTR, KVM_HAS_DEVICE_ATTR] {
          try expect(.noSuchAddressOrDevice, "group 7") {
            try host.setAttribute(device, call, 7, 1, 0)
          }
          try expect(.noSuchAddressOrDevice, "attribute 9") {
            try host.setAttribute(device, call, 1, 9, 0)
          }
        }
        for attribute in [added, deleted] {
          try host.setAttribute(device, KVM_HAS_DEVICE_ATTR, 1, attribute, 0)
        }
      },
      ContractCase(534, "GET → EPERM") { host in
        let device = try vfioDevice(host)
        try expect(.notPermitted) {
          try host.setAttribute(device, KVM_GET_DEVICE_ATTR, 1, added, 0)
        }
      },
    ])

  private static let added = UInt64(KVM_DEV_VFIO_FILE_ADD)
  private static let deleted = UInt64(KVM_DEV_VFIO_FILE_DEL)
  private static let createDevice = Int32(bitPattern: KVM_CREATE_DEVICE)

  /// A virtual machine. Throws `ContractSkip` on a host without KVM.
  private static func virtualMachine(_ host: ContractHost) throws -> Int32 {
    let module: Int32
    do throws(Errno) { module = try host.open("/dev/kvm") } catch {
      throw ContractSkip("this host has no KVM: opening /dev/kvm fails with \(ErrnoName.of(error))")
    }
    return host.adopt(try host.call(module, KVM_CREATE_VM))
  }

  private static func create(_ host: ContractHost, _ machine: Int32) throws(Errno) -> Int32 {
    let words = try host.call(machine, createDevice, [UInt32(KVM_DEV_TYPE_VFIO), 0, 0])
    return host.adopt(Int32(bitPattern: words[1]))
  }

  /// The VFIO device of a machine of its own.
  private static func vfioDevice(_ host: ContractHost) throws -> Int32 {
    try create(host, virtualMachine(host))
  }

  /// Sets an attribute whose value is the number of a descriptor.
  private static func set(
    _ host: ContractHost, _ device: Int32, _ attribute: UInt64, _ descriptor: Int32
  ) throws {
    let value = try host.memory(pages: 1)
    try host.setWord(UInt32(bitPattern: descriptor), at: value)
    try host.setAttribute(device, KVM_SET_DEVICE_ATTR, 1, attribute, value)
  }
}

extension ContractHost {
  fileprivate func setAttribute(
    _ device: Int32, _ call: Int32, _ group: UInt32, _ attribute: UInt64, _ address: UInt64
  ) throws(Errno) {
    var command = kvm_device_attr(flags: 0, group: group, attr: attribute, addr: address)
    try kernel.control(device, UInt(call), on: &command)
  }
}
