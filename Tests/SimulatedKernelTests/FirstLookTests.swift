import CLinux
import SimulatedKernel
import SystemPackage
import Testing

@Suite("The pair of the recorded trace")
struct FirstLookTests {
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
}
