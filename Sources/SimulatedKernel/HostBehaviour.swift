internal import PCI

/// What a function does behind its registers, as a description names it.
package enum HostBehaviour: String, Sendable, CaseIterable {
  /// Registers, a DMA engine and interrupts on command.
  case testDevice = "test-device"
}

extension HostFunction {
  /// Makes the model behind the function; nil for a function of plain memory.
  package func makeModel() -> (any SimulatedDevice)? {
    switch behaviour {
    case nil: nil
    case .testDevice: TestDevice(testDeviceShape)
    }
  }

  private var testDeviceShape: TestDevice.Shape {
    var shape = TestDevice.Shape()
    shape.hasPin = config.byte(at: PCIRegister.interruptPin) != 0
    if let offset = config.capability(.msi) {
      shape.msiVectors = 1 << Int(min(5, config.word(at: offset + 2) >> 1 & 7))
    }
    if let offset = config.capability(.msix) {
      shape.msixVectors = Int(config.word(at: offset + 2) & 0x7FF) + 1
      let pending = config.long(at: offset + 8)
      shape.pending = RegisterPlace(bar: Int(pending & 7), offset: UInt64(pending & ~7))
    }
    for bar in bars where bar.kind == .io { shape.ioBARs[bar.index] = bar.size }
    return shape
  }

  /// The MSI-X table, nil without one.
  private var messageTable: RegisterArea? {
    guard let offset = config.capability(.msix) else { return nil }
    let table = config.long(at: offset + 4)
    let start = UInt64(table & ~7)
    let size = 16 * (UInt64(config.word(at: offset + 2) & 0x7FF) + 1)
    return RegisterArea(bar: Int(table & 7), bytes: start..<start + size)
  }

  /// Leaves the pages of registers out of what can be mapped. Gives what is wrong with the BARs for
  /// this behaviour, in words; nil when they fit.
  mutating func settleBehaviour() -> String? {
    guard let behaviour, let model = makeModel() else { return nil }
    guard let first = bar(TestDevice.registerBAR), first.kind != .io,
      first.size >= TestDevice.pageSize
    else { return "'\(behaviour.rawValue)' needs a memory BAR 0 of at least 4K for its registers" }
    let block = 0..<TestDevice.pageSize
    for area in [messageTable, testDeviceShape.pendingArea].compactMap(\.self)
    where area.bar == TestDevice.registerBAR && area.bytes.overlaps(block) {
      return "the first 4K of BAR 0 hold the registers of '\(behaviour.rawValue)'"
    }
    for index in bars.indices where bars[index].kind != .io {
      let areas = model.registers.filter { $0.bar == bars[index].index }
      guard !areas.isEmpty else { continue }
      if let given = bars[index].sparseAreas {
        let isClear = given.allSatisfy { one in
          !areas.contains { $0.bytes.overlaps(one.offset..<one.offset + one.size) }
        }
        if isClear { continue }
        return "'sparse-mmap' of BAR \(bars[index].index) holds registers of "
          + "'\(behaviour.rawValue)', which cannot be mapped"
      }
      bars[index].sparseAreas = Self.pages(of: bars[index].size, without: areas.map(\.bytes))
    }
    return nil
  }

  private static func pages(of size: UInt64, without taken: [Range<UInt64>]) -> [HostArea] {
    var areas: [HostArea] = []
    var next: UInt64 = 0
    for range in taken.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if range.lowerBound > next {
        areas.append(HostArea(offset: next, size: range.lowerBound - next))
      }
      next = max(next, range.upperBound)
    }
    if next < size { areas.append(HostArea(offset: next, size: size - next)) }
    return areas
  }
}

extension TestDevice.Shape {
  /// The bytes of the MSI-X pending bits.
  fileprivate var pendingArea: RegisterArea? {
    guard let pending else { return nil }
    let size = UInt64((msixVectors + 63) / 64 * 8)
    return RegisterArea(bar: pending.bar, bytes: pending.offset..<pending.offset + size)
  }
}
