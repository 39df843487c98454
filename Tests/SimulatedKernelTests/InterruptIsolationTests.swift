import CLinux
import SimulatedKernel
import SystemPackage
import Testing

@Suite("Hosts without interrupt remapping")
struct InterruptIsolationTests {
  @Test(
    "a description starts each backend's override, and only that one", arguments: [true, false])
  func overrides(_ isForType1: Bool) throws {
    let host = try ContractHost { description in
      description.type1AllowsUnsafeInterrupts = isForType1
      description.iommufdAllowsUnsafeInterrupts = !isForType1
    }
    let container = try host.container()
    let group = try host.group(19)
    try host.setContainer(group, container)
    let backend = Result { try host.call(container, VFIO_SET_IOMMU, value: 3) }
    host.close(group)
    let binding = Result { try host.bound(ContractHost.m, try host.iommufd()) }
    if isForType1 {
      _ = try backend.get()
      #expect(throws: Errno.notPermitted) { try binding.get() }
    } else {
      _ = try binding.get()
      #expect(throws: Errno.notPermitted) { try backend.get() }
    }
  }
}
