internal import Hypervisor
package import PCI

extension Q35Board {
  /// The bus that `bus=` means: `pcie.0`, or the id of a root port.
  package func bus(named name: String) throws(PCIPlacementError) -> PCIBus {
    guard let bus = rootBus.bus(named: name) else {
      throw PCIPlacementError("", .busNotFound(name))
    }
    return bus
  }

  /// Puts a root port into a slot of a bus, or into the first free one. Its own bus has its id.
  @discardableResult
  package func addRootPort(
    _ options: RootPortOptions, at place: PCISlot? = nil, on bus: PCIBus? = nil
  ) throws(PCIPlacementError) -> RootPort {
    let type = "pcie-root-port"
    let bus = bus ?? rootBus
    let place = try bus.reserve(
      place, for: type, id: options.id, isMultifunction: options.isMultifunction)
    do throws(PCIPlacementError) {
      if rootPorts.contains(where: {
        $0.options.chassis == options.chassis && $0.options.slot == options.slot
      }) {
        throw PCIPlacementError(
          type, .chassisSlotIsTaken(chassis: options.chassis, slot: options.slot))
      }
      if let conflict = options.conflict { throw PCIPlacementError(type, .reserve(conflict)) }
    } catch {
      bus.release(place)
      throw error
    }
    let port = RootPort(
      options, at: place, of: bus,
      host: BridgeHost(
        memory: memory, ports: ports.space, interrupts: interrupts, bus: bus,
        signal: { [unowned self] in signalMessage($0, $1) }))
    bus.attach(port, at: place)
    return port
  }

  /// Every root port, in no particular order.
  package var rootPorts: [RootPort] { rootBus.bridgesBehind.compactMap { $0 as? RootPort } }

  /// The root port with the slot that is this bus, or nil when it is another bus.
  package func rootPort(of bus: PCIBus) -> RootPort? { bus.bridgeInFront as? RootPort }
}
