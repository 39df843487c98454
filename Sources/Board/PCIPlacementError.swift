package import PCI

/// Why a function cannot have a place on a bus.
package struct PCIPlacementError: Error, Equatable, Sendable {
  package enum Reason: Equatable, Sendable {
    /// The place is taken by a function of this type, with its `id=` if it has one.
    case isTaken(PCISlot, by: String, id: String?)
    /// Function 0 of every slot is taken.
    case busIsFull
    /// Function 0 of the slot is there and does not say that others follow.
    case functionZeroIsSingle(PCISlot)
    /// Function 0 says that it is alone, but this one is there.
    case isPopulated(PCISlot)
    /// No bus has this name.
    case busNotFound(String)
    /// Another port has the same chassis and slot.
    case chassisSlotIsTaken(chassis: UInt8, slot: UInt16)
    /// What a port is to reserve cannot be said.
    case reserve(RootPortOptions.Conflict)
  }

  /// The type of the function that wants the place, for example `vfio-pci`.
  package var deviceType: String
  package var reason: Reason

  package init(_ deviceType: String, _ reason: Reason) {
    self.deviceType = deviceType
    self.reason = reason
  }

  /// A sentence for the user in QEMU's words, and what to do.
  package var message: String {
    switch reason {
    case .isTaken(let place, let type, let id):
      """
      PCI: slot \(place.slot) function \(place.function) not available for \(deviceType), in use by \
      \(type),id=\(id ?? "(null)")
      Give another addr=, or leave addr= out to get the first free slot.
      """
    case .busIsFull: "PCI: no slot/function available for \(deviceType), all in use or reserved"
    case .functionZeroIsSingle(let place):
      """
      PCI: single function device can't be populated in function \(text(place))
      Give function 0 of this slot multifunction=on.
      """
    case .isPopulated(let place):
      """
      PCI: \(text(place.functionZero)) indicates single function, but \(text(place)) is already \
      populated.
      Give \(deviceType) multifunction=on, or another slot.
      """
    case .busNotFound(let name): "Bus '\(name)' not found"
    case .chassisSlotIsTaken(let chassis, let slot):
      """
      Can't add chassis slot, error -16
      Another port has chassis=\(chassis) and slot=\(slot): give each port its own slot=.
      """
    case .reserve(.bothPrefetchable):
      "PCI resource reserve cap: PREF32 and PREF64 conflict"
    case .reserve(.notBelow4G(let property)):
      "PCI resource reserve cap: \(property) must be less than 4G"
    }
  }

  private func text(_ place: PCISlot) -> String {
    "\(String(place.slot, radix: 16)).\(String(place.function, radix: 16))"
  }
}
