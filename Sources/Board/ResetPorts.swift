internal import Hypervisor

/// The chipset's reset register at port 0xcf9 (ICH9 datasheet, 13.7.5): setting bit 2 resets, and is not
/// kept, nor what is written with it. As in QEMU an access of any size is one to the register.
final class ResetControlPort: MemoryHandler {
  private var value: UInt8 = 0
  private let requestReset: () -> Void

  init(requestReset: @escaping () -> Void) { self.requestReset = requestReset }

  func read(offset: UInt64, size: Int) -> UInt64 { UInt64(value) }

  func write(offset: UInt64, size: Int, value: UInt64) {
    if value & 4 != 0 { requestReset() } else { self.value = UInt8(value & 0xa) }
  }

  func reset() { value = 0 }
}

/// The keyboard controller's ports 0x60 and 0x64, without a keyboard: command 0xfe pulses the
/// processor's reset line.
final class KeyboardControllerPort: MemoryHandler {
  private let requestReset: () -> Void

  init(requestReset: @escaping () -> Void) { self.requestReset = requestReset }

  /// At the command port: the last write was a command, the keyboard is not locked, nothing waits.
  func read(offset: UInt64, size: Int) -> UInt64 { 0x18 }

  func write(offset: UInt64, size: Int, value: UInt64) {
    if value & 0xff == 0xfe { requestReset() }
  }
}
