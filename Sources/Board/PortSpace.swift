package import Hypervisor

/// The 65536 I/O ports. An access goes whole to the device that holds its first port.
package final class PortSpace {
  /// The regions behind the ports, for devices with I/O BARs; addresses are port numbers.
  package let space = AddressSpace(splitsDeviceAccesses: false)

  package init() {}

  /// Gives ports to a device, over those of lower priority and over older ones of the same.
  @discardableResult
  package func add(
    _ name: String, _ ports: ClosedRange<UInt16>, priority: Int = 0, _ handler: any MemoryHandler
  ) -> RegionID {
    space.add(
      MemoryRegion(
        name: name, base: UInt64(ports.lowerBound), size: UInt64(ports.count), priority: priority,
        kind: .io(handler)))
  }

  /// Reads 1, 2 or 4 bytes; where nothing answers all bits are one.
  package func read(_ port: UInt16, size: Int) -> UInt32 {
    guard size <= 4 else { return .max }
    return UInt32(truncatingIfNeeded: space.read(UInt64(port), size: size))
  }

  /// Writes 1, 2 or 4 bytes; where nothing answers they are lost.
  package func write(_ port: UInt16, size: Int, value: UInt32) {
    guard size <= 4 else { return }
    space.write(UInt64(port), size: size, value: UInt64(value))
  }
}
