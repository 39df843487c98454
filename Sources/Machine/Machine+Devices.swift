internal import Board
package import CommandLine
internal import HostKernel
internal import Hypervisor
internal import Passthrough
internal import SystemPackage
internal import Tracing
internal import VFIO

extension Machine {
  // MARK: - Devices at start

  /// Adds one `-device`.
  func add(_ device: DeviceConfiguration) throws(MachineError) {
    switch device {
    case .vfioPCI(let function): try add(function)
    case .rootPort, .debugExit, .panic: break
    }
  }

  /// Attaches, realizes and places one function.
  private func add(
    _ device: VFIOPCIDevice
  ) throws(MachineError) {
    let properties = device.properties
    let slot: PCISlot
    do throws(PCIPlacementError) {
      slot = try board.rootBus.reserve(
        properties.address.flatMap {
          PCISlot(slot: Int($0.slot), function: Int($0.function))
        },
        for: "vfio-pci", id: properties.id, isMultifunction: properties.multifunction)
    } catch {
      throw MachineError(.placement(error), option: device.optionText)
    }
    let path = HostDevicePath(path: device.source.sysfsPath)
    do throws(AssignmentError.Failure) {
      try exists(path)
      tracer.emit(
        .vfioMdev, [.text(path.name), .flag(path.isMediated(on: environment.kernel))])
      let assigned =
        if let id = properties.iommufd, let object = objects.first(where: { $0.id == id }) {
          try attacher.attach(path, to: object)
        } else {
          try attacher.attach(path)
        }
      let place = GuestPlace(slot: slot, router: board.interrupts)
      let function = try PassthroughFunction(
        device: assigned, options: FunctionOptions(properties), place: place,
        isOnRootBus: true, environment: environment)
      let coordinator = coordinator
      function.onReset = { [unowned coordinator] in coordinator.reset($0) }
      place.observe(function)
      places.append(place)
      coordinator.add(function)
      board.rootBus.attach(function, at: slot)
    } catch {
      board.rootBus.release(slot)
      throw MachineError(
        .assignment(AssignmentError(path.name, error)), option: device.optionText)
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
    KnownDevices(iommufds: objects.map(\.id), buses: ["pcie.0"])
  }

  package func addDevice(_ device: DeviceConfiguration) throws(MachineRefusal) {
    throw MachineRefusal("Bus 'pcie.0' does not support hotplugging")
  }

  package func removeDevice(_ id: String) throws(MachineRefusal) {
    throw MachineRefusal("Device '\(id)' not found", isUnknownDevice: true)
  }
}

extension FunctionOptions {
  /// The part of a device's properties that shapes the function.
  init(_ properties: VFIOPCIProperties) {
    self.init()
    isMappingAllowed = !properties.noMmap
    isINTxAccelerationAllowed = !properties.noKVMIntx
    mappingTimeout = properties.intxMmapTimeout
    isMultifunction = properties.multifunction
    romFile = properties.romFile
    isROMBarEnabled = properties.romBAR != 0
  }
}
