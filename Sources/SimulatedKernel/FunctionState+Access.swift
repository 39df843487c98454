internal import PCI
package import SystemPackage

/// What a function's user and its model reach of each other: BARs, whose registers go to the model while
/// the rest is plain memory, and the bits of config space that bound a model.
extension FunctionState {
  /// Reads bytes that all lie in the BAR.
  package func readBAR(
    _ bar: HostBAR, at position: Int, count: Int, on bus: some DeviceBus
  ) throws(Errno) -> [UInt8] {
    guard model != nil else {
      return try memory(bar).read(at: position, count: count)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
      let offset = position + bytes.count
      let piece = piece(of: bar, at: offset, remaining: count - bytes.count)
      guard let model = piece.model else {
        bytes += try memory(bar).read(at: offset, count: piece.width)
        continue
      }
      let value = model.read(
        RegisterPlace(bar: bar.index, offset: UInt64(offset)), width: piece.width,
        on: bus)
      for index in 0..<piece.width { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
    }
    return bytes
  }

  /// Writes bytes that all lie in the BAR.
  package func writeBAR(
    _ bar: HostBAR, at position: Int, _ bytes: ArraySlice<UInt8>, on bus: some DeviceBus
  ) throws(Errno) {
    guard model != nil else {
      return try memory(bar).write(bytes, at: position)
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
          on: bus)
      } else {
        try memory(bar).write(written, at: offset)
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
    guard let model = model else { return (nil, remaining) }
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

  /// The plain memory behind a part of a BAR that has no registers; nil when not all of it is that.
  package func plainMemory(_ index: Int, at offset: UInt64, count: Int) -> BARMemory? {
    guard let bar = description.bar(index), bar.kind != .io, offset <= bar.size,
      UInt64(count) <= bar.size - offset,
      model?.registers.allSatisfy({ area in
        area.bar != index || !area.bytes.overlaps(offset..<offset + UInt64(count))
      }) ?? true
    else { return nil }
    do throws(Errno) {
      return try memory(bar)
    } catch {
      return nil
    }
  }

  // MARK: Bus

  /// Command register bit 2 is set, and the power state is D0.
  package var isMaster: Bool {
    config.word(at: PCIRegister.command) & PCIRegister.commandMaster != 0 && powerState == 0
  }

  /// The mask bits of MSI; 0 without masking.
  var messageMasks: UInt32 { messageMaskRegister.map { config.long(at: $0) } ?? 0 }

  /// Shows pending vectors in the MSI capability, if it has the register.
  package func showPending(_ vectors: UInt32) {
    guard let register = messageMaskRegister else { return }
    config.set(UInt64(vectors), at: register + 4, width: 4)
  }

  /// The mask bits of MSI, with the pending bits behind them; nil without masking.
  private var messageMaskRegister: Int? {
    guard let offset = config.capability(.msi) else { return nil }
    let control = config.word(at: offset + 2)
    guard control & 0x100 != 0 else { return nil }
    return offset + (control & 0x80 != 0 ? 16 : 12)
  }
}
