/// A ring of invalidation descriptors in guest memory (VT-d 4.1, 6.5.2).
struct VTdQueue: Equatable, Sendable {
  let address: UInt64
  /// In bytes: 4 KiB to 512 KiB.
  let size: UInt32
  /// Descriptors of 32 bytes instead of 16.
  let isWide: Bool
  /// The offset that the unit is on its way to; nil while it stands.
  var goal: UInt32?

  /// Bytes of a descriptor.
  var step: UInt32 { isWide ? 32 : 16 }

  /// The queue that the address register describes; only a unit with scalable mode has wide descriptors.
  init(register: UInt64, isScalable: Bool) {
    address = register & ~0xfff
    size = 4096 << UInt32(register & 7)
    isWide = isScalable && register & 1 << 11 != 0
  }

  /// Whether a descriptor can begin at an offset.
  func reaches(_ offset: UInt32) -> Bool { offset < size && offset % step == 0 }
}

/// What an invalidation descriptor asks for, from its first 16 bytes.
enum VTdDescriptor {
  /// Something that is not cached is to go.
  case invalidate
  /// To be told when all before it is done.
  case wait(store: (address: UInt64, value: UInt32)?, interrupts: Bool)

  /// By type, one bit for each value of bits 5 and 4 that is taken: mostly a granularity.
  private static let narrow: [UInt64: Int] = [1: 0b1110, 2: 0b1110, 3: 0b0001, 4: 0b0011]
  /// Types that need descriptors of 32 bytes: for PASIDs, and the answer to a page request.
  private static let wide: [UInt64: Int] = [6: 0b1100, 7: 0b1011, 8: 0b1111, 9: 0b0010]

  /// Reads a descriptor; nil is one that the unit does not know.
  init?(_ low: UInt64, _ high: UInt64, isWide: Bool, hasPageRequests: Bool) {
    let type = low & 0xf | (low >> 9 & 7) << 4
    guard type == 5 else {
      let choices = Self.narrow[type] ?? (isWide ? Self.wide[type] : nil) ?? 0
      guard choices >> Int(low >> 4 & 3) & 1 == 1 else { return nil }
      self = .invalidate
      return
    }
    // Interrupt, store, fence, and draining of page requests.
    let flags: UInt64 = hasPageRequests ? 0xf0 : 0x70
    let stores = low & 0x20 != 0
    guard low & 0xffff_fff0 & ~flags == 0, low & 0x70 != 0, !stores || high & 3 == 0 else {
      return nil
    }
    self = .wait(
      store: stores ? (high, UInt32(truncatingIfNeeded: low >> 32)) : nil,
      interrupts: low & 0x10 != 0)
  }
}
