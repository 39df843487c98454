internal import Hypervisor

/// QEMU's `isa-debug-exit`: a write ends the program with twice the value plus one as its status.
final class DebugExitPort: MemoryHandler {
  private let requestExit: (Int32) -> Void

  /// `requestExit` is called from inside the guest's access: it must only note the wish.
  init(requestExit: @escaping (Int32) -> Void) { self.requestExit = requestExit }

  func read(offset: UInt64, size: Int) -> UInt64 { 0 }

  func write(offset: UInt64, size: Int, value: UInt64) {
    requestExit(Int32(truncatingIfNeeded: value << 1 | 1))
  }
}

/// QEMU's `isa-debugcon`: each byte written goes to a character backend, reading gives a number by which
/// the port is recognised. It is one byte wide: further bytes of an access are for nobody. What the backend has no room for is lost: the port cannot make a guest wait.
final class DebugConsolePort: MemoryHandler {
  private let backend: any CharacterBackend
  private let readback: UInt8

  init(_ backend: any CharacterBackend, readback: UInt8) {
    self.backend = backend
    self.readback = readback
  }

  func read(offset: UInt64, size: Int) -> UInt64 {
    PortBytes.read(offset, size) { $0 == 0 ? self.readback : 0xff }
  }

  func write(offset: UInt64, size: Int, value: UInt64) {
    _ = backend.write(UInt8(truncatingIfNeeded: value))
  }
}
