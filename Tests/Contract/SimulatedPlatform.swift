package import HostKernel
package import PCI
package import SimulatedKernel

/// The simulated host under the contract.
package final class SimulatedPlatform: ContractPlatform {
  package let fixtures: FixtureMap
  private let simulated: SimulatedKernel
  private let description: HostDescription

  /// A host as described, freshly started.
  package init(_ description: HostDescription, _ fixtures: FixtureMap) {
    self.description = description
    self.fixtures = fixtures
    simulated = SimulatedKernel(description)
  }

  package var kernel: any HostKernel { simulated }

  package func setDriver(of function: PCIAddress, to driver: String?) throws {
    _ = try simulated.unbindDriver(of: function)
    if let driver { try simulated.bindDriver(driver, to: function) }
  }

  package func startUnbinding(_ function: PCIAddress) throws {
    try expect(!simulated.unbindDriver(of: function), "the driver left a device in use")
  }

  package func finishUnbinding(_ function: PCIAddress) throws {
    try expect(simulated.unbindDriver(of: function), "the driver stays after the last close")
  }

  package func abandonVirtualFunctions(of function: PCIAddress) throws {
    try expect(simulated.unbindDriver(of: function), "the driver left a device in use")
  }

  package func nativeDriver(of function: PCIAddress) throws -> String { "e1000e" }

  package func setInterruptLine(
    of function: PCIAddress, device: Int32, asserted: Bool
  ) throws {
    try simulated.setInterruptLine(of: function, asserted: asserted)
  }

  package func setHardware(of function: PCIAddress, offset: Int, to value: UInt8) throws {
    try simulated.setHardware(of: function, offset: offset, to: value)
  }

  package func setParameter(_ parameter: String, of module: String, to isOn: Bool) throws {
    try simulated.setParameter(parameter, of: module, to: isOn ? 1 : 0)
  }

  package func setParameter(
    _ parameter: String, of module: String, to number: UInt32
  ) throws {
    try simulated.setParameter(parameter, of: module, to: number)
  }

  package func withLess(
    _ capabilities: [Capability], lockedMemory: UInt64?, _ body: () throws -> Void
  ) throws {
    let missing = capabilities.compactMap { HostPrivileges.Capability(rawValue: $0.rawValue) }
    try simulated.setPrivileges(
      HostPrivileges(missing: Set(missing), lockedMemoryLimit: lockedMemory))
    defer { try? simulated.setPrivileges(HostPrivileges()) }
    try body()
  }

  package func withBusyMemory(of function: PCIAddress, _ body: () throws -> Void) throws {
    try simulated.setMemoryBusy(function, true)
    defer { try? simulated.setMemoryBusy(function, false) }
    try body()
  }

  package func requestPages(
    of function: PCIAddress, addresses: [UInt64], group: UInt32
  ) throws {
    let requests = addresses.map { PageRequest(address: $0, permissions: 1, group: group) }
    try expect(
      try simulated.reportPageRequests(of: function, requests), "no queue takes page requests")
  }

  package func withFunctionReset(of function: PCIAddress, _ body: () throws -> Void) throws {
    try simulated.setResetting(function, true)
    defer { try? simulated.setResetting(function, false) }
    try body()
  }

  package func inAnotherProcess(_ body: () -> Int32) throws -> Int32 {
    throw ContractSkip("the simulated host lives in one process")
  }

  package func withDeviceLock(of function: PCIAddress, _ body: () throws -> Void) throws {
    try simulated.setLocked(function, true)
    defer { try? simulated.setLocked(function, false) }
    try body()
  }

  /// Every case gets a host of its own, so this only says what is still held.
  package func restore() throws -> [String] { simulated.openObjects }
}
