internal import Board
package import CommandLine
internal import HostKernel
internal import Hypervisor
internal import PCI
internal import Passthrough
internal import SystemPackage
internal import Tracing
internal import VFIO
internal import VirtualIOMMU

extension Machine {
  // MARK: - Devices at start

  /// Adds one `-device`.
  func add(_ device: DeviceConfiguration) throws(MachineError) {
    switch device {
    case .vfioPCI(let function): try add(function, isHotPlug: false)
    case .rootPort(let port): try add(port)
    case .intelIOMMU(let device):
      // Made before all others, so that its place among them does not matter.
      if let id = device.properties.id { deviceIDs.append(id) }
    case .debugExit(let device):
      let properties = device.properties
      guard
        chipset.addDebugExit(port: UInt32(properties.base), size: UInt32(properties.size))
      else { throw MachineError(.noSuchPorts, option: device.optionText) }
      if let id = properties.id { deviceIDs.append(id) }
    case .debugConsole(let device): try add(device)
    case .panic(let device):
      chipset.addPanicPort(port: device.properties.port, events: device.properties.events)
      if let id = device.properties.id { deviceIDs.append(id) }
    }
  }

  private func add(_ device: ISADebugConsoleDevice) throws(MachineError) {
    let properties = device.properties
    guard let backend = characters.take(device.characterDevice) else {
      throw MachineError(
        .characterDeviceTaken(device.characterDevice, property: "isa-debugcon.chardev"),
        option: device.optionText)
    }
    chipset.addDebugConsole(port: properties.base, readback: properties.readback, backend)
    if let id = properties.id { deviceIDs.append(id) }
  }

  private func add(_ port: PCIeRootPortDevice) throws(MachineError) {
    do throws(PCIPlacementError) {
      let bus = try bus(port.properties.bus)
      let added = try board.addRootPort(
        port.properties.options, at: port.properties.address.flatMap(PCISlot.init), on: bus)
      added.secondaryBus.onRemoval = { [unowned self] _, function in remove(function) }
      if let id = port.properties.options.id { deviceIDs.append(id) }
    } catch {
      throw MachineError(.placement(error), option: port.optionText)
    }
  }

  /// The bus that `bus=` names; the root bus when it is left out.
  private func bus(_ name: String?) throws(PCIPlacementError) -> PCIBus {
    try name.map { name throws(PCIPlacementError) in try board.bus(named: name) } ?? board.rootBus
  }

  /// Attaches, realizes and places one function; one that comes while the machine is there is reset
  /// before the guest finds it.
  func add(_ device: VFIOPCIDevice, isHotPlug: Bool) throws(MachineError) {
    let properties = device.properties
    let bus: PCIBus
    let slot: PCISlot
    do throws(PCIPlacementError) {
      bus = try self.bus(properties.bus)
      slot = try bus.reserve(
        properties.address.flatMap(PCISlot.init), for: "vfio-pci", id: properties.id,
        isMultifunction: properties.multifunction)
    } catch {
      throw MachineError(.placement(error), option: device.optionText)
    }
    if let warning = bus.warning(for: "vfio-pci", at: slot) { diagnostics.warning(warning) }
    do throws(MachineError.Cause) {
      let place = GuestPlace(slot: slot, on: bus, router: board.interrupts)
      let function = try realize(device, at: place)
      let facts: DeviceFacts?
      do throws(ResolutionError) { facts = try introduce(function) } catch {
        function.leaveGuest()
        attacher.detach(function.device)
        throw .viommu(error, iommu: iommu?.option)
      }
      let coordinator = coordinator
      function.onReset = { [unowned coordinator] in coordinator.reset($0) }
      function.onHostError = { [unowned self] in noteError(of: $0, stopsMachine: $1) }
      function.onHostRequest = { [unowned self] in giveBack($0) }
      place.observe(function)
      functions.append(
        AssignedFunction(id: properties.id, place: place, function: function, facts: facts))
      coordinator.add(function)
      applyCapabilities()
      if isHotPlug { function.reset() }
      bus.attach(function, at: slot, isHotPlug: isHotPlug)
    } catch {
      bus.release(slot)
      throw MachineError(error, option: device.optionText)
    }
  }

  /// Attaches a function of the host and realizes it; nothing is left behind by one that fails.
  private func realize(
    _ device: VFIOPCIDevice, at place: GuestPlace
  ) throws(MachineError.Cause) -> PassthroughFunction {
    let path = HostDevicePath(path: device.source.sysfsPath)
    do throws(AssignmentError.Failure) {
      try exists(path)
      tracer.emit(
        .vfioMdev, [.text(path.name), .flag(path.isMediated(on: environment.kernel))])
      let id = device.properties.iommufd
      let assigned =
        if let id, let object = objects.first(where: { $0.id == id }) {
          try attacher.attach(
            path, to: object, allowsPASIDs: iommu?.mayOfferPASIDs ?? false)
        } else {
          try attacher.attach(path)
        }
      do throws(AssignmentError.Failure) {
        return try PassthroughFunction(
          device: assigned, options: FunctionOptions(device.properties), place: place,
          environment: environment)
      } catch {
        attacher.detach(assigned)
        throw error
      }
    } catch {
      throw .assignment(AssignmentError(path.name, error))
    }
  }

  private func exists(_ path: HostDevicePath) throws(AssignmentError.Failure) {
    do throws(Errno) { _ = try environment.kernel.status(of: path.path) } catch {
      throw .noSuchHostDevice(path: path.path, error)
    }
  }

}

extension Machine {
  // MARK: - Devices while the machine is there

