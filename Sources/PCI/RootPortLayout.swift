/// Where the capabilities of QEMU's `pcie-root-port` (1b36:000c) are, and what is in them.
///
/// The values are those that `lspci -xxxx` shows in a guest of QEMU 11.1. Unlike there, registers that
/// belong to no capability read as zeros and keep nothing.
package enum RootPortLayout {
  package static let msix = 0x48
  package static let express = 0x54
  package static let reserve = 0x90
  package static let advancedErrors = 0x100
  package static let accessControl = 0x148

  package static let linkStatus = express + 0x12
  package static let slotControl = express + 0x18
  package static let slotStatus = express + 0x1a

  /// Bytes of BAR 0, which holds the MSI-X table and, from `pendingOffset`, the pending bit.
  package static let barSize: UInt64 = 0x1000
  package static let pendingOffset: UInt64 = 0x800

  /// The port's speed and width, as the link status shows them without a better answer.
  package static func linkStatus(_ options: RootPortOptions) -> UInt16 {
    UInt16(options.speed.rawValue) | UInt16(options.width & 0x3f) << 4
  }

  /// The link status with a function that reports `status` at the other end: never more than the port
  /// can, and at least one lane at 2.5 GT/s.
  package static func linkStatus(_ options: RootPortOptions, endpoint status: UInt16) -> UInt16 {
    let own = linkStatus(options)
    let speed = min(status & 0xf == 0 ? 1 : status & 0xf, own & 0xf)
    let width = min(status & 0x3f0 == 0 ? 0x10 : status & 0x3f0, own & 0x3f0)
    return speed | width
  }
}
