internal import Hypervisor

/// A window where the chipset decodes addresses but no device answers: ones are read, writes are lost.
final class OpenBus: MemoryHandler {
  func read(offset: UInt64, size: Int) -> UInt64 { .max }

  func write(offset: UInt64, size: Int, value: UInt64) {}
}
