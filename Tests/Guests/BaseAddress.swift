/// A base address register of a function, sized.
struct BaseAddress: Equatable {
  var function: PCIFunction
  /// 0 to 5.
  var index: UInt32
  /// Bytes; 0 for one of 4 GiB or more.
  var size: UInt32
  var isIO: Bool
  var is64Bit: Bool

  private var register: UInt32 { 0x10 + 4 * index }

  /// Sizes a register with decoding off and puts it back; nil when it takes no address.
  init?(_ function: PCIFunction, _ index: UInt32) {
    self.function = function
    self.index = index
    let register = 0x10 + 4 * index
    let command = function.read16(4)
    function.write16(4, command & ~3)
    let before = function.read32(register)
    function.write32(register, 0xFFFF_FFFF)
    let answer = function.read32(register)
    function.write32(register, before)
    function.write16(4, command)
    isIO = answer & 1 != 0
    is64Bit = !isIO && answer & 6 == 4
    let mask = answer & (isIO ? 0xFFFF_FFFC : 0xFFFF_FFF0)
    guard mask != 0 else { return nil }
    size = 1 << UInt32(mask.trailingZeroBitCount)
  }

  /// All registers of a function that take addresses.
  static func all(of function: PCIFunction) -> [BaseAddress] {
    var found: [BaseAddress] = []
    var index: UInt32 = 0
    let end: UInt32 = function.isBridge ? 2 : 6
    while index < end {
      let base = BaseAddress(function, index)
      if let base { found.append(base) }
      index += base?.is64Bit ?? false ? 2 : 1
    }
    return found
  }

  /// The address below 4 GiB.
  var address: UInt32 {
    get { function.read32(register) & (isIO ? 0xFFFF_FFFC : 0xFFFF_FFF0) }
    nonmutating set {
      function.write32(register, newValue)
      if is64Bit { function.write32(register + 4, 0) }
    }
  }

  /// Bits 32 to 63 of the address.
  var upperHalf: UInt32 {
    get { is64Bit ? function.read32(register + 4) : 0 }
    nonmutating set { if is64Bit { function.write32(register + 4, newValue) } }
  }

  /// Whether the register has no address below 4 GiB.
  var isUnset: Bool {
    address == 0 || upperHalf != 0
  }

  /// Whether an address and the size fit together.
  var isAligned: Bool { size != 0 && address & (size - 1) == 0 }
}
