internal import Hypervisor

/// What a guest says through `pvpanic`.
package enum GuestDistress: Equatable, Sendable {
  /// Its kernel has panicked.
  case panicked
  /// Its kernel has panicked and a crash kernel deals with it.
  case crashLoaded
  /// It wants to be shut down.
  case shutdown
}

/// QEMU's `pvpanic` port: reading tells the events it knows (bits 0 to 2), writing sends one.
final class PanicPort: MemoryHandler {
  private let supported: UInt8
  private let tell: (GuestDistress) -> Void

  /// `tell` is called from inside the guest's access: it must only note what happened.
  init(supported: UInt8, tell: @escaping (GuestDistress) -> Void) {
    self.supported = supported
    self.tell = tell
  }

  func read(offset: UInt64, size: Int) -> UInt64 {
    PortBytes.read(offset, size) { _ in self.supported }
  }

  /// The lowest bit counts; bits that the port does not tell of are tried all the same, as in QEMU.
  func write(offset: UInt64, size: Int, value: UInt64) {
    if value & 1 != 0 {
      tell(.panicked)
    } else if value & 2 != 0 {
      tell(.crashLoaded)
    } else if value & 4 != 0 {
      tell(.shutdown)
    }
  }
}
