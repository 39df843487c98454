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
