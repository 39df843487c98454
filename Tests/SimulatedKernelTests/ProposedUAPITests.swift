import CLinux
import SimulatedKernel
import SystemPackage
import Testing

/// The hot-reset rules that shipped, and those of the proposal of April 2023, on the same calls.
@Suite("Hot-reset rules of the proposal")
struct ProposedUAPITests {
  @Test("a device that nobody opened needs no proof in the proposal", arguments: HostUAPI.allCases)
  func unopened(uapi: HostUAPI) throws {
    let host = try ContractHost { $0.uapi = uapi }
    let s0 = try host.bound(ContractHost.s0, try host.iommufd())
    let info = try host.hotResetInfo(s0.descriptor)
    switch uapi {
    case .linux72:
      #expect(info.flags == 1)
      #expect(info.entries.map(\.number) == [s0.identifier, .max])
      expect(.invalidArgument) { try host.hotReset(s0.descriptor) }
    case .rfcv3:
      #expect(info.flags == 3)
      #expect(info.entries.map(\.number) == [s0.identifier, 0])
      try host.hotReset(s0.descriptor)
    }
  }

  @Test("a device that somebody else opened blocks in both", arguments: HostUAPI.allCases)
  func foreign(uapi: HostUAPI) throws {
    let host = try ContractHost { $0.uapi = uapi }
    let s0 = try host.bound(ContractHost.s0, try host.iommufd())
    _ = try host.bound(ContractHost.s1, try host.iommufd())
    #expect(try host.hotResetInfo(s0.descriptor).entries.map(\.number) == [s0.identifier, .max])
    expect(.invalidArgument) { try host.hotReset(s0.descriptor) }
  }

  @Test("only one group of two has to be shown in the proposal", arguments: HostUAPI.allCases)
  func oneGroup(uapi: HostUAPI) throws {
    let host = try ContractHost { $0.uapi = uapi }
    let group = try host.usableGroup(16, container: try host.container())
    let s0 = try host.device(group, "0000:82:00.0")
    switch uapi {
    case .linux72: expect(.invalidArgument) { try host.hotReset(s0, [group]) }
    case .rfcv3: try host.hotReset(s0, [group])
    }
  }

  @Test("an array of device descriptors proves in the proposal only", arguments: HostUAPI.allCases)
  func deviceDescriptors(uapi: HostUAPI) throws {
    let host = try ContractHost { $0.uapi = uapi }
    let fd = try host.iommufd()
    let s0 = try host.bound(ContractHost.s0, fd).descriptor
    let s1 = try host.bound(ContractHost.s1, fd).descriptor
    switch uapi {
    case .linux72: expect(.invalidArgument) { try host.hotReset(s0, [s0, s1]) }
    case .rfcv3:
      try host.hotReset(s0, [s0, s1])
      expect(.invalidArgument) { try host.hotReset(s0, [s0]) }
    }
  }

  @Test("a group on an iommufd proves with nothing in the proposal", arguments: HostUAPI.allCases)
  func groupOnContext(uapi: HostUAPI) throws {
    let host = try ContractHost { $0.uapi = uapi }
    let group = try host.usableGroup(12, container: try host.iommufd(), backend: nil)
    let a0 = try host.device(group, "0000:81:00.0")
    switch uapi {
    case .linux72: expect(.invalidArgument) { try host.hotReset(a0) }
    case .rfcv3: try host.hotReset(a0)
    }
    try host.hotReset(a0, [group])
  }
}
