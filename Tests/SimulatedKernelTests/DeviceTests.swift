import CLinux
import Glibc
import HostKernel
import PCI
import SimulatedKernel
import SystemPackage
import Testing

/// What only the hardware side of the model, or a description, can bring about on a device.
@Suite("Devices of the simulated host")
struct DeviceTests {
  private static let hasKVM = unsafe access("/dev/kvm", R_OK | W_OK) == 0

  private let trigger = VFIO_IRQ_SET_ACTION_TRIGGER

  private func open(_ host: ContractHost, _ address: PCIAddress) throws -> Int32 {
    try host.bound(address, try host.iommufd()).descriptor
  }

  @Test("writing BARs leaves the hardware's alone")
  func hardwareBARs() throws {
    let host = try ContractHost()
    let n = try open(host, ContractHost.n)
    let before = try host.kernel.hardwareConfig(of: ContractHost.n)[0x10..<0x18]
    try host.setConfig(n, 0x10, 0xFFFF_FFFF, width: 4)
    try host.setConfig(n, 0x14, 0xFFFF_FFFF, width: 4)
    #expect(try host.kernel.hardwareConfig(of: ContractHost.n)[0x10..<0x18] == before)
  }

  @Test("VPD gives four bytes at a time")
  func vitalProductData() throws {
    let host = try ContractHost()
    let n = try open(host, ContractHost.n)
    try host.setConfig(n, 0x52, 4, width: 2)
    #expect(try host.config(n, 0x52, width: 2) == 0x8004)
    #expect(try host.config(n, 0x54, width: 4) == 0x6F6C_6C65)
  }

  @Test("DEVCTL counts as a reset only with the FLR bit")
  func functionLevelReset() throws {
    let host = try ContractHost()
    let n = try open(host, ContractHost.n)
    let before = try host.kernel.resetCount(of: ContractHost.n)
    try host.setConfig(n, 0x88, 0x7FFF, width: 2)
    #expect(try host.kernel.resetCount(of: ContractHost.n) == before)
    try host.setConfig(n, 0x88, 0xFFFF, width: 2)
    #expect(try host.kernel.resetCount(of: ContractHost.n) == before + 1)
  }

  @Test("a device that left the bus reads as ones")
  func gone() throws {
    let host = try ContractHost()
    let n = try open(host, ContractHost.n)
    try host.kernel.setGone(ContractHost.n, true)
    #expect(try host.config(n, 0, width: 4) == 0xFFFF_FFFF)
    #expect(try host.read(n, 0, count: 2) == [0xFF, 0xFF])
    try host.write(n, 0, [1])
  }

