/// The function `behaviour: test-device`: registers, a DMA engine and interrupts on command, made for
/// the tests of guests. `machines/README.md` has its register map.
package final class TestDevice: SimulatedDevice {
  /// "SVTD" in ASCII, the first register.
  package static let identifier: UInt32 = 0x4454_5653
  /// Bytes that one DMA command moves at most.
  package static let transferLimit: UInt32 = 1 << 20
  /// The BAR with the registers; their page is its first.
  static let registerBAR = 0
  /// The BAR whose plain memory the DMA engine reaches as the device's own.
  static let localBAR = 2
  static let pageSize: UInt64 = 4096
  /// Bytes of the register block that an I/O BAR shows.
  static let blockSize: UInt64 = 256

  package let registers: [RegisterArea]
  private let shape: Shape
  /// How often the function was reset; the one thing that a reset leaves.
  private var resets: UInt32 = 0
  private var state: State

  /// What the description gives a function of this kind.
  package struct Shape: Sendable, Equatable {
    /// Vectors of MSI and MSI-X, 0 without the capability.
    package var msiVectors = 0
    package var msixVectors = 0
    package var hasPin = false
    /// The MSI-X pending bits; nil without MSI-X.
    package var pending: RegisterPlace?
    /// The I/O BARs with their sizes.
    package var ioBARs: [Int: UInt64] = [:]

    package init() {}
  }

  /// Everything that a reset clears.
  struct State {
    var scratch: [UInt32] = [0, 0]
    var interruptStatus: UInt32 = 0
    var interruptEnable: UInt32 = 0
    var completionVector: UInt32 = 0
    var interruptCount: UInt32 = 0
    var isLineAsserted = false
    var messages: MessageKind?
    /// One bit for each vector that waits for its mask.
    var pending: [UInt64] = []
    var reads: UInt32 = 0
    var writes: UInt32 = 0
    var engine = DMAEngine()
  }

  package init(_ shape: Shape) {
    self.shape = shape
    state = State()
    var areas = [RegisterArea(bar: Self.registerBAR, bytes: 0..<Self.pageSize)]
    if let pending = shape.pending {
      let end = pending.offset + UInt64((shape.msixVectors + 63) / 64 * 8)
      let first = pending.offset & ~(Self.pageSize - 1)
      let last = (end + Self.pageSize - 1) & ~(Self.pageSize - 1)
      areas.append(RegisterArea(bar: pending.bar, bytes: first..<last))
    }
    for (bar, size) in shape.ioBARs.sorted(by: { $0.key < $1.key }) {
      areas.append(RegisterArea(bar: bar, bytes: 0..<size))
    }
    registers = areas
    clear()
  }

  private func clear() {
    state = State()
    let vectors = max(shape.msiVectors, shape.msixVectors)
    state.pending = Array(repeating: 0, count: (vectors + 63) / 64)
  }

  package func reset() {
    resets &+= 1
    clear()
  }

  // MARK: Accesses

  package func read(_ place: RegisterPlace, width: Int, on bus: some DeviceBus) -> UInt64 {
    state.reads &+= 1
    guard let offset = blockOffset(of: place) else { return pendingBits(at: place, width: width) }
    var value: UInt64 = 0
    let first = offset & ~3
    for word in 0..<UInt64(width > 4 ? 2 : 1) {
      value |= UInt64(readWord(first + 4 * word, on: bus)) << (32 * word)
    }
    return value >> (8 * (offset - first)) & Self.mask(width)
  }

  package func write(
    _ value: UInt64, to place: RegisterPlace, width: Int, on bus: some DeviceBus
  ) {
    state.writes &+= 1
    guard let offset = blockOffset(of: place) else { return }
    let first = offset & ~3
    if width >= 4 {
      for word in 0..<UInt64(width / 4) {
        writeWord(UInt32(truncatingIfNeeded: value >> (32 * word)), at: first + 4 * word, on: bus)
      }
      return
    }
    let shift = 8 * (offset - first)
    let mask = UInt32(truncatingIfNeeded: Self.mask(width) << shift)
    let kept = stored(first) & ~mask
    writeWord(kept | UInt32(truncatingIfNeeded: value << shift) & mask, at: first, on: bus)
  }

  /// The offset in the register block; nil for the pending bits and what is beside them.
  private func blockOffset(of place: RegisterPlace) -> UInt64? {
    if place.bar == Self.registerBAR { return place.offset < Self.pageSize ? place.offset : nil }
    return shape.ioBARs[place.bar] == nil || place.offset >= Self.blockSize ? nil : place.offset
  }

  private static func mask(_ width: Int) -> UInt64 {
    width >= 8 ? .max : (1 << UInt64(8 * width)) - 1
  }

  private func pendingBits(at place: RegisterPlace, width: Int) -> UInt64 {
    guard let pending = shape.pending, place.bar == pending.bar, place.offset >= pending.offset,
      state.messages == .msix
    else { return 0 }
    let distance = place.offset - pending.offset
    let index = Int(distance / 8)
    guard state.pending.indices.contains(index) else { return 0 }
    return state.pending[index] >> (8 * (distance % 8)) & Self.mask(width)
  }

  // MARK: Registers

  private func readWord(_ offset: UInt64, on bus: some DeviceBus) -> UInt32 {
    switch Register(rawValue: offset) {
    case .status: return status(on: bus)
    case .dmaStatus:
      advancePaced(on: bus)
      return state.engine.status
    default: return stored(offset)
    }
  }

  /// What a register holds, for reads that change nothing and for writes of a part of it: 0 where
  /// other bits than the written ones would give orders.
  private func stored(_ offset: UInt64) -> UInt32 {
    switch Register(rawValue: offset) {
    case .identifier: Self.identifier
    case .version: 1
    case .features:
      UInt32(truncatingIfNeeded: shape.msixVectors) | UInt32(shape.msiVectors) << 16
        | (shape.hasPin ? 1 << 24 : 0)
    case .scratch0: state.scratch[0]
    case .scratch1: state.scratch[1]
    case .resetCount: resets
    case .transferLimit: Self.transferLimit
    case .interruptStatus: state.interruptStatus
    case .interruptEnable: state.interruptEnable
    case .completionVector: state.completionVector
    case .interruptCount: state.interruptCount
    case .dmaSourceLow: UInt32(truncatingIfNeeded: state.engine.source)
    case .dmaSourceHigh: UInt32(truncatingIfNeeded: state.engine.source >> 32)
    case .dmaDestinationLow: UInt32(truncatingIfNeeded: state.engine.destination)
    case .dmaDestinationHigh: UInt32(truncatingIfNeeded: state.engine.destination >> 32)
    case .dmaLength: state.engine.length
    case .dmaRemaining: state.engine.remaining
    case .dmaChecksum: state.engine.checksum
    case .dmaFaultLow: UInt32(truncatingIfNeeded: state.engine.faultAddress)
    case .dmaFaultHigh: UInt32(truncatingIfNeeded: state.engine.faultAddress >> 32)
    case .dmaCount: state.engine.completed
    case .readCount: state.reads
    case .writeCount: state.writes
    case .status, .interruptRaise, .dmaCommand, .dmaStatus, nil: 0
    }
  }

  private func status(on bus: some DeviceBus) -> UInt32 {
    let kind: UInt32 =
      switch bus.messages {
      case nil: 0
      case .msi: 1
      case .msix: 2
      }
    return (state.engine.isBusy ? 1 : 0) | (state.isLineAsserted ? 2 : 0)
      | (bus.isMaster ? 4 : 0) | kind << 4
  }

  private func writeWord(_ value: UInt32, at offset: UInt64, on bus: some DeviceBus) {
    switch Register(rawValue: offset) {
    case .scratch0: state.scratch[0] = value
    case .scratch1: state.scratch[1] = value
    case .interruptStatus:
      state.interruptStatus &= ~value
      updateLine(on: bus)
    case .interruptEnable:
      state.interruptEnable = value & InterruptCause.all
      updateLine(on: bus)
    case .interruptRaise: raise(InterruptCause.command, vector: value, on: bus)
    case .completionVector: state.completionVector = value
    case .dmaSourceLow: state.engine.setSource(value, high: false)
    case .dmaSourceHigh: state.engine.setSource(value, high: true)
    case .dmaDestinationLow: state.engine.setDestination(value, high: false)
    case .dmaDestinationHigh: state.engine.setDestination(value, high: true)
    case .dmaLength: state.engine.setLength(value)
    case .dmaCommand:
      state.engine.start(value, isMaster: bus.isMaster)
      if !state.engine.isPaced { while state.engine.isBusy { state.engine.step(on: bus) } }
      finishTransfer(on: bus)
    default: break
    }
  }

  // MARK: DMA

  /// A transfer that is paced moves one page with each read of its status.
  private func advancePaced(on bus: some DeviceBus) {
    guard state.engine.isBusy else { return }
    state.engine.step(on: bus)
    finishTransfer(on: bus)
  }

  /// Raises the interrupt of a command that has just ended.
  private func finishTransfer(on bus: some DeviceBus) {
    guard let isGood = state.engine.takeOutcome() else { return }
    raise(
      isGood ? InterruptCause.done : InterruptCause.failed, vector: state.completionVector, on: bus)
  }

  // MARK: Interrupts

  /// Bits of the interrupt status and enable registers.
  enum InterruptCause {
    static let done: UInt32 = 1
    static let failed: UInt32 = 2
    static let command: UInt32 = 4
    static let all: UInt32 = 7
  }

  private func raise(_ cause: UInt32, vector: UInt32, on bus: some DeviceBus) {
    state.interruptStatus |= cause
    takeMessages(bus.messages)
    updateLine(on: bus)
    guard state.messages != nil, vector < UInt32(64 * state.pending.count) else { return }
    send(Int(vector), on: bus)
    showPending(on: bus)
  }

  private func send(_ vector: Int, on bus: some DeviceBus) {
    let bit: UInt64 = 1 << UInt64(vector % 64)
    switch bus.send(vector) {
    case .sent:
      state.interruptCount &+= 1
      state.pending[vector / 64] &= ~bit
    case .masked: state.pending[vector / 64] |= bit
    case .absent: state.pending[vector / 64] &= ~bit
    }
  }

  /// Pending vectors belong to the kind of messages that was on when they were raised.
  private func takeMessages(_ kind: MessageKind?) {
    guard state.messages != kind else { return }
    state.messages = kind
    for index in state.pending.indices { state.pending[index] = 0 }
  }

  package func interruptsChanged(on bus: some DeviceBus) {
    takeMessages(bus.messages)
    updateLine(on: bus)
    guard state.messages != nil else { return }
    for index in state.pending.indices {
      var waiting = state.pending[index]
      while waiting != 0 {
        send(64 * index + waiting.trailingZeroBitCount, on: bus)
        waiting &= waiting - 1
      }
    }
    showPending(on: bus)
  }

  private func showPending(on bus: some DeviceBus) {
    guard state.messages == .msi, let first = state.pending.first else { return }
    bus.showPending(UInt32(truncatingIfNeeded: first))
  }

  /// The pin is asserted while an enabled cause stands and no messages are on.
  private func updateLine(on bus: some DeviceBus) {
    let isAsserted =
      shape.hasPin && bus.messages == nil && state.interruptStatus & state.interruptEnable != 0
    guard isAsserted != state.isLineAsserted else { return }
    state.isLineAsserted = isAsserted
    if isAsserted { state.interruptCount &+= 1 }
    bus.setInterruptLine(isAsserted)
  }
}

extension TestDevice {
  /// Offsets in the register block, 32 bits each.
  enum Register: UInt64 {
    case identifier = 0x00
    case version = 0x04
    case features = 0x08
    case status = 0x0C
    case scratch0 = 0x10
    case scratch1 = 0x14
    case resetCount = 0x18
    case transferLimit = 0x1C
    case interruptStatus = 0x20
    case interruptEnable = 0x24
    case interruptRaise = 0x28
    case completionVector = 0x2C
    case interruptCount = 0x30
    case dmaSourceLow = 0x40
    case dmaSourceHigh = 0x44
    case dmaDestinationLow = 0x48
    case dmaDestinationHigh = 0x4C
    case dmaLength = 0x50
    case dmaCommand = 0x54
    case dmaStatus = 0x58
    case dmaRemaining = 0x5C
    case dmaChecksum = 0x60
    case dmaFaultLow = 0x64
    case dmaFaultHigh = 0x68
    case dmaCount = 0x6C
    case readCount = 0x80
    case writeCount = 0x84
  }
}
