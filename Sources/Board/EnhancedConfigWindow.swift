internal import Hypervisor

/// The memory window to configuration space (PCI Express Base, 7.2.2): bus in bits 27 to 20 of the
/// offset, slot and function in bits 19 to 12, register in bits 11 to 0.
final class EnhancedConfigWindow: MemoryHandler {
  private let root: PCIBus

  init(_ root: PCIBus) { self.root = root }

  func read(offset: UInt64, size: Int) -> UInt64 {
    var value = UInt64.max
    forEachPiece(offset, size) { bus, place, register, length, shift in
      let ones = UInt64.max >> UInt64(64 - 8 * length)
      let bits = UInt64(bus.readConfig(place, offset: register, length: length))
      value = value & ~(ones << shift) | (bits & ones) << shift
    }
    return value
  }

  func write(offset: UInt64, size: Int, value: UInt64) {
    forEachPiece(offset, size) { bus, place, register, length, shift in
      let bits = UInt32(truncatingIfNeeded: value >> shift)
      bus.writeConfig(
        place, offset: register, length: length,
        value: length == 4 ? bits : bits & (1 << UInt32(8 * length) - 1))
    }
  }

  /// Splits an access into naturally aligned ones of at most 4 bytes, each with its place in the
  /// whole value in bits. A bus that is not there has no pieces, and its bits stay ones.
  private func forEachPiece(
    _ offset: UInt64, _ size: Int,
    _ body: (PCIBus, PCISlot, _ register: Int, _ length: Int, _ shift: UInt64) -> Void
  ) {
    var done = 0
    while done < size {
      let position = offset &+ UInt64(done)
      var length = 4
      while length > size - done || position & UInt64(length - 1) != 0 { length /= 2 }
      if position >> 28 == 0, let bus = root.bus(number: UInt8(position >> 20)) {
        let place = PCISlot(devfn: UInt8(truncatingIfNeeded: position >> 12))
        body(bus, place, Int(position & 0xfff), length, UInt64(8 * done))
      }
      done += length
    }
  }
}
