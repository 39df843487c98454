import CLinux
import HostKernel
import PCI
import SimulatedKernel
import Testing

/// What becomes of a function that its last user leaves (4.6 of the contract), as only the hardware's
/// side can see it.
@Suite("Last closes on the simulated host")
struct LastCloseTests {
  private func open(_ host: ContractHost, _ address: PCIAddress) throws -> Int32 {
    try host.bound(address, try host.iommufd()).descriptor
  }

  @Test("without any reset the registers keep what they hold") func registersStay() throws {
    let host = try ContractHost()
    let r = try open(host, ContractHost.r)
    try host.write(r, 0x8000, [1, 2, 3])
    host.close(r)
    let again = try open(host, ContractHost.r)
    #expect(try host.read(again, 0x7FFF, count: 5) == [0, 1, 2, 3, 0])
  }

  @Test("the last user of a set whose members cannot reset alone resets the set")
  func setIsReset() throws {
    let host = try ContractHost()
    let s0 = try open(host, ContractHost.s0)
    let s1 = try open(host, ContractHost.s1)
    try host.write(s0, 0x100, [7])
    let before = try host.kernel.resetCount(of: ContractHost.s1)
    host.close(s0)
    #expect(try host.kernel.resetCount(of: ContractHost.s1) == before)
    host.close(s1)
    #expect(try host.kernel.resetCount(of: ContractHost.s1) == before + 1)
    let again = try open(host, ContractHost.s0)
    #expect(try host.read(again, 0x100, count: 1) == [0])
  }

  @Test("a function that wakes the host up ends low power and tells its user, once")
  func wakeUp() throws {
    let host = try ContractHost()
    let n = try open(host, ContractHost.n)
    let event = try host.event()
    let flags = UInt32(4 | VFIO_DEVICE_FEATURE_SET)
    func enter() throws {
      try host.call(n, VFIO_DEVICE_FEATURE, [16, flags, UInt32(bitPattern: event), 0])
    }
    try enter()
    #expect(throws: (any Error).self) { try enter() }
    #expect(!EventDescriptor.drain(event))
    for isFirst in [true, false] {
      try host.kernel.wakeUp(ContractHost.n)
      #expect(EventDescriptor.drain(event) == isFirst)
    }
    try enter()
    host.close(n)
    try host.kernel.wakeUp(ContractHost.n)
    #expect(!EventDescriptor.drain(event))
  }
}
