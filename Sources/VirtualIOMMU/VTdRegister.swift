/// A register of an Intel VT-d unit that a driver finds at a fixed place (VT-d 4.1, 11.4), or half of
/// one of 64 bits, by its offset in bytes.
enum VTdRegister {
  static let version = 0x00
  static let capability = 0x08
  static let extendedCapability = 0x10
  /// GCMD: write-only; what it changed is in the global status.
  static let globalCommand = 0x18
  static let globalStatus = 0x1c
  static let rootTable = 0x20
  /// CCMD; its upper half starts the invalidation.
  static let contextCommand = 0x28
  static let faultStatus = 0x34
  static let faultEvent = 0x38
  static let queueHead = 0x80
  static let queueTail = 0x88
  static let queueAddress = 0x90
  /// ICS: a wait descriptor asked for an interrupt.
  static let completionStatus = 0x9c
  static let completionEvent = 0xa0
  static let interruptTable = 0xb8
  static let pageRequestHead = 0xc0
  static let pageRequestTail = 0xc8
  static let pageRequestAddress = 0xd0
  static let pageRequestEvent = 0xe0
  /// IVA, at the place that ECAP.IRO names; write-only.
  static let invalidateAddress = 0xf0
  /// IOTLB; its upper half starts the invalidation.
  static let invalidateTLB = 0xf8

  /// Registers of 64 bits, which one access of 8 bytes reaches whole.
  static let wide: Set<Int> = [
    capability, extendedCapability, rootTable, contextCommand, queueHead, queueTail, queueAddress,
    interruptTable, pageRequestHead, pageRequestTail, pageRequestAddress, invalidateAddress,
    invalidateTLB,
  ]

  /// The bits that software can set and clear, by offset of the 4 bytes; those of QEMU 11.1.
  static let writable: [Int: UInt32] = [
    rootTable: 0xffff_fc00, rootTable + 4: .max,
    contextCommand: 0xffff, contextCommand + 4: 0xe000_0000,
    faultEvent: 0x8000_0000, faultEvent + 4: 0xffff, faultEvent + 8: 0xffff_fffc,
    queueTail: 0x7_fff0,
    queueAddress: 0xffff_f807, queueAddress + 4: .max,
    completionEvent: 0x8000_0000, completionEvent + 4: .max, completionEvent + 8: 0xffff_fffc,
    interruptTable: 0xffff_f80f, interruptTable + 4: .max,
    invalidateTLB + 4: 0xb003_ffff,
  ]

  /// The same of a unit that takes page requests.
  static let writableForPageRequests: [Int: UInt32] = [
    pageRequestHead: 0x7_ffe0, pageRequestTail: 0x7_ffe0,
    pageRequestAddress: 0xffff_f007, pageRequestAddress + 4: .max,
    pageRequestEvent: 0x8000_0000, pageRequestEvent + 4: 0xffff, pageRequestEvent + 8: 0xffff_fffc,
    pageRequestEvent + 12: .max,
  ]
}

/// What a guest can switch on in a unit.
package enum VTdTranslation: Sendable, CaseIterable {
  /// DMA goes through the guest's tables (GCMD.TE).
  case dma
  /// Interrupts go through the guest's table (GCMD.IRE).
  case interrupts
}

/// What a register access asks of the machine around the unit.
package enum VTdEffect: Equatable, Sendable {
  /// The guest switches translation on, which the unit has not done.
  case translationRequested(VTdTranslation)
  /// Four bytes go to guest memory.
  case store(address: UInt64, value: UInt32)
  /// A message-signalled interrupt.
  case message(address: UInt64, data: UInt32)
}