  @Test("only a vendor driver's sparse areas can be mapped")
  func sparseAreas() throws {
    let host = try ContractHost { description in
      guard let place = description.functions.firstIndex(where: { $0.address == ContractHost.n })
      else { return }
      description.functions[place].bars[0].sparseAreas = [
        HostArea(offset: 0, size: 0x1000), HostArea(offset: 0x3000, size: 0x1000),
      ]
    }
    let n = try open(host, ContractHost.n)
    let words = try host.call(
      n, VFIO_DEVICE_GET_REGION_INFO, [96] + [UInt32](repeating: 0, count: 23))
    #expect(words[1] == 0xF)
    #expect(
      Array(words[8..<20]) == [0x0001_0001, 80, 2, 0, 0, 0, 0x1000, 0, 0x3000, 0, 0x1000, 0])
    #expect(words[20] == 0x0001_0003)
    expect(.invalidArgument) {
      _ = try host.kernel.map(MappingRequest(descriptor: n, offset: 0x1000, length: 4096))
    }
    let address = try host.kernel.map(
      MappingRequest(descriptor: n, offset: 0x3000, length: 4096))
    host.kernel.unmap(address: address, length: 4096)
  }

  @Test("a vector of the hardware signals its event, an error the one for errors")
  func hardwareSignals() throws {
    let host = try ContractHost()
    let n = try open(host, ContractHost.n)
    let events = try (0..<2).map { _ in try host.event() }
    try host.setInterrupts(
      n, index: VFIO_PCI_MSIX_IRQ_INDEX, flags: trigger, start: 3, events: [events[0]])
    try host.setInterrupts(n, index: VFIO_PCI_ERR_IRQ_INDEX, flags: trigger, events: [events[1]])
    try host.kernel.raiseInterrupt(of: ContractHost.n, vector: 3)
    try host.kernel.raiseInterrupt(of: ContractHost.n, vector: 4)
    #expect(EventDescriptor.drain(events[0]))
    #expect(!EventDescriptor.drain(events[1]))
    try host.kernel.reportError(of: ContractHost.n)
    #expect(!EventDescriptor.drain(events[0]))
    #expect(EventDescriptor.drain(events[1]))
  }

  @Test("low power hides mapped registers until it ends")
  func lowPower() throws {
    let host = try ContractHost()
    let n = try open(host, ContractHost.n)
    try host.write(n, 0x10, [1, 2, 3, 4])
    let address = try host.kernel.map(MappingRequest(descriptor: n, length: 4096))
    func isTouchable() -> Bool {
      var ends: [Int32] = [-1, -1]
      guard unsafe pipe(&ends) == 0 else { return false }
      defer { for end in ends { close(end) } }
      return unsafe write(ends[1], UnsafeRawPointer(bitPattern: address), 4) == 4
    }
    #expect(try peekWord(UInt64(address) + 0x10) == 0x0403_0201)
    try host.call(n, VFIO_DEVICE_FEATURE, [8, UInt32(VFIO_DEVICE_FEATURE_SET) | 3])
    #expect(!isTouchable())
    #expect(try host.read(n, 0x10, count: 4) == [1, 2, 3, 4])
    try host.call(n, VFIO_DEVICE_FEATURE, [8, UInt32(VFIO_DEVICE_FEATURE_SET) | 5])
    #expect(isTouchable())
    #expect(try peekWord(UInt64(address) + 0x10) == 0x0403_0201)
    host.kernel.unmap(address: address, length: 4096)
  }

  @Test("an eventfd that writes to several places has one duplicate, gone with the last")
  func sharedEvents() throws {
    let host = try ContractHost()
    let n = try open(host, ContractHost.n)
    let event = try host.event()
    func set(_ value: UInt64, _ descriptor: Int32) throws {
      var command = vfio_device_ioeventfd()
      command.argsz = 32
      command.flags = 4
      command.data = value
      command.fd = descriptor
      try host.kernel.control(n, UInt(VFIO_DEVICE_IOEVENTFD), on: &command)
    }
    var held: String? {
      host.kernel.openObjects.first { $0.hasPrefix("\(ContractHost.n) open") }
    }
    try set(1, event)
    try set(2, event)
    #expect(held == "\(ContractHost.n) open, 1 eventfds")
    try set(1, -1)
    #expect(held == "\(ContractHost.n) open, 1 eventfds")
    try set(2, -1)
    #expect(held == "\(ContractHost.n) open, 0 eventfds")
  }

  @Test(
    "a host that runs guests has the real KVM, whose machines know the simulated files",
    .enabled(if: Self.hasKVM, "needs /dev/kvm"))
  func realKVM() throws {
    let description = try HostDescription(contentsOf: machineFile("contract"))
    let kernel = SimulatedKernel(description, runsGuests: true)
    let kvm = try kernel.open("/dev/kvm", .readWrite)
    let machine = try kernel.control(kvm, 0xAE01, value: 0)
    // KVM_CAP_USER_MEMORY, which a machine of the model lacks.
    #expect(try kernel.control(machine, UInt(KVM_CHECK_EXTENSION), value: 3) == 1)
    var command = kvm_create_device(type: UInt32(KVM_DEV_TYPE_VFIO), fd: 0, flags: 0)
    try kernel.control(machine, UInt(KVM_CREATE_DEVICE), on: &command)
    var group = try kernel.open("/dev/vfio/12", .readWrite)
    try unsafe withUnsafeMutablePointer(to: &group) { pointer in
      var attribute = kvm_device_attr(
        flags: 0, group: UInt32(KVM_DEV_VFIO_FILE), attr: UInt64(KVM_DEV_VFIO_FILE_ADD),
        addr: UInt64(UInt(bitPattern: pointer)))
      try kernel.control(Int32(command.fd), UInt(KVM_SET_DEVICE_ATTR), on: &attribute)
    }
    for descriptor in [Int32(command.fd), group, machine, kvm] { kernel.close(descriptor) }
    #expect(kernel.isQuiescent)
  }

  @Test("KVM's machines know the VFIO device and report the rest once")
  func kvm() throws {
    let host = try ContractHost()
    let kvm = try host.open("/dev/kvm")
    #expect(try host.kernel.control(kvm, UInt(KVM_GET_API_VERSION), value: 0) == 12)
    #expect(try host.kernel.control(kvm, UInt(KVM_CHECK_EXTENSION), value: 89) == 1)
    #expect(try host.kernel.control(kvm, UInt(KVM_CHECK_EXTENSION), value: 0) == 0)
    let machine = try host.kernel.control(kvm, UInt(KVM_CREATE_VM), value: 0)
    for _ in 0..<2 {
      #expect(throws: Errno(rawValue: 25)) {
        try host.kernel.control(machine, UInt(KVM_CREATE_IRQCHIP), value: 0)
      }
    }
    #expect(host.reports.count == 1)
    host.kernel.close(machine)
  }
}