  package var knownDevices: KnownDevices {
    KnownDevices(
      iommufds: objects.map(\.id), buses: board.rootBus.busNames,
      ids: deviceIDs + functions.compactMap(\.id),
      characterDevices: characters.info.map(\.label))
  }

  package func addDevice(_ device: DeviceConfiguration) throws(MachineRefusal) {
    guard case .vfioPCI(let function) = device else {
      throw MachineRefusal("Device '\(device.modelName)' does not support hotplugging")
    }
    let bus: PCIBus
    do throws(PCIPlacementError) { bus = try self.bus(function.properties.bus) } catch {
      throw MachineRefusal(error.message)
    }
    let id = function.properties.id ?? function.source.name
    do throws(HotPlugRefusal) {
      guard let port = board.rootPort(of: bus) else { throw .busHasNoHotPlug(bus.name) }
      try port.checkHotPlug()
    } catch {
      throw MachineRefusal(error.message(id: id))
    }
    do throws(MachineError) { try add(function, isHotPlug: true) } catch {
      throw MachineRefusal(error.lines.joined(separator: "\n"))
    }
  }

  package func removeDevice(_ id: String) throws(MachineRefusal) {
    guard let assigned = functions.first(where: { $0.id == id }) else {
      guard deviceIDs.contains(id) else {
        throw MachineRefusal("Device '\(id)' not found", isUnknownDevice: true)
      }
      throw MachineRefusal("Device '\(id)' does not support hotplugging")
    }
    do throws(HotPlugRefusal) { try requestUnplug(assigned) } catch {
      throw MachineRefusal(error.message(id: id))
    }
  }

  /// Asks the guest to let a function go, on behalf of a user or of the host.
  private func requestUnplug(_ assigned: AssignedFunction) throws(HotPlugRefusal) {
    let bus = assigned.place.bus
    guard let port = board.rootPort(of: bus) else { throw .busHasNoHotPlug(bus.name) }
    try port.requestUnplug(assigned.place.slot, now: clock.monotonic())
  }

  /// Asks the guest for a function that the host wants back; the host repeats its wish until it has it.
  private func giveBack(_ function: PassthroughFunction) {
    guard let assigned = functions.first(where: { $0.function === function }) else { return }
    do throws(HotPlugRefusal) { try requestUnplug(assigned) } catch {
      let advice: String
      switch error {
      // The guest has the wish.
      case .isPending: return
      case .busHasNoHotPlug:
        advice =
          "the host waits for the device until this machine ends; behind a pcie-root-port the guest "
          + "could let it go"
      case .isBusy, .isLocked: advice = "the host asks for the device again in 10 s"
      }
      let message = error.message(id: assigned.id ?? function.name)
      diagnostics.warningOnce("vfio \(function.name): \(message); \(advice)")
    }
  }

  /// Tells of an error of a function, whose line the user has read, and stops the machine unless it is
  /// to go on.
  private func noteError(of function: PassthroughFunction, stopsMachine: Bool) {
    let id = functions.first { $0.function === function }?.id
    tell(.deviceError(id: id, host: function.name, stopsMachine: stopsMachine))
    if stopsMachine { halt(.internalError) }
  }

  /// Ends a function that the guest has given up.
  private func remove(_ function: any PCIFunction) {
    guard let index = functions.firstIndex(where: { $0.function === function }) else { return }
    let gone = functions.remove(at: index)
    coordinator.unplug(gone.function)
    forget(gone.function.name)
    tell(.deviceDeleted(id: gone.id))
  }
}

/// A function of the host in its place in the guest.
struct AssignedFunction {
  let id: String?
  let place: GuestPlace
  let function: PassthroughFunction
  /// What the host tells of it; nil in a machine without a vIOMMU.
  let facts: DeviceFacts?
}

extension PCISlot {
  /// The place that `addr=` names.
  fileprivate init?(_ address: GuestPCIAddress) {
    self.init(slot: Int(address.slot), function: Int(address.function))
  }
}

extension FunctionOptions {
  /// The part of a device's properties that shapes the function.
  init(_ properties: VFIOPCIProperties) {
    self.init()
    isMappingAllowed = !properties.noMmap
    isINTxAccelerationAllowed = !properties.noKVMIntx
    isMSIAccelerationAllowed = !properties.noKVMMSI
    isMSIXAccelerationAllowed = !properties.noKVMMSIX
    isRequestHonoured = properties.honoursRequests
    stopsOnError = properties.errorPolicy == .stop
    mappingTimeout = properties.intxMmapTimeout
    isMultifunction = properties.multifunction
    romFile = properties.romFile
    isROMBarEnabled = properties.romBAR != 0
    msixRelocation =
      switch properties.msixRelocation {
      case .off: nil
      case .auto: .automatic
      case .bar0, .bar1, .bar2, .bar3, .bar4, .bar5: properties.msixRelocation.bar.map { .bar($0) }
      }
    identity = IdentityOverrides(properties.identity)
    ats = properties.ats
    vpasidCapabilityOffset =
      switch properties.pasidCapabilityOffset {
      case .automatic: .auto
      case .at(let offset): .at(Int(offset))
      }
  }
}

extension IdentityOverrides {
  fileprivate init(_ numbers: VFIOPCIProperties.IdentityOverrides) {
    func given(_ number: UInt32) -> UInt32? { number == .max ? nil : number }
    self.init()
    vendor = given(numbers.vendor)
    device = given(numbers.device)
    subsystemVendor = given(numbers.subsystemVendor)
    subsystem = given(numbers.subsystemDevice)
    classCode = given(numbers.classCode)
  }
}
