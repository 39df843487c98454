internal import Hypervisor

/// The memory window to configuration space (PCI Express Base, 7.2.2): bus in bits 27 to 20 of the
/// offset, slot and function in bits 19 to 12, register in bits 11 to 0.
final class EnhancedConfigWindow: MemoryHandler {
  private let bus: PCIBus

  init(_ bus: PCIBus) { self.bus = bus }

  func read(offset: UInt64, size: Int) -> UInt64 {
    guard offset >> 20 == 0 else { return .max }
    var value: UInt64 = 0
    for piece in ConfigPiece.split(offset, size) {
      let bits = bus.readConfig(piece.place, offset: piece.register, length: piece.length)
      value |= (UInt64(bits) & piece.ones) << piece.shift
    }
    return value
  }

  func write(offset: UInt64, size: Int, value: UInt64) {
    guard offset >> 20 == 0 else { return }
    for piece in ConfigPiece.split(offset, size) {
      bus.writeConfig(
        piece.place, offset: piece.register, length: piece.length,
        value: UInt32(truncatingIfNeeded: value >> piece.shift & piece.ones))
    }
  }
}

/// A naturally aligned access of at most 4 bytes, a part of a larger or unaligned one.
private struct ConfigPiece {
  var place: PCISlot
  var register: Int
  var length: Int
  /// Its place in the whole value, in bits.
  var shift: UInt64

  var ones: UInt64 { length == 4 ? 0xffff_ffff : 1 << UInt64(8 * length) - 1 }

  static func split(_ offset: UInt64, _ size: Int) -> [ConfigPiece] {
    var pieces: [ConfigPiece] = []
    var done = 0
    while done < size {
      let position = offset &+ UInt64(done)
      var length = 4
      while length > size - done || position & UInt64(length - 1) != 0 { length /= 2 }
      pieces.append(
        ConfigPiece(
          place: PCISlot(devfn: UInt8(truncatingIfNeeded: position >> 12)),
          register: Int(position & 0xfff), length: length, shift: UInt64(8 * done)))
      done += length
    }
    return pieces
  }
}
