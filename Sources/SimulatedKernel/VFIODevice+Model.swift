internal import SystemPackage

/// Accesses to BARs: registers go to the function's model, the rest is plain memory.
extension VFIODevice {
  /// Reads bytes that all lie in the BAR.
  func readBAR(
    _ bar: HostBAR, at position: Int, count: Int, on host: SimulatedHost
  ) throws(Errno) -> [UInt8] {
    guard function.model != nil else {
      return try function.memory(bar).read(at: position, count: count)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
      let offset = position + bytes.count
      let piece = piece(of: bar, at: offset, remaining: count - bytes.count)
      guard let model = piece.model else {
        bytes += try function.memory(bar).read(at: offset, count: piece.width)
        continue
      }
      let value = model.read(
        RegisterPlace(bar: bar.index, offset: UInt64(offset)), width: piece.width,
        on: FunctionBus(device: self, host: host))
      for index in 0..<piece.width { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
    }
    return bytes
  }

  /// Writes bytes that all lie in the BAR.
  func writeBAR(
    _ bar: HostBAR, at position: Int, _ bytes: ArraySlice<UInt8>, on host: SimulatedHost
  ) throws(Errno) {
    guard function.model != nil else {
      return try function.memory(bar).write(bytes, at: position)
    }
    var rest = bytes
    var offset = position
    while !rest.isEmpty {
      let piece = piece(of: bar, at: offset, remaining: rest.count)
      let written = rest.prefix(piece.width)
      if let model = piece.model {
        var value: UInt64 = 0
        for (index, byte) in written.enumerated() { value |= UInt64(byte) << (8 * index) }
        model.write(
          value, to: RegisterPlace(bar: bar.index, offset: UInt64(offset)), width: piece.width,
          on: FunctionBus(device: self, host: host))
      } else {
        try function.memory(bar).write(written, at: offset)
      }
      rest = rest.dropFirst(piece.width)
      offset += piece.width
    }
  }

  /// The first naturally aligned piece of at most 8 bytes of a register area, or all bytes up to the
  /// next one.
  private func piece(
    of bar: HostBAR, at offset: Int, remaining: Int
  ) -> (model: (any SimulatedDevice)?, width: Int) {
    guard let model = function.model else { return (nil, remaining) }
    let place = UInt64(offset)
    var plain = UInt64(remaining)
    for area in model.registers where area.bar == bar.index {
      if area.bytes.contains(place) {
        var width = 8
        while !offset.isMultiple(of: width) || width > remaining { width /= 2 }
        return (model, width)
      }
      if area.bytes.lowerBound > place { plain = min(plain, area.bytes.lowerBound - place) }
    }
    return (nil, Int(plain))
  }

  /// Tells the model that masks, triggers or enable bits may have changed.
  func interruptsChanged(on host: SimulatedHost) {
    function.model?.interruptsChanged(on: FunctionBus(device: self, host: host))
  }
}
