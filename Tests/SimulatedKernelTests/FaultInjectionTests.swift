import CLinux
import HostKernel
import SimulatedKernel
import SystemPackage
import Testing

@Suite("Failing at call N")
struct FaultInjectionTests {
  @Test("every call of a bring-up can fail, and closing what was opened leaves nothing")
  func everyCall() throws {
    let clean = try attempt(failing: nil)
    #expect(clean.error == nil)
    #expect(clean.calls > 10)
    for number in 1...clean.calls {
      let result = try attempt(failing: number)
      #expect(result.error == .ioError, "call \(number)")
      #expect(result.calls == number)
      #expect(result.left == [], "call \(number)")
    }
  }

  @Test("a fault comes at the N-th call of its kind, once")
  func callsOfAKind() throws {
    let host = try ContractHost()
    let request = UInt(IOMMU_IOAS_ALLOC)
    let kernel = FaultInjectingKernel(
      host.kernel, faults: [Fault(.control(request), occurrence: 2, .fail(.noMemory))])
    let iommufd = try kernel.open("/dev/iommu", .readWrite)
    defer { kernel.close(iommufd) }
    var answers: [Errno?] = []
    for _ in 0..<3 {
      var allocate = ContractHost.bytes([12, 0, 0])
      do throws(Errno) {
        try kernel.control(iommufd, request, on: &allocate)
        answers.append(nil)
      } catch {
        answers.append(error)
      }
    }
    #expect(answers == [nil, .noMemory, nil])
    #expect(kernel.hasFailed)
  }

  @Test("a device can vanish between two calls")
  func vanishes() throws {
    let host = try ContractHost()
    let simulated = host.kernel
    let kernel = FaultInjectingKernel(
      simulated,
      faults: [
        Fault(.read, occurrence: 2, .first { try? simulated.setGone(ContractHost.n, true) })
      ])
    let iommufd = try kernel.open("/dev/iommu", .readWrite)
    let device = try host.node(ContractHost.n)
    try host.bind(device, iommufd)
    var words: [[UInt8]] = []
    for _ in 0..<2 {
      var bytes = [UInt8](repeating: 0, count: 2)
      var elements = bytes.mutableSpan
      var span = unsafe elements.mutableBytes
      _ = try kernel.read(device, into: &span, at: ContractHost.config + 0x3C)
      words.append(bytes)
    }
    #expect(words[0] != words[1])
    #expect(try host.config(device, 0x40, width: 4) == 0xFFFF_FFFF)
    host.close(device)
    kernel.close(iommufd)
  }

  @Test("a function that does not come back from a reset makes both kinds of reset ENOTTY")
  func timesOut() throws {
    let host = try ContractHost()
    let fd = try host.iommufd()
    let a0 = try host.bound(ContractHost.a0, fd).descriptor
    let a1 = try host.bound(ContractHost.a1, fd).descriptor
    try host.kernel.setResetTimesOut(ContractHost.a1, true)
    expect(Errno(rawValue: 25)) { try host.call(a1, VFIO_DEVICE_RESET) }
    expect(Errno(rawValue: 25)) { try host.hotReset(a0) }
    try host.kernel.setResetTimesOut(ContractHost.a1, false)
    try host.hotReset(a0)
    try host.call(a1, VFIO_DEVICE_RESET)
    for descriptor in [a0, a1, fd] { host.close(descriptor) }
  }

  private func attempt(
    failing number: Int?
  ) throws -> (error: Errno?, calls: Int, left: [String]) {
    let host = try ContractHost()
    let kernel = FaultInjectingKernel(host.kernel, failing: number, with: .ioError)
    var opened: [Int32] = []
    var mapped: UInt?
    var failure: Errno?
    do throws(Errno) {
      try bringUp(kernel, &opened, &mapped)
    } catch {
      failure = error
    }
    if let mapped { kernel.unmap(address: mapped, length: 4096) }
    for descriptor in opened.reversed() { kernel.close(descriptor) }
    #expect(kernel.hasFailed == (number != nil))
    return (failure, kernel.callCount, host.kernel.openObjects)
  }

  private func bringUp(
    _ kernel: FaultInjectingKernel, _ opened: inout [Int32], _ mapped: inout UInt?
  ) throws(Errno) {
    let path = "/sys/bus/pci/devices/\(ContractHost.n)"
    _ = try kernel.status(of: path)
    _ = try kernel.link(at: path + "/iommu_group")
    let node = try kernel.entries(of: path + "/vfio-dev").first ?? ""
    _ = try kernel.contents(of: path + "/vfio-dev/\(node)/dev")
    let device = try kernel.open("/dev/vfio/devices/\(node)", .readWrite)
    opened.append(device)
    let iommufd = try kernel.open("/dev/iommu", .readWrite)
    opened.append(iommufd)
    var bind = ContractHost.bytes([24, 0, UInt32(bitPattern: iommufd), 0, 0, 0])
    try kernel.control(device, UInt(VFIO_DEVICE_BIND_IOMMUFD), on: &bind)
    var allocate = ContractHost.bytes([12, 0, 0])
    try kernel.control(iommufd, UInt(IOMMU_IOAS_ALLOC), on: &allocate)
    var attach = ContractHost.bytes([12, 0, ContractHost.words(allocate)[2]])
    try kernel.control(device, UInt(VFIO_DEVICE_ATTACH_IOMMUFD_PT), on: &attach)
    let event = try kernel.makeEventDescriptor()
    opened.append(event)
    var interrupts = ContractHost.bytes([24, 0x24, 2, 0, 1, UInt32(bitPattern: event)])
    try kernel.control(device, UInt(VFIO_DEVICE_SET_IRQS), on: &interrupts)
    mapped = try kernel.map(MappingRequest(descriptor: device, length: 4096))
    _ = try kernel.control(device, UInt(VFIO_DEVICE_RESET), value: 0)
  }
}
