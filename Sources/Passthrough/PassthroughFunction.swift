internal import HostKernel
internal import Hypervisor
internal import PCI
internal import SystemPackage
internal import Tracing
package import VFIO
package import VirtualIOMMU

/// A host PCI function assigned to the guest.
///
/// Config space is a copy in which some bits are answered by us and the rest by the device, as the
/// copy's mask of emulated bits says. Used under the machine lock.
package final class PassthroughFunction: PCIFunction {
  package let name: String
  package let device: VFIODevice
  /// Set and cleared by `ResetCoordinator` during a machine reset.
  package var needsReset = false

  let environment: FunctionEnvironment
  let options: FunctionOptions
  let configRegion: RegionInfo
  /// Config space as the host gave it at the start.
  let hostConfig: [UInt8]
  var image: ConfigImage
  let place: any FunctionPlace
  var barLayout = BARLayout(sizes: [], dwords: [])
  /// Where the guest finds the BARs now.
  var barPlaces = BARPlan.Places()
  /// Whether the slot has power; without, no BAR is anywhere.
  var hasSlotPower = true
  var regions: [AssignedRegion] = []
  var interrupt: INTxInterrupt
  var abilities = ResetAbility(hasReset: false, hasFLR: false, hasPMReset: false)
  var powerManagement: PowerManagementCapability?
  /// The MSI capability, if the function has it.
  var msi: MSICapability?
  /// Where the guest finds the MSI-X table and its pending bits, if the function has the capability.
  var msix: MSIXCapability.Registers?
  var msixCapability: MSIXCapability?
  var msixTable: MSIXTable?
  /// Our pending bits over those of the device.
  var pendingBits: RegionID?
  /// Whether the host can add vectors of MSI-X while it is on.
  var hasDynamicVectors = false
  let messages = MessageVectors()
  var rom: GuestROM?
  /// The contents of a ROM that comes from a file; the guest's memory holds on to it until `deinit`.
  var romMemory: HostMapping?
  private var errorNotifier: HostNotifier?
  private var requestNotifier: HostNotifier?
  /// Writes by which a guest has the function reset itself.
  var resetOrders: [ResetOrder] = []
  /// Whether the MSI-X table is not where the device has it.
  var isMSIXRelocated = false
  /// Offset of the PCI Express capability as the guest finds it, nil without.
  package internal(set) var expressCapability: Int?
  /// The ATS capability of the host's function is there, and the guest finds it.
  package internal(set) var isATSShown = false
  /// The PASID capability that the guest finds.
  var emulatedPASID: EmulatedPASID?
  /// The PASID capability that was last asked to be shown, or the reason for none; nil before the first
  /// time.
  package internal(set) var requestedPASID: FunctionPASID?
  /// Called when the device reports an error that it cannot recover from, on the main loop, after the
  /// user was told. Unless `stopsMachine` is false, as `x-err=report` has it, the guest must not run on.
  package var onHostError: (_ function: PassthroughFunction, _ stopsMachine: Bool) -> Void = {
    _, _ in
  }
  /// Whether the host has asked for the device, and holds it from resets until it has it.
  private(set) var isWantedByHost = false
  /// Called when the host wants the device back, on the main loop, and again until it has it: unplug
  /// the function as by `device_del`. Without it, the user is told.
  package var onHostRequest: ((PassthroughFunction) -> Void)?
  /// Called at each machine-level or guest-asked reset of this function; set by its owner.
  package var onReset: (PassthroughFunction) -> Void = { _ in }

  static let configRegionIndex = 7

  /// A bit whose setting orders a function level reset.
  struct ResetOrder {
    let offset: Int
    let bit: UInt32
  }

  /// The ways in which the function can be reset.
  package var ability: ResetAbility { abilities }

  /// Realizes an attached function, in QEMU's order: regions, config space, capabilities, interrupts,
  /// notifiers, a ROM from a file. Throws with nothing left behind.
  package init(
    device: VFIODevice, options: FunctionOptions, place: any FunctionPlace,
    environment: FunctionEnvironment
  ) throws(AssignmentError.Failure) {
    self.name = device.name
    self.device = device
    self.options = options
    self.place = place
    self.environment = environment
    guard device.isPCI else { throw .notPCI }
    guard device.regionCount >= 8 else { throw .regionCount(device.regionCount) }
    guard device.interruptCount >= 3 else { throw .interruptCount(device.interruptCount) }

    var regions: [AssignedRegion] = []
    for index in 0..<6 {
      let info = try Self.regionInfo(index, of: device)
      regions.append(
        AssignedRegion(
          index: index, device: device, info: info,
          isMappingAllowed: options.isMappingAllowed, environment: environment))
    }
    let config = try Self.regionInfo(Self.configRegionIndex, of: device)
    environment.tracer.emit(
      .vfioPciPopulateDeviceConfig,
      [
        .text(device.name), .number(config.size), .number(config.fileOffset),
        .number(config.flags),
      ])
    let bytes: [UInt8]
    do throws(Errno) {
      bytes = try device.readBytes(config, count: Int(min(config.size, 4096)))
    } catch {
      throw .cannotReadConfig(error)
    }
    guard let image = ConfigImage(hostBytes: bytes) else {
      throw .noConfigSpace(size: UInt64(bytes.count))
    }
    self.configRegion = config
    self.hostConfig = bytes
    self.image = image
    self.regions = regions
    self.interrupt = INTxInterrupt(
      device: device, environment: environment, place: place,
      allowsAcceleration: options.isINTxAccelerationAllowed,
      mappingTimeout: options.mappingTimeout,
      setMappingsEnabled: { isEnabled in
        for region in regions { region.setMappingsEnabled(isEnabled) }
      })
    let interrupt = self.interrupt
    for region in regions { region.afterAccess = { interrupt.endOfInterrupt() } }

    let hasErrorInterrupt = interruptExists(3)
    try setUpConfig()
    try setUpCapabilities()
    if readConfig(offset: 0x3d, length: 1) != 0 { try enableINTx() }
    if hasErrorInterrupt { errorNotifier = notifier(3) { $0.hostReportsError() } }
    if options.isRequestHonoured, interruptExists(4) {
      requestNotifier = notifier(4) { $0.hostWantsDeviceBack() }
    }
    try setUpROMFile()
  }

  /// Takes the BARs and the ROM out of the guest, which holds on to them, and unties what the regions
  /// and the interrupt know of each other.
  deinit {
    messages.end()
    for region in regions { region.leaveGuest() }
    if let rom { environment.addressSpace.remove(rom.place) }
  }

  private static func regionInfo(
    _ index: Int, of device: VFIODevice
  ) throws(AssignmentError.Failure) -> RegionInfo {
    do throws(Errno) { return try device.regionInfo(index) } catch {
      throw .regionInfo(index: index, error)
    }
  }

  // MARK: - Interrupts

  /// Turns INTx on for the pin that the function has, if any. Event: `vfio_pci_read_config`.
  func enableINTx() throws(AssignmentError.Failure) {
    let pin = Int(readConfig(offset: 0x3d, length: 1) & 0xff)
    guard pin != 0 else { return }
    disableInterrupts()
    image.set(0x3d, UInt8(truncatingIfNeeded: pin))
    try interrupt.enable(pin: (pin - 1) & 3)
  }

  /// Follows a change of the chipset's interrupt wiring.
  package func updateInterruptRoute() { interrupt.updateRoute() }

  /// Follows a change of the guest's interrupt controller that leaves the wiring as it is.
  package func refreshInterruptRoute() { interrupt.refreshRoute() }

  private func interruptExists(_ index: UInt32) -> Bool {
    do throws(Errno) {
      return try device.interruptInfo(index).count == 1
    } catch {
      if index == 3 {
        environment.tracer.emit(
          .vfioPciPopulateDeviceGetIrqInfoFailure, [.text(error.description)])
      }
      return false
    }
  }

  /// Registers an eventfd for an error or a request interrupt; a failure is a warning.
  private func notifier(
    _ index: UInt32, _ handler: @escaping (PassthroughFunction) -> Void
  ) -> HostNotifier? {
    do throws(Errno) {
      return try HostNotifier(index: index, device: device, environment: environment) {
        [unowned self] in handler(self)
      }
    } catch {
      environment.diagnostics.warning(
        "vfio \(name): "
          + (index == 3
            ? "Could not enable error recovery for the device"
            : "Could not register for device requests") + ": \(error.description)")
      return nil
    }
  }

  private func hostReportsError() {
    environment.diagnostics.error(
      "vfio_err_notifier_handler(\(name)) Unrecoverable error detected. "
        + "Please collect any data possible and then kill the guest")
    onHostError(self, options.stopsOnError)
  }

  private func hostWantsDeviceBack() {
    isWantedByHost = true
    if let onHostRequest {
      onHostRequest(self)
      return
    }
    environment.diagnostics.warningOnce(
      "vfio \(name): the host asks for the device back; end this machine to return it")
  }

  // MARK: - Unplugging

  /// What the loss of the slot's power does: the BARs leave the guest and the function is reset.
  package func losePower() {
    guard hasSlotPower else { return }
    hasSlotPower = false
    updateMappings()
    reset()
  }

  /// Takes the function out of the guest for good and gives back what it has of the host but the
  /// device itself, in QEMU's order: requests, errors, interrupts, BARs. Events: those of the
  /// interrupts, `vfio_region_exit` and `vfio_region_finalize` for each BAR.
  package func leaveGuest() {
    requestNotifier?.end()
    requestNotifier = nil
    errorNotifier?.end()
    errorNotifier = nil
    disableInterrupts()
    for region in regions { region.leaveGuest(isTraced: true) }
    if let rom { environment.addressSpace.remove(rom.place) }
    rom = nil
    romMemory = nil
    for region in regions { region.unmap() }
  }

  // MARK: - Reset

  /// Resets the function and then the guest's view of it.
  package func reset() {
    onReset(self)
    image.resetForBusReset()
    msixTable?.reset()
    updateMappings()
  }

  /// Brings the function to rest before a reset: interrupts off, command bits cleared, power on. The
  /// order of the last two is the flow's.
  func prepareForReset() {
    disableInterrupts()
    if environment.flow.checksPowerStateFirst {
      powerOn()
      clearCommand()
    } else {
      clearCommand()
      powerOn()
    }
  }

  /// Puts the function back to work after a reset: PASID off, INTx on, BARs of the host zeroed.
  func finishReset() {
    clearPASIDControl()
    fallBackToINTx()
    for index in 0..<6 {
      try? device.writeWord(configRegion, at: UInt64(PCIRegister.bar(index)), size: 4, value: 0)
    }
  }

  /// Clears I/O, memory, bus master and INTx-disable in the command register; written even when
  /// nothing changes.
  private func clearCommand() {
    let command = readConfig(offset: 0x04, length: 2)
    writeConfig(offset: 0x04, length: 2, value: command & ~0x407)
  }

  /// Brings the function to D0 if it has power management and is not there.
  private func powerOn() {
    guard let offset = powerManagement?.controlOffset else { return }
    var control = readConfig(offset: offset, length: 2)
    guard control & 3 != 0 else { return }
    writeConfig(offset: offset, length: 2, value: control & ~3)
    control = readConfig(offset: offset, length: 2)
    if control & 3 != 0 {
      environment.diagnostics.error("vfio: Unable to power on device, stuck in D\(control & 3)")
    }
  }
}
