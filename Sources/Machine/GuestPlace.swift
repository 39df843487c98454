package import Board
package import Hypervisor
internal import PCI
package import Passthrough

/// Where a function sits: its bus and slot, as its BARs and its interrupt pin see them.
///
/// Used under the machine lock.
package final class GuestPlace: FunctionPlace {
  let slot: PCISlot
  /// Not held: the bus holds the function, which holds its place.
  unowned let bus: PCIBus
  private let router: InterruptRouter
  private var observation: RoutingObserver?

  package init(slot: PCISlot, on bus: PCIBus, router: InterruptRouter) {
    self.slot = slot
    self.bus = bus
    self.router = router
  }

  deinit {
    if let observation { router.remove(observation) }
  }

  /// Tells a function of each change of the wiring for as long as this place exists.
  package func observe(_ function: PassthroughFunction) {
    observation = router.observe { [unowned function] in function.updateInterruptRoute() }
  }

  package var isOnRootBus: Bool { bus.isRoot }

  package var memoryRegion: RegionID? { bus.memory }

  package var portRegion: RegionID? { bus.ports }

  package func route(ofPin pin: Int) -> InterruptRoute { router.route(slot, on: bus, pin: pin) }

  package func setLine(ofPin pin: Int, level: Bool) {
    router.setLevel(level, slot, on: bus, pin: pin)
  }
}
