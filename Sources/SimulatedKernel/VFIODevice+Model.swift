internal import SystemPackage

/// Accesses to the BARs of a function on vfio-pci.
extension VFIODevice {
  /// Reads bytes that all lie in the BAR.
  func readBAR(
    _ bar: HostBAR, at position: Int, count: Int, on host: SimulatedHost
  ) throws(Errno) -> [UInt8] {
    try function.readBAR(
      bar, at: position, count: count, on: FunctionBus(device: self, host: host))
  }

  /// Writes bytes that all lie in the BAR.
  func writeBAR(
    _ bar: HostBAR, at position: Int, _ bytes: ArraySlice<UInt8>, on host: SimulatedHost
  ) throws(Errno) {
    try function.writeBAR(bar, at: position, bytes, on: FunctionBus(device: self, host: host))
  }

  /// Tells the model that masks, triggers or enable bits may have changed.
  func interruptsChanged(on host: SimulatedHost) {
    function.model?.interruptsChanged(on: FunctionBus(device: self, host: host))
  }
}
