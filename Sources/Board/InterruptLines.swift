package import Hypervisor

/// The inputs of the interrupt controller: devices of the board and PCI interrupts may share one, which
/// is high while any of them drives it high. Used only while the machine lock is held.
package final class InterruptLines {
  private let accelerator: any Accelerator
  /// By line, one bit for each sharer that drives it high.
  private var raised: [UInt32: UInt64] = [:]
  /// By line, how many sharers there are.
  private var sharers: [UInt32: UInt64] = [:]

  package init(_ accelerator: any Accelerator) { self.accelerator = accelerator }

  /// Gives a device its end of a line, low at first. A line has room for 63 devices of their own; those
  /// that come later drive one end together.
  package func connect(_ gsi: UInt32) -> (Bool) -> Void {
    let sharer = sharers[gsi, default: 0]
    sharers[gsi] = min(63, sharer + 1)
    let bit: UInt64 = 1 << sharer
    return { [self] level in set(gsi, bit, level) }
  }

  /// Gives a device whose interrupt can be routed an end of each line that it drives, low at first.
  package func connectRoutable() -> (_ gsi: UInt32, _ level: Bool) -> Void {
    var ends: [UInt32: (Bool) -> Void] = [:]
    return { [self] gsi, level in
      let end = ends[gsi] ?? connect(gsi)
      ends[gsi] = end
      end(level)
    }
  }

  private func set(_ gsi: UInt32, _ bit: UInt64, _ level: Bool) {
    let before = raised[gsi, default: 0]
    let after = level ? before | bit : before & ~bit
    raised[gsi] = after
    if (before == 0) != (after == 0) { accelerator.setLine(gsi: gsi, level: after != 0) }
  }
}
