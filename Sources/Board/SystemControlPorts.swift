internal import Hypervisor

/// System control port A at 0x92: bit 0 resets the machine when it is set, bit 1 opens address line 20,
/// which is always open here.
final class SystemControlPortA: MemoryHandler {
  private var value: UInt8 = 0
  private let requestReset: () -> Void

  init(requestReset: @escaping () -> Void) { self.requestReset = requestReset }

  func read(offset: UInt64, size: Int) -> UInt64 { UInt64(value) }

  func write(offset: UInt64, size: Int, value: UInt64) {
    let isReset = value & 1 != 0 && self.value & 1 == 0
    self.value = UInt8(truncatingIfNeeded: value)
    if isReset { requestReset() }
  }

  func reset() { value &= ~1 }
}

/// Channel 2 of the interval timer, whose gate and output are at port 0x61. The one in the kernel has
/// the port to itself, so this is for a timer in user space.
package protocol TimerChannel2: AnyObject {
  /// Whether the gate is open.
  var gate: Bool { get set }

  /// The channel's output now.
  var output: Bool { get }
}

/// System control port B at 0x61: the gate of the timer's channel 2 in bit 0, the speaker in bit 1, a
/// bit 4 that changes with each memory refresh (15 us), the channel's output in bit 5.
final class SystemControlPortB: MemoryHandler {
  private let timer: any TimerChannel2
  private let clock: BoardClock
  private var isSpeakerOn = false

  init(timer: any TimerChannel2, clock: BoardClock) {
    self.timer = timer
    self.clock = clock
  }

  func read(offset: UInt64, size: Int) -> UInt64 {
    (timer.gate ? 0x01 : 0) | (isSpeakerOn ? 0x02 : 0) | (clock.monotonic() >> 14 & 1) << 4
      | (timer.output ? 0x20 : 0)
  }

  func write(offset: UInt64, size: Int, value: UInt64) {
    timer.gate = value & 1 != 0
    isSpeakerOn = value & 2 != 0
  }

  func reset() {
    timer.gate = false
    isSpeakerOn = false
  }
}
