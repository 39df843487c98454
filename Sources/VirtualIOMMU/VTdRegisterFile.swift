/// The registers of the vIOMMU as a guest's driver reads and writes them (VT-d 4.1, 11.4), with the
/// widths, write masks and reset values of QEMU 11.1.
///
/// There is no translation and so nothing is cached: every invalidation is done when it is asked for.
/// Switching translation on does nothing but say so, as an effect. Whoever writes makes the effects come
/// true, and then, until it is nil, runs what is at `nextDescriptor`.
package struct VTdRegisterFile: Sendable {
  /// What a guest finds; another value is a reset.
  package var capabilities: VTdRegisters {
    didSet { reset() }
  }
  /// The first 256 bytes in fours; all else reads as 0.
  private var words: [UInt32] = []
  /// The queue of invalidations as it was when the guest switched it on.
  var queue: VTdQueue?

  package init(_ capabilities: VTdRegisters) {
    self.capabilities = capabilities
    reset()
  }

  /// Back to the state that the machine starts with.
  package mutating func reset() {
    queue = nil
    words = [UInt32](repeating: 0, count: 64)
    self[VTdRegister.version] = capabilities.version
    set(VTdRegister.capability, capabilities.capability.bits)
    set(VTdRegister.extendedCapability, capabilities.extendedCapability.bits)
    self[VTdRegister.faultEvent] = Self.mask
    self[VTdRegister.completionEvent] = Self.mask
  }

  // MARK: - Access

  /// Reads 1, 2, 4 or 8 bytes at an offset from the start of the window. What is not aligned is read in
  /// aligned pieces; pieces of less than 4 bytes are 0.
  package func read(offset: UInt64, size: Int) -> UInt64 {
    var value: UInt64 = 0
    Self.forEachPiece(offset, size) { place, length, shift in
      guard length >= 4 else { return }
      value |= UInt64(self[place]) << shift
      if length == 8 { value |= UInt64(self[place + 4]) << 32 }
    }
    return value
  }

  /// Writes 1, 2, 4 or 8 bytes, in pieces as they are read; pieces of less than 4 bytes are lost. Of 8
  /// bytes to a register of 4 the upper ones are lost.
  package mutating func write(offset: UInt64, size: Int, value: UInt64) -> [VTdEffect] {
    var effects: [VTdEffect] = []
    Self.forEachPiece(offset, size) { place, length, shift in
      guard length >= 4 else { return }
      effects += write(place, UInt32(truncatingIfNeeded: value >> shift))
      if length == 8, VTdRegister.wide.contains(place) {
        effects += write(place + 4, UInt32(truncatingIfNeeded: value >> 32))
      }
    }
    return effects
  }

  /// Calls `body` with the place, length and shift in bits of each naturally aligned piece.
  private static func forEachPiece(
    _ offset: UInt64, _ size: Int, _ body: (_ place: Int, _ length: Int, _ shift: UInt64) -> Void
  ) {
    guard offset < VTdRegisters.size, [1, 2, 4, 8].contains(size) else { return }
    var done = 0
    while done < size {
      let place = Int(offset) + done
      var length = 8
      while length > size - done || place & (length - 1) != 0 { length /= 2 }
      body(place, length, UInt64(8 * done))
      done += length
    }
  }

  /// The 4 bytes at an offset; those that are not there are 0 and stay so.
  subscript(_ offset: Int) -> UInt32 {
    get { words.indices.contains(offset / 4) ? words[offset / 4] : 0 }
    set { if words.indices.contains(offset / 4) { words[offset / 4] = newValue } }
  }

  func wide(_ offset: Int) -> UInt64 { UInt64(self[offset + 4]) << 32 | UInt64(self[offset]) }

  private mutating func set(_ offset: Int, _ value: UInt64) {
    self[offset] = UInt32(truncatingIfNeeded: value)
    self[offset + 4] = UInt32(truncatingIfNeeded: value >> 32)
  }

  // MARK: - Registers

  private mutating func write(_ place: Int, _ value: UInt32) -> [VTdEffect] {
    switch place {
    case VTdRegister.globalCommand: return command(value)
    case VTdRegister.faultStatus:
      self[place] &= ~(value & Self.queueError)
      if self[place] == 0 { self[VTdRegister.faultEvent] &= ~Self.pending }
      return []
    case VTdRegister.completionStatus:
      self[place] &= ~(value & 1)
      if self[place] == 0 { self[VTdRegister.completionEvent] &= ~Self.pending }
      return []
    case VTdRegister.faultEvent, VTdRegister.completionEvent:
      self[place] = self[place] & ~Self.mask | value & Self.mask
      return self[place] == Self.pending ? [send(place)] : []
    default:
      let mask = writableBits(place)
      self[place] = self[place] & ~mask | value & mask
    }
    switch place {
    case VTdRegister.contextCommand + 4:
      // Invalidation of a domain is done for all domains.
      let asked = self[place] >> 29 & 3
      complete(place, asked == 2 ? 1 : asked, at: 27)
    case VTdRegister.invalidateTLB + 4:
      complete(place, self[place] >> 28 & 3, at: 25)
    case VTdRegister.queueTail: return followTail()
    default: break
    }
    return []
  }

  private func writableBits(_ place: Int) -> UInt32 {
    if let bits = VTdRegister.writable[place] { return bits }
    guard capabilities.extendedCapability.hasPageRequests else { return 0 }
    return VTdRegister.writableForPageRequests[place] ?? 0
  }

  /// Says in the upper half of a command register that what bit 31 asks for has been done: the bit goes,
  /// and two others say with which granularity.
  private mutating func complete(_ place: Int, _ granularity: UInt32, at shift: UInt32) {
    guard self[place] >> 31 == 1 else { return }
    self[place] = self[place] & 0x7fff_ffff & ~(3 << shift) | granularity << shift
  }

  /// GCMD: switches are compared with the status, the other bits are commands that are done at once.
  private mutating func command(_ value: UInt32) -> [VTdEffect] {
    var effects: [VTdEffect] = []
    self[VTdRegister.globalStatus] |= value & (Self.rootTableSet | Self.interruptTableSet)
    if value & Self.queueOn != self[VTdRegister.globalStatus] & Self.queueOn {
      effects += switchQueue(value & Self.queueOn != 0)
    }
    let extended = capabilities.extendedCapability
    if value & Self.translationOn != 0, !capabilities.capability.tableWidths.isEmpty {
      effects.append(.translationRequested(.dma))
    }
    if value & Self.remappingOn != 0, extended.remapsInterrupts {
      effects.append(.translationRequested(.interrupts))
    }
    return effects
  }

  private mutating func switchQueue(_ isOn: Bool) -> [VTdEffect] {
    if isOn {
      self[VTdRegister.globalStatus] |= Self.queueOn
      queue = VTdQueue(
        register: wide(VTdRegister.queueAddress),
        isScalable: capabilities.extendedCapability.hasScalableMode)
      return followTail()
    }
    self[VTdRegister.globalStatus] &= ~Self.queueOn
    queue = nil
    self[VTdRegister.queueHead] = 0
    return []
  }

  // MARK: - Events

  /// Raises an event: its message, or a note that it waits for the mask to go.
  mutating func raise(_ event: Int) -> [VTdEffect] {
    if self[event] & Self.mask != 0 {
      self[event] |= Self.pending
      return []
    }
    return [send(event)]
  }

  private mutating func send(_ event: Int) -> VTdEffect {
    self[event] &= ~Self.pending
    return .message(address: wide(event + 8), data: self[event + 4])
  }

  private static let mask: UInt32 = 1 << 31
  private static let pending: UInt32 = 1 << 30
  private static let translationOn: UInt32 = 1 << 31
  private static let rootTableSet: UInt32 = 1 << 30
  private static let queueOn: UInt32 = 1 << 26
  private static let remappingOn: UInt32 = 1 << 25
  private static let interruptTableSet: UInt32 = 1 << 24
  /// FSTS.IQE: the descriptor at the queue's head, or its tail, cannot be.
  static let queueError: UInt32 = 1 << 4
}
