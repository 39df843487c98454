internal import Hypervisor
internal import PCI

/// The ports of configuration mechanism 1, for every bus of the tree.
final class ConfigPorts {
  private var mechanism = ConfigMechanism1()
  private let bus: PCIBus

  init(_ bus: PCIBus) { self.bus = bus }

  /// The handler for ports 0xcf8 to 0xcfb, which knows only whole 4-byte accesses.
  var addressPorts: any MemoryHandler { AddressPorts(ports: self) }

  /// The handler for ports 0xcfc to 0xcff.
  var dataPorts: any MemoryHandler { DataPorts(ports: self) }

  func reset() { mechanism = ConfigMechanism1() }

  /// The bus, the place on it and the byte offset that an access to the window means; nil when it is
  /// disabled, or on a bus that is not there.
  private func target(_ offset: UInt64, _ size: Int) -> (PCIBus, PCISlot, Int)? {
    guard let target = mechanism.target(offset: offset, length: size),
      let bus = bus.bus(number: target.bus)
    else { return nil }
    return (bus, PCISlot(devfn: target.devfn), target.offset)
  }

  private final class AddressPorts: MemoryHandler {
    private let ports: ConfigPorts

    init(ports: ConfigPorts) { self.ports = ports }

    func read(offset: UInt64, size: Int) -> UInt64 {
      ports.mechanism.readAddress(offset: offset, length: size).map(UInt64.init) ?? .max
    }

    func write(offset: UInt64, size: Int, value: UInt64) {
      ports.mechanism.writeAddress(
        offset: offset, length: size, value: UInt32(truncatingIfNeeded: value))
    }
  }

  private final class DataPorts: MemoryHandler {
    private let ports: ConfigPorts

    init(ports: ConfigPorts) { self.ports = ports }

    func read(offset: UInt64, size: Int) -> UInt64 {
      guard let (bus, place, register) = ports.target(offset, size) else { return .max }
      return UInt64(bus.readConfig(place, offset: register, length: size))
    }

    func write(offset: UInt64, size: Int, value: UInt64) {
      guard let (bus, place, register) = ports.target(offset, size) else { return }
      bus.writeConfig(
        place, offset: register, length: size, value: UInt32(truncatingIfNeeded: value))
    }
  }
}
