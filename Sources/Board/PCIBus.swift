package import PCI

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
  }

  /// In the order of their reservations.
  private var occupants: [Occupant] = []
  /// Functions by devfn, for configuration accesses.
  private var functions = InlineArray<256, (any PCIFunction)?>(repeating: nil)

  package init() {}

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
  package func attach(_ function: any PCIFunction, at place: PCISlot) {
    guard let index = occupants.firstIndex(where: { $0.place == place }) else { return }
    occupants[index].function = function
    functions[Int(place.devfn)] = function
  }

  /// Takes the function and its reservation away.
  package func release(_ place: PCISlot) {
    occupants.removeAll { $0.place == place }
    functions[Int(place.devfn)] = nil
  }

  /// The function at a place, or nil when the guest finds nothing there.
  package func function(at place: PCISlot) -> (any PCIFunction)? {
    functions[Int(place.devfn)]
  }

  /// All functions in the order of their reservations.
  package var attached: [(place: PCISlot, function: any PCIFunction)] {
    occupants.compactMap { occupant in occupant.function.map { (occupant.place, $0) } }
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

  // MARK: - Accesses

  /// Reads configuration space: 1, 2 or 4 bytes within one aligned dword, below offset 4096. Where no
  /// function is, or at no place, all bits are one.
  package func readConfig(_ place: PCISlot?, offset: Int, length: Int) -> UInt32 {
    guard let place else { return .max }
    return functions[Int(place.devfn)]?.readConfig(offset: offset, length: length) ?? .max
  }

  /// Writes configuration space: 1, 2 or 4 bytes within one aligned dword, below offset 4096.
  package func writeConfig(_ place: PCISlot?, offset: Int, length: Int, value: UInt32) {
    guard let place else { return }
    functions[Int(place.devfn)]?.writeConfig(offset: offset, length: length, value: value)
  }

  /// Resets every function, the one reserved last first. QEMU walks a bus in this order; for functions
  /// that got their slots by themselves it is from the highest slot down.
  package func reset() {
    for entry in attached.reversed() { entry.function.reset() }
  }
}
