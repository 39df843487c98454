/// What a function does behind its registers, whoever carries accesses to it.
///
/// A model holds registers and nothing of VFIO: the simulated kernel or another server of the same
/// function gives it accesses and a `DeviceBus` for what it does in return. Used under the lock of
/// whoever serves it. No access traps, whatever its place, width or value.
package protocol SimulatedDevice: AnyObject {
  /// The parts of BARs that the model answers itself, in whole pages but for I/O BARs. The rest of a
  /// BAR is plain memory that users may map.
  var registers: [RegisterArea] { get }

  /// Reads 1, 2, 4 or 8 naturally aligned bytes of a register area.
  func read(_ place: RegisterPlace, width: Int, on bus: some DeviceBus) -> UInt64

  /// Writes 1, 2, 4 or 8 naturally aligned bytes of a register area.
  func write(_ value: UInt64, to place: RegisterPlace, width: Int, on bus: some DeviceBus)

  /// Puts everything into the state after a reset, the interrupt line included. What was under way
  /// ends without a trace.
  func reset()

  /// Masks, triggers or enable bits of the interrupts changed: sends what can be sent now.
  func interruptsChanged(on bus: some DeviceBus)
}

/// A part of a BAR that a model answers itself.
package struct RegisterArea: Sendable, Equatable {
  package var bar: Int
  /// Bytes of the BAR.
  package var bytes: Range<UInt64>

  package init(bar: Int, bytes: Range<UInt64>) {
    self.bar = bar
    self.bytes = bytes
  }
}

/// One register, by the BAR and the byte in it.
package struct RegisterPlace: Sendable, Equatable {
  package var bar: Int
  package var offset: UInt64

  package init(bar: Int, offset: UInt64) {
    self.bar = bar
    self.offset = offset
  }
}

/// What a model reaches from inside its function: memory through the IOMMU, its interrupts, and the
/// plain memory of its own BARs.
package protocol DeviceBus {
  /// Whether the function may master the bus: command register bit 2 set, power state D0.
  var isMaster: Bool { get }

  /// The kind of message interrupts that is enabled, nil for none.
  var messages: MessageKind? { get }

  /// Reads memory at a DMA address. Throws what the IOMMU or the bus objects to.
  func readMemory(at address: UInt64, count: Int) throws(DMAFault) -> [UInt8]

  /// Writes memory at a DMA address. Throws what the IOMMU or the bus objects to; pieces before the
  /// fault are written.
  func writeMemory(_ bytes: [UInt8], at address: UInt64) throws(DMAFault)

  /// Reads plain memory of a BAR; nil when not all of it is there.
  func readBAR(_ bar: Int, at offset: UInt64, count: Int) -> [UInt8]?

  /// Writes plain memory of a BAR; says whether all of it is there.
  func writeBAR(_ bar: Int, at offset: UInt64, _ bytes: [UInt8]) -> Bool

  /// Drives the interrupt pin.
  func setInterruptLine(_ isAsserted: Bool)

  /// Sends a message interrupt, and says what became of it.
  func send(_ vector: Int) -> MessageOutcome

  /// Shows pending vectors in the MSI capability, if it has the register.
  func showPending(_ vectors: UInt32)
}

/// The kinds of message interrupts.
package enum MessageKind: Sendable, Equatable {
  case msi
  case msix
}

/// What became of a message interrupt.
package enum MessageOutcome: Sendable, Equatable {
  case sent
  /// Masked, or the function may not master the bus: it stays pending.
  case masked
  /// No such vector, or it is not enabled: nothing happens, now or later.
  case absent
}

/// Why a DMA access of a function did not arrive.
package struct DMAFault: Error, Sendable, Equatable {
  /// The first I/O virtual address that could not be reached.
  package var address: UInt64
  package var isWrite: Bool
  package var reason: Reason

  package init(address: UInt64, isWrite: Bool, reason: Reason) {
    self.address = address
    self.isWrite = isWrite
    self.reason = reason
  }

  package enum Reason: Sendable, Equatable {
    /// The function may not master the bus.
    case notMaster
    /// Nothing translates for the function's group.
    case blocked
    /// Nothing is mapped there, or not for this direction.
    case notAllowed
    /// The memory that was mapped has gone from the process.
    case memoryGone
  }
}
