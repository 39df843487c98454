/// MSI of a function.
struct MessageInterrupts {
  let function: PCIFunction
  let offset: UInt32

  init?(_ function: PCIFunction) {
    guard let offset = function.capability(5) else { return nil }
    self.function = function
    self.offset = offset
  }

  private var control: UInt32 { function.read16(offset + 2) }
  /// How many vectors the function has.
  var capacity: UInt32 { 1 << (control >> 1 & 7) }
  var hasMasks: Bool { control & 0x100 != 0 }
  private var data: UInt32 { offset + (control & 0x80 != 0 ? 12 : 8) }

  /// Turns messages on with so many vectors, a power of two, the first of which is a multiple of it.
  func enable(vectors: UInt32, from vector: UInt32) {
    function.write32(offset + 4, Interrupts.messageAddress)
    if control & 0x80 != 0 { function.write32(offset + 8, 0) }
    function.write16(data, vector)
    let count = UInt32(vectors.trailingZeroBitCount)
    function.write16(offset + 2, control & ~0x71 | count << 4 | 1)
  }

  func disable() { function.write16(offset + 2, control & ~0x71) }

  /// One bit for each vector.
  var masks: UInt32 {
    get { function.read32(data + 4) }
    nonmutating set { function.write32(data + 4, newValue) }
  }

  var pending: UInt32 { function.read32(data + 8) }
}

/// MSI-X of a function.
struct MessageTable {
  let function: PCIFunction
  let offset: UInt32
  private let table: UInt32
  private let pendingBits: UInt32

  /// nil without the capability or without addresses of its BARs.
  init?(_ function: PCIFunction) {
    guard let offset = function.capability(0x11),
      let table = Self.address(function, function.read32(offset + 4)),
      let pendingBits = Self.address(function, function.read32(offset + 8))
    else { return nil }
    self.function = function
    self.offset = offset
    self.table = table
    self.pendingBits = pendingBits
  }

  private static func address(_ function: PCIFunction, _ register: UInt32) -> UInt32? {
    guard let base = BaseAddress(function, register & 7) else { return nil }
    return base.address + register & ~7
  }

  private var control: UInt32 { function.read16(offset + 2) }
  var capacity: UInt32 { control & 0x7FF + 1 }

  func enable() { function.write16(offset + 2, control & ~0x4000 | 0x8000) }
  func disable() { function.write16(offset + 2, control & ~0xC000) }

  var isMasked: Bool {
    get { control & 0x4000 != 0 }
    nonmutating set { function.write16(offset + 2, control & ~0x4000 | (newValue ? 0x4000 : 0)) }
  }

  /// Points an entry at a vector of this processor.
  func set(_ entry: UInt32, vector: UInt32, isMasked: Bool) {
    let place = table + 16 * entry
    store32(place + 12, 1)
    store32(place, Interrupts.messageAddress)
    store32(place + 4, 0)
    store32(place + 8, vector)
    mask(entry, isMasked)
  }

  func mask(_ entry: UInt32, _ isMasked: Bool) {
    store32(table + 16 * entry + 12, isMasked ? 1 : 0)
  }

  /// The four words of an entry, by number.
  func word(_ entry: UInt32, _ word: UInt32) -> UInt32 { load32(table + 16 * entry + 4 * word) }

  func isPending(_ entry: UInt32) -> Bool {
    load32(pendingBits + entry / 32 * 4) >> (entry % 32) & 1 != 0
  }
}
