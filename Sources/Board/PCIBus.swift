package import Hypervisor
package import PCI

/// A function with a bus behind it. Called with the machine lock held.
package protocol PCIBridge: PCIFunction {
  /// The bus behind, whatever its number.
  var secondaryBus: PCIBus { get }
  /// What the guest has programmed.
  var header: BridgeHeader { get }
  /// Whether only slot 0 of the bus behind is wired, as on a link.
  var hasOneSlot: Bool { get }
  /// Hears of a function that a guest can find on the bus behind from now on.
  func functionArrived(at place: PCISlot, isHotPlug: Bool)
}

/// A PCI bus: who sits where, who is asked, and who is reset when.
///
/// A place is reserved before the function that gets it exists, since a taken slot is reported before
/// anything is asked of the host. Used only while the machine lock is held.
package final class PCIBus {
  private struct Occupant {
    var place: PCISlot
    var deviceType: String
    var id: String?
    var isMultifunction: Bool
    var function: (any PCIFunction)?
    var isHotPlug = false
  }

  /// In the order of their reservations.
  private var occupants: [Occupant] = []
  /// Functions by devfn, for configuration accesses.
  private var functions = InlineArray<256, (any PCIFunction)?>(repeating: nil)

  /// The bridges among them, in the order of their arrival.
  private var bridges: [any PCIBridge] = []

  /// The name by which `bus=` means it: `pcie.0`, or the id of the bridge in front.
  package let name: String
  /// The region of guest memory that the memory BARs of this bus lie over, at their guest addresses; they
  /// show inside the windows of the bridges in front. Nil for a bus without a board around it.
  package let memory: RegionID?
  /// The same for I/O BARs; nil on a root bus, whose ports are the whole port space.
  package let ports: RegionID?
  /// The bus in front and the place of the bridge on it; nil for a root bus.
  private weak var parent: PCIBus?
  private let bridgePlace: PCISlot
  private weak var bridge: (any PCIBridge)?
  /// Off while the slot has no power: a guest finds nothing.
  package var isPowered = true
  /// Called after a function went away because the guest gave it up, from inside its access.
  package var onRemoval: (PCISlot, any PCIFunction) -> Void = { _, _ in }

  /// Makes a root bus.
  package init(name: String = "pcie.0", memory: RegionID? = nil) {
    self.name = name
    self.memory = memory
    ports = nil
    bridgePlace = PCISlot(devfn: 0)
  }

  /// Makes the bus behind a bridge at `place` of `parent`.
  init(name: String, behind place: PCISlot, of parent: PCIBus, memory: RegionID, ports: RegionID) {
    self.name = name
    self.memory = memory
    self.ports = ports
    self.parent = parent
    bridgePlace = place
  }

  /// Says who is in front; called once, when the bridge exists.
  func connect(_ bridge: any PCIBridge) { self.bridge = bridge }

  /// Whether there is no bridge in front.
  package var isRoot: Bool { bridge == nil }

  /// The bridge in front, or nil for a root bus.
  package var bridgeInFront: (any PCIBridge)? { bridge }

  // MARK: - Places

  /// Reserves a place: the one asked for, or function 0 of the first free slot. `deviceType` and `id`
  /// tell a later function who is there.
  package func reserve(
    _ place: PCISlot?, for deviceType: String, id: String? = nil, isMultifunction: Bool = false
  ) throws(PCIPlacementError) -> PCISlot {
    guard let place = place ?? firstFreeSlot else {
      throw PCIPlacementError(deviceType, .busIsFull)
    }
    if let taken = occupant(at: place) {
      throw PCIPlacementError(deviceType, .isTaken(place, by: taken.deviceType, id: taken.id))
    }
    if place.function != 0 {
      if occupant(at: place.functionZero)?.isMultifunction == false {
        throw PCIPlacementError(deviceType, .functionZeroIsSingle(place))
      }
    } else if !isMultifunction, let sibling = lowestOccupant(inSlotOf: place) {
      throw PCIPlacementError(deviceType, .isPopulated(sibling.place))
    }
    occupants.append(
      Occupant(place: place, deviceType: deviceType, id: id, isMultifunction: isMultifunction))
    return place
  }

  /// Puts a function into its reserved place, where the guest finds it from now on.
  ///
  /// With `isHotPlug` the slot's functions other than 0 stay unseen until function 0 comes, and the
  /// bridge in front tells the guest then.
  package func attach(
    _ function: any PCIFunction, at place: PCISlot, isHotPlug: Bool = false
  ) {
    guard let index = occupants.firstIndex(where: { $0.place == place }) else { return }
    occupants[index].function = function
    occupants[index].isHotPlug = isHotPlug
    guard !isHotPlug || place.function == 0 || functions[Int(place.functionZero.devfn)] != nil
    else { return }
    for occupant in occupants where occupant.place.slot == place.slot {
      functions[Int(occupant.place.devfn)] = occupant.function
    }
    if let bridge = function as? any PCIBridge { bridges.append(bridge) }
    bridge?.functionArrived(at: place, isHotPlug: isHotPlug)
  }

  /// Takes the function and its reservation away.
  package func release(_ place: PCISlot) {
    if let function = functions[Int(place.devfn)] { bridges.removeAll { $0 === function } }
    occupants.removeAll { $0.place == place }
    functions[Int(place.devfn)] = nil
  }

  /// Whether a guest can find a function anywhere on the bus.
  package var isPopulated: Bool {
    occupants.contains { functions[Int($0.place.devfn)] != nil }
  }

  /// The function at a place, or nil when the guest finds nothing there.
  package func function(at place: PCISlot) -> (any PCIFunction)? {
    functions[Int(place.devfn)]
  }

  /// All functions in the order of their reservations.
  package var attached: [(place: PCISlot, function: any PCIFunction)] {
    occupants.compactMap { occupant in occupant.function.map { (occupant.place, $0) } }
  }

  /// The functions that a guest can find, with their ids, in their order on the bus.
  package var visible: [(place: PCISlot, id: String?, function: any PCIFunction)] {
    occupants.sorted { $0.place.devfn < $1.place.devfn }.compactMap { occupant in
      functions[Int(occupant.place.devfn)].map { (occupant.place, occupant.id, $0) }
    }
  }

  /// The taken places that have a function, in their order on the bus.
  var occupiedPlaces: [PCISlot] {
    occupants.filter { $0.function != nil }.map(\.place).sorted { $0.devfn < $1.devfn }
  }

  /// The function at a place, whether a guest can find it yet or not.
  package func attachedFunction(at place: PCISlot) -> (any PCIFunction)? {
    occupant(at: place)?.function
  }

  private var firstFreeSlot: PCISlot? {
    (0..<32).lazy.compactMap { PCISlot(slot: $0) }.first { occupant(at: $0) == nil }
  }

  private func occupant(at place: PCISlot) -> Occupant? {
    occupants.first { $0.place == place }
  }

  private func lowestOccupant(inSlotOf place: PCISlot) -> Occupant? {
    occupants.filter { $0.place.slot == place.slot }.min { $0.place.devfn < $1.place.devfn }
  }

  // MARK: - Hierarchy

  /// The bus that the guest calls by a number, seen from the root bus, which is 0; nil when no bridge
  /// leads there. Allocates nothing.
  package func bus(number: UInt8) -> PCIBus? {
    if number == 0 { return self }
    var bus = self
    while let bridge = bus.bridges.first(where: { $0.header.forwards(bus: number) }) {
      if bridge.header.secondaryBus == number { return bridge.secondaryBus }
      bus = bridge.secondaryBus
    }
    return nil
  }

  /// The bus by a name, this one or one behind it.
  package func bus(named name: String) -> PCIBus? {
    if name == self.name { return self }
    for bridge in bridges {
      if let bus = bridge.secondaryBus.bus(named: name) { return bus }
    }
    return nil
  }

  /// The names of this bus and of those behind it, this one first.
  package var busNames: [String] { [name] + bridges.flatMap { $0.secondaryBus.busNames } }

  /// The bridges on this bus and on those behind it.
  var bridgesBehind: [any PCIBridge] {
    bridges.flatMap { [$0] + $0.secondaryBus.bridgesBehind }
  }

  /// Where an interrupt pin, 0 for INTA, arrives on the root bus: each bridge on the way turns it by
  /// the slot (PCI Bridge 1.2, 9.1).
  package func rootPin(_ place: PCISlot, pin: Int) -> (place: PCISlot, pin: Int) {
    guard bridge != nil, let parent else { return (place, pin & 3) }
    return parent.rootPin(bridgePlace, pin: (pin + place.slot) & 3)
  }

  /// The warning in QEMU's words when no device can be in this slot of the bus but one is to be; it is
  /// plugged all the same.
  package func warning(for deviceType: String, at place: PCISlot) -> String? {
    guard bridge?.hasOneSlot == true, place.slot != 0 else { return nil }
    return
      "PCI: slot \(place.slot) is not valid for \(deviceType), parent device only allows plugging "
      + "into slot 0."
  }

  // MARK: - Accesses

  /// Reads configuration space: 1, 2 or 4 bytes within one aligned dword, below offset 4096. Where no
  /// function is, or at no place, all bits are one.
  package func readConfig(_ place: PCISlot?, offset: Int, length: Int) -> UInt32 {
    guard let place, isPowered else { return .max }
    return functions[Int(place.devfn)]?.readConfig(offset: offset, length: length) ?? .max
  }

  /// Writes configuration space: 1, 2 or 4 bytes within one aligned dword, below offset 4096.
  package func writeConfig(_ place: PCISlot?, offset: Int, length: Int, value: UInt32) {
    guard let place, isPowered else { return }
    functions[Int(place.devfn)]?.writeConfig(offset: offset, length: length, value: value)
  }

  /// Resets every function, the one reserved last first, and what is behind a bridge before it. QEMU
  /// walks buses in this order; for functions that got their slots by themselves it is from the highest
  /// slot down.
  package func reset() {
    for entry in attached.reversed() { entry.function.reset() }
  }
}
