package import HostKernel
package import PCI

/// A host under the contract, and what is done to it from outside of VFIO and iommufd: drivers,
/// privileges, wires.
///
/// An operation that a host does not have throws `ContractSkip`. Whatever a case changed is put back
/// by `restore`.
package protocol ContractPlatform: AnyObject, Sendable {
  var kernel: any HostKernel { get }
  var fixtures: FixtureMap { get }

  /// Binds a driver to a function, or none, after its driver has left. Throws the errno of a refused
  /// probe, such as `EBUSY`.
  func setDriver(of function: PCIAddress, to driver: String?) throws

  /// Starts to unbind the driver of a function in use and returns as soon as that waits for its user.
  func startUnbinding(_ function: PCIAddress) throws

  /// Waits until an unbinding that was started has ended, which the last close of the device allows.
  func finishUnbinding(_ function: PCIAddress) throws

  /// Takes the driver of a physical function away and leaves its virtual functions behind.
  func abandonVirtualFunctions(of function: PCIAddress) throws

  /// The driver that belongs to a function as hardware, such as `e1000e`.
  func nativeDriver(of function: PCIAddress) throws -> String

  /// Drives the interrupt pin of fixture R, whose open descriptor is given.
  func setInterruptLine(of function: PCIAddress, device: Int32, asserted: Bool) throws

  /// Changes a byte of a function's config space from the hardware's side.
  func setHardware(of function: PCIAddress, offset: Int, to value: UInt8) throws

  /// Sets a parameter of a kernel module, such as `allow_unsafe_interrupts` of `vfio_iommu_type1`.
  func setParameter(_ parameter: String, of module: String, to isOn: Bool) throws

  /// Sets a parameter of a kernel module that is a number, such as `dma_entry_limit` of
  /// `vfio_iommu_type1`.
  func setParameter(_ parameter: String, of module: String, to number: UInt32) throws

  /// Runs a part of a case without capabilities, and with a limit on locked memory in bytes.
  func withLess(
    _ capabilities: [Capability], lockedMemory: UInt64?, _ body: () throws -> Void
  ) throws

  /// Holds the kernel's lock of a function, as a reset by somebody else would.
  func withDeviceLock(of function: PCIAddress, _ body: () throws -> Void) throws

  /// Keeps a function's user inside an access to a BAR.
  func withBusyMemory(of function: PCIAddress, _ body: () throws -> Void) throws

  /// Has a function with page requests ask for pages that belong together.
  func requestPages(of function: PCIAddress, addresses: [UInt64], group: UInt32) throws

  /// Holds a function where its reset waits for the hardware.
  func withFunctionReset(of function: PCIAddress, _ body: () throws -> Void) throws

  /// Runs `body` in a process of its own that has this one's descriptors and a copy of its memory,
  /// and gives the errno that it ends with, 0 for none.
  func inAnotherProcess(_ body: () -> Int32) throws -> Int32

  /// Puts the host into the state that cases start from, and says what was left behind by the last
  /// one; empty when nothing was.
  func restore() throws -> [String]
}

/// A capability that a case gives up for a while; values as in `capabilities(7)`.
package enum Capability: Int, Sendable {
  case ipcLock = 14
  case sysRawIO = 17
  case sysResource = 24
}
