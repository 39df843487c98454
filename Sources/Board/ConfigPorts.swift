internal import Hypervisor

/// Configuration mechanism 1 (PCI Local Bus 3.0, 3.2.2.3.2): an address register at port 0xcf8 and a
/// window to four bytes of configuration space at 0xcfc.
final class ConfigPorts {
  /// Enable in bit 31, bus, slot, function and dword in bits 23 to 2; the rest reads as zero.
  private var address: UInt32 = 0
  private let bus: PCIBus

  init(_ bus: PCIBus) { self.bus = bus }

  /// The handler for ports 0xcf8 to 0xcfb, which knows only whole 4-byte accesses.
  var addressPorts: any MemoryHandler { AddressPorts(ports: self) }

  /// The handler for ports 0xcfc to 0xcff.
  var dataPorts: any MemoryHandler { DataPorts(ports: self) }

  func reset() { address = 0 }

  /// The function and the byte offset that an access to the window means; nil when it is disabled,
  /// or on a bus that is not there.
  private func target(_ offset: UInt64, _ size: Int) -> (PCISlot, Int)? {
    guard address >> 31 == 1, address >> 16 & 0xff == 0, offset < 4, Int(offset) + size <= 4 else {
      return nil
    }
    let place = PCISlot(devfn: UInt8(truncatingIfNeeded: address >> 8))
    return (place, Int(address & 0xfc) + Int(offset))
  }

  private final class AddressPorts: MemoryHandler {
    private let ports: ConfigPorts

    init(ports: ConfigPorts) { self.ports = ports }

    func read(offset: UInt64, size: Int) -> UInt64 {
      offset == 0 && size == 4 ? UInt64(ports.address) : .max
    }

    func write(offset: UInt64, size: Int, value: UInt64) {
      guard offset == 0, size == 4 else { return }
      ports.address = UInt32(truncatingIfNeeded: value) & 0x80ff_fffc
    }
  }

  private final class DataPorts: MemoryHandler {
    private let ports: ConfigPorts

    init(ports: ConfigPorts) { self.ports = ports }

    func read(offset: UInt64, size: Int) -> UInt64 {
      guard let (place, register) = ports.target(offset, size) else { return .max }
      return UInt64(ports.bus.readConfig(place, offset: register, length: size))
    }

    func write(offset: UInt64, size: Int, value: UInt64) {
      guard let (place, register) = ports.target(offset, size) else { return }
      ports.bus.writeConfig(
        place, offset: register, length: size, value: UInt32(truncatingIfNeeded: value))
    }
  }
}
