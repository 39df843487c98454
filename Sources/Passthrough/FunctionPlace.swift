package import Hypervisor

/// The guest's place for a function: its interrupt wiring and the bus that it sits on.
///
/// Used under the machine lock.
package protocol FunctionPlace: AnyObject {
  /// Whether the bus is the root complex's own, not behind a port.
  var isOnRootBus: Bool { get }
  /// The region of guest memory that the bus's memory BARs lie over, at their guest addresses; nil
  /// puts them at the top of the address space.
  var memoryRegion: RegionID? { get }
  /// The same for I/O BARs and the port space.
  var portRegion: RegionID? { get }
  /// The line that a pin (0 for INTA) is wired to now.
  func route(ofPin pin: Int) -> InterruptRoute
  /// Drives a pin's line.
  func setLine(ofPin pin: Int, level: Bool)
}

extension FunctionPlace {
  package var memoryRegion: RegionID? { nil }
  package var portRegion: RegionID? { nil }
}
