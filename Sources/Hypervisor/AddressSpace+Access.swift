extension AddressSpace {
  /// Reads 1, 2, 4 or 8 bytes as the guest would. Where nothing answers all bits are one. An access
  /// that reaches over the end of a section is made byte by byte; nothing answers beyond the last address.
  /// An access of another size reads as ones.
  package func read(_ address: UInt64, size: Int) -> UInt64 {
    guard let ones = Self.ones(size) else { return .max }
    guard let entry = entry(at: address) else {
      return nextStart(after: address).map { $0 - address >= UInt64(size) } ?? true
        ? ones : readBytewise(address, size: size)
    }
    guard isWhole(entry, at: address, size: size) else {
      return readBytewise(address, size: size)
    }
    return entry.read(at: address, size: size) & ones
  }

  /// Writes 1, 2, 4 or 8 bytes as the guest would. Where nothing answers they are lost; splitting is
  /// as for reads, and a write of another size does nothing.
  package func write(_ address: UInt64, size: Int, value: UInt64) {
    guard let ones = Self.ones(size) else { return }
    if let entry = entry(at: address), isWhole(entry, at: address, size: size) {
      entry.write(at: address, size: size, value: value & ones)
      return
    }
    for index in 0..<UInt64(size) where index <= .max - address {
      entry(at: address + index)?
        .write(at: address + index, size: 1, value: value >> (8 * index) & 0xff)
    }
  }

  /// Reads `count` bytes as one bulk access: memory is copied, devices are read in aligned accesses
  /// of at most 4 bytes, the rest is ones.
  package func readBytes(_ address: UInt64, count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xff, count: max(0, count))
    forEachPiece(address, count: bytes.count) { position, index, length in
      guard let entry = entry(at: position) else { return }
      if entry.copy(from: position, into: &bytes, at: index, count: length) { return }
      Self.forEachAligned(position, count: length) { place, offset, size in
        let value = entry.read(at: place, size: size)
        for byte in 0..<size {
          bytes[index + offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte)))
        }
      }
    }
    return bytes
  }

  /// Writes bytes as one bulk access, split as for `readBytes`.
  package func writeBytes(_ address: UInt64, _ bytes: [UInt8]) {
    forEachPiece(address, count: bytes.count) { position, index, length in
      guard let entry = entry(at: position) else { return }
      if entry.copy(bytes, from: index, count: length, to: position) { return }
      Self.forEachAligned(position, count: length) { place, offset, size in
        var value: UInt64 = 0
        for byte in 0..<size {
          value |= UInt64(bytes[index + offset + byte]) << (8 * UInt64(byte))
        }
        entry.write(at: place, size: size, value: value)
      }
    }
  }

  private func isWhole(_ entry: DispatchEntry, at address: UInt64, size: Int) -> Bool {
    entry.last - address >= UInt64(size - 1) || (entry.isDevice && !splitsDeviceAccesses)
  }

  private func readBytewise(_ address: UInt64, size: Int) -> UInt64 {
    var value: UInt64 = 0
    for index in 0..<UInt64(size) {
      let (place, isBeyond) = address.addingReportingOverflow(index)
      let byte = isBeyond ? nil : entry(at: place)?.read(at: place, size: 1)
      value |= ((byte ?? 0xff) & 0xff) << (8 * index)
    }
    return value
  }

  /// Calls `body` with address, index and length of each run that one entry, or none, answers, up to
  /// the last address. Looks each run up anew, since a device's answer may change the map.
  private func forEachPiece(
    _ address: UInt64, count: Int, _ body: (_ position: UInt64, _ index: Int, _ length: Int) -> Void
  ) {
    var index = 0
    while index < count {
      let (position, isBeyond) = address.addingReportingOverflow(UInt64(index))
      if isBeyond { return }
      let last = entry(at: position)?.last ?? nextStart(after: position).map { $0 - 1 } ?? .max
      let length = Int(min(last - position, UInt64(count - index - 1))) + 1
      body(position, index, length)
      index += length
    }
  }

  /// Splits a run into naturally aligned accesses of 1, 2 or 4 bytes.
  private static func forEachAligned(
    _ address: UInt64, count: Int, _ body: (_ place: UInt64, _ offset: Int, _ size: Int) -> Void
  ) {
    var offset = 0
    while offset < count {
      let place = address &+ UInt64(offset)
      var size = 4
      while size > count - offset || place & UInt64(size - 1) != 0 { size /= 2 }
      body(place, offset, size)
      offset += size
    }
  }

  private static func ones(_ size: Int) -> UInt64? {
    switch size {
    case 1: 0xff
    case 2: 0xffff
    case 4: 0xffff_ffff
    case 8: .max
    default: nil
    }
  }
}
