/// What a new device may link to, and the ids that are taken.
package struct KnownDevices: Sendable, Equatable {
  /// Ids of iommufd objects.
  package var iommufds: [String]
  /// Buses by name, the root bus first.
  package var buses: [String]
  /// Ids of devices.
  package var ids: [String]
  /// Ids of character devices.
  package var characterDevices: [String]

  package init(
    iommufds: [String] = [], buses: [String] = [], ids: [String] = [],
    characterDevices: [String] = []
  ) {
    self.iommufds = iommufds
    self.buses = buses
    self.ids = ids
    self.characterDevices = characterDevices
  }

  /// Throws unless `bus` is left out or one of those there are.
  func requireBus(_ bus: String?, option: String) throws(CommandLineError) {
    guard let bus, !buses.contains(bus) else { return }
    throw CommandLineError(option: option, reason: .busNotFound(bus, known: buses))
  }
}
