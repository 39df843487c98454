package import Hypervisor

/// Names an observer of routing changes.
package struct RoutingObserver: Hashable, Sendable {
  fileprivate let rawValue: UInt64
}

/// Carries interrupt pins of all buses to the interrupt controller through the eight lines PIRQA to
/// PIRQH, each high while any pin on it is. An input that a device of the board drives as well, such as
/// IRQ 4, is high while either does. Used only while the machine lock is held.
package final class InterruptRouter {
  private struct Pin: Hashable {
    /// The bus, nil for a root bus.
    var bus: ObjectIdentifier?
    var place: PCISlot
    var pin: Int
  }

  private let bridge: ISABridge
  private let setLine: (_ gsi: UInt32, _ level: Bool) -> Void
  /// High pins, each with the slot and pin at which it arrives on the root bus.
  private var raised: [Pin: (slot: Int, pin: Int)] = [:]
  /// The inputs of the interrupt controller that are high because of `raised`, one bit for each of its
  /// 24; an interrupt changes them twice, so nothing is allocated for that.
  private var high: UInt32 = 0
  private var observers: [(RoutingObserver, () -> Void)] = []
  private var lastObserver: UInt64 = 0

  init(bridge: ISABridge, lines: InterruptLines) {
    self.bridge = bridge
    setLine = lines.connectRoutable()
    bridge.onRoutingWrite = { [unowned self] in routingChanged() }
  }

  // The bridge may live on in a bus that someone holds.
  deinit { bridge.onRoutingWrite = {} }

  /// Where pin 0 (INTA) to 3 (INTD) of a function leads now; no bus means the root bus.
  package func route(_ place: PCISlot, on bus: PCIBus? = nil, pin: Int) -> InterruptRoute {
    InterruptRoute(isEnabled: true, gsi: globalInterrupt(arrival(place, bus, pin)))
  }

  /// Drives a pin high or low; no bus means the root bus.
  package func setLevel(_ isHigh: Bool, _ place: PCISlot, on bus: PCIBus? = nil, pin: Int) {
    let key = key(place, bus, pin)
    if isHigh {
      raised[key] = arrival(place, bus, pin)
    } else if raised.removeValue(forKey: key) == nil {
      return
    }
    drive()
  }

  /// Lets the pins of a function go that is no more.
  package func release(_ place: PCISlot, on bus: PCIBus) {
    for pin in 0..<4 { setLevel(false, place, on: bus, pin: pin) }
  }

  /// Calls `observer` after each write to a routing register, in the order of registration.
  package func observe(_ observer: @escaping () -> Void) -> RoutingObserver {
    lastObserver += 1
    let token = RoutingObserver(rawValue: lastObserver)
    observers.append((token, observer))
    return token
  }

  /// Ends an observation.
  package func remove(_ observer: RoutingObserver) {
    observers.removeAll { $0.0 == observer }
  }

  /// Lets all pins go.
  func reset() {
    raised = [:]
    drive()
  }

  /// The slot and pin of the root bus where a pin arrives.
  private func arrival(_ place: PCISlot, _ bus: PCIBus?, _ pin: Int) -> (slot: Int, pin: Int) {
    guard let found = bus?.rootPin(place, pin: pin) else { return (place.slot, pin & 3) }
    return (found.place.slot, found.pin)
  }

  private func globalInterrupt(_ arrival: (slot: Int, pin: Int)) -> UInt32 {
    bridge.globalInterrupt(of: bridge.line(of: arrival.slot, pin: arrival.pin))
  }

  private func key(_ place: PCISlot, _ bus: PCIBus?, _ pin: Int) -> Pin {
    Pin(
      bus: bus.flatMap { $0.isRoot ? nil : ObjectIdentifier($0) }, place: place, pin: pin & 3)
  }

  private func routingChanged() {
    drive()
    for (_, observer) in observers { observer() }
  }

  private func drive() {
    var wanted: UInt32 = 0
    for arrival in raised.values { wanted |= 1 << globalInterrupt(arrival) }
    let (lowered, raised) = (high & ~wanted, wanted & ~high)
    high = wanted
    setLines(lowered, false)
    setLines(raised, true)
  }

  private func setLines(_ inputs: UInt32, _ level: Bool) {
    var rest = inputs
    while rest != 0 {
      setLine(UInt32(rest.trailingZeroBitCount), level)
      rest &= rest - 1
    }
  }
}
