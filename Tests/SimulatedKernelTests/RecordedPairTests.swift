import CLinux
import HostKernel
import SimulatedKernel
import SystemPackage
import Testing

@Suite("The pair of the recorded trace")
struct RecordedPairTests {
  @Test("object numbers, information and hot reset of both functions")
  func pair() throws {
    let host = try ContractHost("x710-pair")
    let iommufd = try host.iommufd()
    let first = try host.bound(ContractHost.a0, iommufd)
    #expect(first.identifier == 1)
    let ioas = try host.allocateIOAS(iommufd)
    #expect(ioas == 2)
    let table = try host.allocateTable(iommufd, 1, ioas)
    #expect(table == 3)
    #expect(try host.attach(first.descriptor, table) == 3)
    let second = try host.bound(ContractHost.a1, iommufd)
    #expect(second.identifier == 4)
    #expect(try host.attach(second.descriptor, table) == 3)
    #expect(try host.config(first.descriptor, 0x44, width: 2) == 0x2008)
    #expect(try host.config(first.descriptor, 0x3D, width: 1) == 1)
    let info = try host.hotResetInfo(second.descriptor)
    #expect(info.flags == 3)
    #expect(info.entries.map(\.number) == [1, 4])
    #expect(info.entries.map(\.address) == ["0000:81:00.0", "0000:81:00.1"])
    try host.hotReset(second.descriptor)
    #expect(try host.kernel.resetCount(of: ContractHost.a0) == 1)
    for descriptor in [first.descriptor, second.descriptor, iommufd] { host.close(descriptor) }
    #expect(host.kernel.openObjects == [])
  }

  @Test(
    "without nointxmask an adapter whose INTx masking is broken has none",
    arguments: [
      (true, 0x1572, true), (false, 0x1572, false), (false, 0x37d1, false), (false, 0x1563, false),
      (false, 0x1592, true), (false, 0x1573, true),
    ] as [(Bool, Int, Bool)])
  func brokenMasking(isMaskedElsewhere: Bool, device: Int, hasINTx: Bool) throws {
    let host = try ContractHost("x710-pair") { description in
      description.masksINTxAtController = isMaskedElsewhere
      for index in description.functions.indices {
        description.functions[index].config.set(UInt64(device), at: 2, width: 2)
      }
    }
    let function = try host.bound(ContractHost.a0, try host.iommufd()).descriptor
    #expect(try host.config(function, 0x3D, width: 1) == (hasINTx ? 1 : 0))
    var info = vfio_irq_info()
    info.argsz = UInt32(MemoryLayout<vfio_irq_info>.size)
    info.index = UInt32(VFIO_PCI_INTX_IRQ_INDEX)
    try host.kernel.control(function, UInt(VFIO_DEVICE_GET_IRQ_INFO), on: &info)
    #expect(info.count == (hasINTx ? 1 : 0))
  }
}
