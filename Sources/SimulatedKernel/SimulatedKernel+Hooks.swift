package import PCI
package import SystemPackage

/// What a test or a simulation does to the host from the outside. Each throws `ENODEV` for a function
/// that the host does not have.
extension SimulatedKernel {
  /// What is open, bound, mapped or registered, one line each.
  package var openObjects: [String] {
    do throws(Errno) {
      return try change { host in host.heldObjects }
    } catch {
      return ["\(error)"]
    }
  }

  /// Nothing is open, bound, mapped or registered.
  package var isQuiescent: Bool { openObjects.isEmpty }

  /// Drives the interrupt pin of a function; it stays as it is until driven again.
  package func setInterruptLine(
    of address: PCIAddress, asserted isAsserted: Bool
  ) throws(Errno) {
    try change { host throws(Errno) in
      try host.existing(address).isInterruptAsserted = isAsserted
      host.device(at: address)?.interruptLineChanged()
    }
  }

  /// Sends MSI or MSI-X vector `vector` of a function: signals its eventfd if there is one.
  package func raiseInterrupt(of address: PCIAddress, vector: Int) throws(Errno) {
    try change { host throws(Errno) in
      _ = try host.existing(address)
      guard let device = host.device(at: address),
        device.interrupts.mode == .msi || device.interrupts.mode == .msix
      else { return }
      device.interrupts.signal(vector)
    }
  }

  /// Takes a function off the bus, or puts it back: reads give ones and writes vanish.
  package func setGone(_ address: PCIAddress, _ isGone: Bool) throws(Errno) {
    try change { host throws(Errno) in try host.existing(address).isGone = isGone }
  }

  /// Has a function not come back in time from resets, or come back again: `ENOTTY` from both kinds.
  package func setResetTimesOut(_ address: PCIAddress, _ timesOut: Bool) throws(Errno) {
    try change { host throws(Errno) in try host.existing(address).resetTimesOut = timesOut }
  }

  /// Puts a function into a D-state (0 to 3) behind the user's back.
  package func setPowerState(of address: PCIAddress, _ state: UInt8) throws(Errno) {
    try change { host throws(Errno) in
      try host.existing(address).setPowerState(UInt16(state & 3))
      host.device(at: address)?.updateMappings()
    }
  }

  /// Has a function wake the host up by a power management event.
  package func wakeUp(_ address: PCIAddress) throws(Errno) {
    try change { host throws(Errno) in
      _ = try host.existing(address)
      host.device(at: address)?.wakeUp()
    }
  }

  /// Holds or releases the kernel's lock of a function: resets that try it are `EAGAIN`.
  package func setLocked(_ address: PCIAddress, _ isLocked: Bool) throws(Errno) {
    try change { host throws(Errno) in try host.existing(address).isLocked = isLocked }
  }

  /// Keeps the user of a function inside an access to a BAR, or lets it out: hot resets that would
  /// take it along are `EBUSY`.
  package func setMemoryBusy(_ address: PCIAddress, _ isBusy: Bool) throws(Errno) {
    try change { host throws(Errno) in try host.existing(address).isMemoryBusy = isBusy }
  }

  /// Starts or ends a function reset of a function with ATS, during which the translation of its
  /// group cannot change.
  package func setResetting(_ address: PCIAddress, _ isResetting: Bool) throws(Errno) {
    try change { host throws(Errno) in
      let function = try host.existing(address)
      guard function.config.extendedCapability(.ats) != nil else { return }
      function.group.isBlockedByReset = isResetting
    }
  }

  /// Changes what the callers may do.
  package func setPrivileges(_ privileges: HostPrivileges) throws(Errno) {
    try change { host throws(Errno) in host.privileges = privileges }
  }

  /// Writes a parameter of a kernel module, a switch as 0 or 1. Throws `ENOENT` for one that the
  /// model does not have.
  package func setParameter(
    _ parameter: String, of module: String, to value: UInt32
  ) throws(Errno) {
    try change { host throws(Errno) in
      try host.parameters.set(parameter, of: module, to: value)
    }
  }

  /// Unbinds the driver. A device in use asks its user through the request eventfd and leaves at the
  /// last close; says whether it has gone.
  @discardableResult
  package func unbindDriver(of address: PCIAddress) throws(Errno) -> Bool {
    try change { host throws(Errno) in host.unbindDriver(of: try host.existing(address)) }
  }

  /// Probes a driver on a function without one. `EBUSY` when the probe is refused.
  package func bindDriver(_ driver: String, to address: PCIAddress) throws(Errno) {
    try change { host throws(Errno) in
      try host.bindDriver(driver, to: try host.existing(address))
    }
  }

  /// Reports an error of a function as AER does: signals the error eventfd if there is one.
  package func reportError(of address: PCIAddress) throws(Errno) {
    try change { host throws(Errno) in
      _ = try host.existing(address)
      host.device(at: address)?.signalError()
    }
  }

  /// Reports page requests of a function that belong together, all of one PASID; says whether a fault
  /// queue took them. The kernel answers others itself.
  @discardableResult
  package func reportPageRequests(
    of address: PCIAddress, _ requests: [PageRequest]
  ) throws(Errno) -> Bool {
    try change { host throws(Errno) in
      _ = try host.existing(address)
      return host.device(at: address)?.binding?.report(requests) ?? false
    }
  }

  /// How often a function was reset, whatever the method.
  package func resetCount(of address: PCIAddress) throws(Errno) -> Int {
    try change { host throws(Errno) in try host.existing(address).resetCount }
  }

  /// Changes a byte of a function's config space from the hardware's side, whatever takes writes.
  package func setHardware(
    of address: PCIAddress, offset: Int, to value: UInt8
  ) throws(Errno) {
    try change { host throws(Errno) in
      try host.existing(address).config.set([value], at: offset)
    }
  }

  /// The first DMA faults of a function since the host was built, at most 64.
  package func dmaFaults(of address: PCIAddress) throws(Errno) -> [DMAFault] {
    try change { host throws(Errno) in try host.existing(address).faults }
  }

  /// The hardware's own config space of a function.
  package func hardwareConfig(of address: PCIAddress) throws(Errno) -> [UInt8] {
    try change { host throws(Errno) in try host.existing(address).config.bytes }
  }
}

extension SimulatedHost {
  /// A function by address. Throws `ENODEV`.
  fileprivate func existing(_ address: PCIAddress) throws(Errno) -> FunctionState {
    guard let function = function(at: address) else { throw .enodev }
    return function
  }
}
