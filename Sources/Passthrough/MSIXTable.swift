internal import Hypervisor

/// The emulated MSI-X table of an assigned function with its pending bits: the guest's entries, all
/// masked after reset.
///
/// Used under the machine lock.
final class MSIXTable: MemoryHandler {
  /// Entries in the table.
  let count: Int
  /// Four for each entry: address, its upper half, data, and control, whose bit 0 is the mask.
  private var words: [UInt32]
  private var pending: [UInt64]
  /// Whether MSI-X is off or the guest has masked all of it.
  private var isFunctionMasked = true
  /// Called when a vector was masked or unmasked, be it by its entry or with the whole function.
  var onMaskChange: (_ vector: Int, _ isMasked: Bool) -> Void = { _, _ in }

  init(entries: Int) {
    count = max(0, entries)
    words = [UInt32](repeating: 0, count: count * 4)
    pending = [UInt64](repeating: 0, count: (count + 63) / 64)
    reset()
  }

  /// Clears every entry, sets its mask bit and forgets what is pending, without a word to anyone.
  func reset() {
    for index in words.indices { words[index] = index % 4 == 3 ? 1 : 0 }
    for index in pending.indices { pending[index] = 0 }
    isFunctionMasked = true
  }

  // MARK: - Vectors

  /// What a vector sends; nothing for one that is not in the table.
  func message(of vector: Int) -> MSIMessage {
    guard (0..<count).contains(vector) else { return MSIMessage(address: 0, data: 0) }
    return MSIMessage(
      address: UInt64(words[vector * 4]) | UInt64(words[vector * 4 + 1]) << 32,
      data: words[vector * 4 + 2])
  }

  /// Whether a vector is masked, by its entry or with the whole function.
  func isMasked(_ vector: Int) -> Bool {
    guard !isFunctionMasked, (0..<count).contains(vector) else { return true }
    return words[vector * 4 + 3] & 1 != 0
  }

  /// Takes over what the control register says. `isEnabled` tells whether MSI-X is on, as only then
  /// vectors are told of.
  func setFunctionMasked(_ isMasked: Bool, isEnabled: Bool) {
    let wasMasked = isFunctionMasked
    isFunctionMasked = isMasked || !isEnabled
    guard isEnabled, isFunctionMasked != wasMasked else { return }
    for vector in 0..<count where words[vector * 4 + 3] & 1 == 0 {
      onMaskChange(vector, isFunctionMasked)
    }
  }

  /// Whether a vector fired while it was masked.
  func isPending(_ vector: Int) -> Bool {
    (0..<count).contains(vector) && pending[vector / 64] >> UInt64(vector % 64) & 1 != 0
  }

  /// Notes that a vector fired while it was masked, or forgets it.
  func setPending(_ vector: Int, _ isPending: Bool) {
    guard (0..<count).contains(vector) else { return }
    let bit = UInt64(1) << UInt64(vector % 64)
    if isPending { pending[vector / 64] |= bit } else { pending[vector / 64] &= ~bit }
  }

  // MARK: - The guest's accesses to the table

  func read(offset: UInt64, size: Int) -> UInt64 {
    guard let index = index(of: offset) else { return 0 }
    if size == 8, index + 1 < words.count {
      return UInt64(words[index]) | UInt64(words[index + 1]) << 32
    }
    return UInt64(words[index]) >> (8 * (offset & 3))
  }

  func write(offset: UInt64, size: Int, value: UInt64) {
    // Narrower writes are not allowed to the table (PCI 3.0, 6.8.2) and are dropped.
    guard size >= 4, offset & 3 == 0, let index = index(of: offset) else { return }
    write(index, UInt32(truncatingIfNeeded: value))
    if size == 8, index + 1 < words.count {
      write(index + 1, UInt32(truncatingIfNeeded: value >> 32))
    }
  }

  private func write(_ index: Int, _ value: UInt32) {
    let vector = index / 4
    let wasMasked = isMasked(vector)
    words[index] = value
    let isMasked = isMasked(vector)
    if isMasked != wasMasked { onMaskChange(vector, isMasked) }
  }

  private func index(of offset: UInt64) -> Int? {
    guard offset / 4 < UInt64(words.count) else { return nil }
    return Int(offset / 4)
  }

  /// Reads the pending bits as the guest does.
  func readPending(offset: UInt64, size: Int) -> UInt64 {
    var value: UInt64 = 0
    for place in 0..<UInt64(min(max(size, 0), 8)) {
      let (byte, isBeyond) = offset.addingReportingOverflow(place)
      guard !isBeyond, byte / 8 < UInt64(pending.count) else { continue }
      value |= (pending[Int(byte / 8)] >> (8 * (byte % 8)) & 0xff) << (8 * place)
    }
    return value
  }
}

/// The pending bits of an emulated table as the guest finds them, over those of the device; read only.
final class PendingBits: MemoryHandler {
  private let table: MSIXTable

  init(of table: MSIXTable) { self.table = table }

  func read(offset: UInt64, size: Int) -> UInt64 {
    table.readPending(offset: offset, size: size)
  }

  func write(offset: UInt64, size: Int, value: UInt64) {}
}
