import CLinux
import HostKernel
import PCI
import SimulatedKernel
import SystemPackage
import Testing

@Suite("Many threads on one host")
struct ConcurrencyTests {
  @Test("devices, address spaces and interrupts from several tasks end with nothing held")
  func manyTasks() async throws {
    let host = try ContractHost()
    let memory = try host.memory(pages: 8)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for address in [ContractHost.n, ContractHost.r, ContractHost.a0, ContractHost.p] {
        group.addTask {
          for _ in 0..<20 { try Self.use(address, host, memory) }
        }
      }
      group.addTask {
        for level in 0..<400 {
          try host.kernel.setInterruptLine(
            of: ContractHost.r, asserted: level.isMultiple(of: 2))
          _ = host.kernel.openObjects
        }
      }
      try await group.waitForAll()
    }
    #expect(host.kernel.openObjects == [])
  }

  private static func use(
    _ address: PCIAddress, _ host: ContractHost, _ memory: UInt64
  ) throws {
    let iommufd = try host.iommufd()
    let device = try host.bound(address, iommufd).descriptor
    let ioas = try host.allocateIOAS(iommufd)
    try host.attach(device, ioas)
    try host.map(iommufd, ioas, memory, length: 0x8000, at: 0x1_0000)
    let event = try host.event()
    let unmask = try host.event()
    if address == ContractHost.r {
      try host.setInterrupts(
        device, index: VFIO_PCI_INTX_IRQ_INDEX, flags: VFIO_IRQ_SET_ACTION_TRIGGER,
        events: [event])
      try host.setInterrupts(
        device, index: VFIO_PCI_INTX_IRQ_INDEX, flags: VFIO_IRQ_SET_ACTION_UNMASK,
        events: [unmask])
      EventDescriptor.signal(unmask)
    }
    try host.write(device, 0x40, [1, 2, 3, 4])
    _ = try host.config(device, 4, width: 2)
    let bar = try host.kernel.map(MappingRequest(descriptor: device, length: 4096))
    host.close(device)
    host.kernel.unmap(address: bar, length: 4096)
    for descriptor in [iommufd, event, unmask] { host.close(descriptor) }
  }
}
