package import Board
package import Hypervisor
package import Passthrough

/// A function's slot on the root bus, as its interrupt pin sees it.
///
/// Used under the machine lock.
package final class GuestPlace: FunctionPlace {
  private let slot: PCISlot
  private let router: InterruptRouter
  private var observation: RoutingObserver?

  package init(slot: PCISlot, router: InterruptRouter) {
    self.slot = slot
    self.router = router
  }

  deinit {
    if let observation { router.remove(observation) }
  }

  /// Tells a function of each change of the wiring for as long as this place exists.
  package func observe(_ function: PassthroughFunction) {
    observation = router.observe { [unowned function] in function.updateInterruptRoute() }
  }

  package var isOnRootBus: Bool { true }

  package func route(ofPin pin: Int) -> InterruptRoute { router.route(slot, pin: pin) }

  package func setLine(ofPin pin: Int, level: Bool) {
    router.setLevel(level, slot, pin: pin)
  }
}
