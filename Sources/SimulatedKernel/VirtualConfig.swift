internal import PCI

/// The config space that a user of a device sees: which bits are the kernel's copy, which are the
/// hardware's, and which take writes (5.3 and 5.4 of the contract).
///
/// Built from hardware at the first open, dropped at the last close, untouched by resets.
struct VirtualConfig {
  /// The kernel's copy.
  private(set) var values: [UInt8]
  /// Bits that read from the copy instead of from hardware.
  private var virtual: [UInt8]
  /// Bits that take a write.
  private var writable: [UInt8]
  /// For each byte the offset of the structure it belongs to; 0 for the header, nil for none.
  private var owner: [Int?]
  private let bars: [HostBAR]
  private let romSize: UInt64

  /// Offsets of the capabilities whose writes have an effect of their own.
  private(set) var powerManagement: Int?
  private(set) var messageInterrupts: Int?
  private(set) var express: Int?
  private(set) var vitalProductData: Int?
  private(set) var advancedFeatures: Int?

  init(of config: HostConfigSpace, function: HostFunction) {
    values = config.bytes
    virtual = Array(repeating: 0, count: config.size)
    writable = Array(repeating: 0xFF, count: config.size)
    owner = Array(repeating: nil, count: config.size)
    bars = function.bars
    romSize = function.rom?.size ?? 0
    describeHeader(interruptPin: function.irq == nil ? 0 : config.byte(at: 0x3D))
    if function.isVirtual { describeVirtual(function) }
    linkStandard(config)
    linkExtended(config)
  }

  /// Shows no interrupt pin.
  mutating func hideINTx() { values[PCIRegister.interruptPin] = 0 }

  var size: Int { values.count }

  func byte(at offset: Int) -> UInt8 { values.indices.contains(offset) ? values[offset] : 0xFF }

  func word(at offset: Int) -> UInt16 {
    UInt16(byte(at: offset)) | UInt16(byte(at: offset + 1)) << 8
  }

  /// The command register as far as it is virtual.
  var command: UInt16 { word(at: PCIRegister.command) }

  var disablesInterrupt: Bool { command & PCIRegister.commandInterruptDisable != 0 }
  var decodesMemory: Bool { command & PCIRegister.commandMemory != 0 }
  var interruptPin: UInt8 { byte(at: PCIRegister.interruptPin) }

  mutating func set(_ byte: UInt8, at offset: Int) {
    if values.indices.contains(offset) { values[offset] = byte }
  }

  /// What a read inside the space gives when hardware has `hardware`, which is as long.
  func read(_ range: Range<Int>, hardware: [UInt8]) -> [UInt8] {
    var bytes = Array(hardware[range])
    var offset = range.lowerBound
    var index = 0
    while index < bytes.count {
      let mask = virtual[offset]
      if mask != 0 { bytes[index] = bytes[index] & ~mask | values[offset] & mask }
      offset += 1
      index += 1
    }
    return bytes
  }

  /// Takes a written byte into the copy; gives the bits that go to hardware, or nil for none.
  mutating func write(_ byte: UInt8, at offset: Int) -> (value: UInt8, mask: UInt8)? {
    let toCopy = writable[offset] & virtual[offset]
    values[offset] = values[offset] & ~toCopy | byte & toCopy
    let toHardware = writable[offset] & ~virtual[offset]
    return toHardware == 0 ? nil : (byte & toHardware, toHardware)
  }

  /// The longest aligned access of at most 4 bytes at `offset` that stays in one structure.
  func pieceWidth(at offset: Int, remaining: Int) -> Int {
    var width = 4
    while width > 1 {
      let fits = offset.isMultiple(of: width) && width <= remaining
      if fits, (offset..<offset + width).allSatisfy({ owner[$0] == owner[offset] }) { break }
      width /= 2
    }
    return width
  }

  // MARK: Header

  private mutating func describeHeader(interruptPin: UInt8) {
    own(0..<0x40, by: 0)
    describe(0..<0x40, virtual: 0, writable: 0)
    describe(PCIRegister.vendor..<4, virtual: 0xFF, writable: 0)
    describe(PCIRegister.command..<6, virtual: 0, writable: 0xFF)
    describe(5..<6, virtual: 0x04, writable: 0xFF)
    describe(PCIRegister.status..<7, virtual: 0x10, writable: 0)
    for offset in [PCIRegister.cacheLine, PCIRegister.latency, PCIRegister.bist] {
      describe(offset..<offset + 1, virtual: 0, writable: 0xFF)
    }
    describe(PCIRegister.bar0..<0x28, virtual: 0xFF, writable: 0xFF)
    describe(PCIRegister.rom..<0x34, virtual: 0xFF, writable: 0xFF)
    describe(PCIRegister.capabilityPointer..<0x35, virtual: 0xFF, writable: 0)
    describe(PCIRegister.interruptLine..<0x3D, virtual: 0xFF, writable: 0xFF)
    describe(PCIRegister.interruptPin..<0x3E, virtual: 0xFF, writable: 0)
    values[PCIRegister.interruptPin] = interruptPin
  }

  /// A virtual function lacks its identity, memory decoding and BARs in hardware.
  private mutating func describeVirtual(_ function: HostFunction) {
    for index in 0..<4 {
      values[PCIRegister.vendor + index] = UInt8(
        truncatingIfNeeded: function.identity >> (8 * UInt32(index)))
    }
    let memory = UInt8(PCIRegister.commandMemory)
    describe(PCIRegister.command..<5, virtual: memory, writable: 0xFF)
    values[PCIRegister.command] |= memory
    fixBARs()
  }

  /// Brings the BARs in the copy back to what their sizes allow.
  mutating func fixBARs() {
    var masks = [UInt64](repeating: 0, count: 6)
    var types = [UInt64](repeating: 0, count: 6)
    for bar in bars {
      masks[bar.index] = ~(bar.size - 1) & 0xFFFF_FFFF
      types[bar.index] = bar.typeBits
      if bar.kind == .memory64 { masks[bar.index + 1] = ~(bar.size - 1) >> 32 }
    }
    for index in 0..<6 {
      fix(PCIRegister.bar(index), mask: masks[index], fixed: types[index])
    }
    fix(PCIRegister.rom, mask: romSize == 0 ? 0 : ~(romSize - 1) & 0xFFFF_FFFF | 1, fixed: 0)
  }

  private mutating func fix(_ offset: Int, mask: UInt64, fixed: UInt64) {
    for index in 0..<4 {
      let shift = 8 * UInt64(index)
      let kept = values[offset + index] & UInt8(truncatingIfNeeded: mask >> shift)
      values[offset + index] = kept | UInt8(truncatingIfNeeded: fixed >> shift)
    }
  }

  private mutating func describe(_ range: Range<Int>, virtual mask: UInt8, writable bits: UInt8) {
    for offset in range where virtual.indices.contains(offset) {
      virtual[offset] = mask
      writable[offset] = bits
    }
  }

  private mutating func describe(
    _ offset: Int, width: Int, virtual mask: UInt32, writable bits: UInt32
  ) {
    for index in 0..<width {
      let shift = 8 * UInt32(index)
      describe(
        offset + index..<offset + index + 1, virtual: UInt8(truncatingIfNeeded: mask >> shift),
        writable: UInt8(truncatingIfNeeded: bits >> shift))
    }
  }

  private mutating func own(_ range: Range<Int>, by start: Int) {
    for offset in range where owner.indices.contains(offset) { owner[offset] = start }
  }

  private mutating func clear(_ mask: UInt32, at offset: Int) {
    for index in 0..<4 where values.indices.contains(offset + index) {
      values[offset + index] &= ~UInt8(truncatingIfNeeded: mask >> (8 * UInt32(index)))
    }
  }
}

// MARK: - Standard capabilities

extension VirtualConfig {
  private static let visible: Set<CapabilityID> = [
    .powerManagement, .agp, .vpd, .msi, .pcix, .hyperTransport, .vendorSpecific, .pcie, .msix,
    .serialATA, .advancedFeatures,
  ]

  private mutating func linkStandard(_ config: HostConfigSpace) {
    var link = PCIRegister.capabilityPointer
    values[link] = 0
    for (identifier, offset) in config.capabilities where Self.visible.contains(identifier) {
      values[link] = UInt8(truncatingIfNeeded: offset)
      link = offset + 1
      values[link] = 0
      let length = Self.length(of: identifier, at: offset, in: config)
      own(offset..<min(offset + length, 0x100), by: offset)
      describe(offset..<min(offset + length, 0x100), virtual: 0, writable: 0)
      describe(offset..<offset + 2, virtual: 0xFF, writable: 0)
      describe(identifier, at: offset, length: length)
    }
    if values[PCIRegister.capabilityPointer] == 0 { values[PCIRegister.status] &= ~0x10 }
  }

  private static func length(
    of identifier: CapabilityID, at offset: Int, in config: HostConfigSpace
  ) -> Int {
    switch identifier {
    case .powerManagement, .vpd: 8
    case .msi: messageLength(config.word(at: offset + 2))
    case .msix: 12
    case .pcie: config.byte(at: offset + 2) & 0xF < 2 ? 0x14 : 0x3C
    case .advancedFeatures: 6
    case .vendorSpecific: max(3, Int(config.byte(at: offset + 2)))
    case .pcix: 24
    case .agp: 12
    case .serialATA: 8
    default: 4
    }
  }

  private static func messageLength(_ control: UInt16) -> Int {
    10 + (control & 0x80 != 0 ? 4 : 0) + (control & 0x100 != 0 ? 10 : 0)
  }

  private mutating func describe(_ identifier: CapabilityID, at offset: Int, length: Int) {
    switch identifier {
    case .powerManagement: describePowerManagement(at: offset)
    case .msi: describeMessages(at: offset)
    case .pcie:
      express = offset
      // FLR, payload and read request size are virtual; phantom functions cannot be enabled.
      describe(offset + 8, width: 2, virtual: 0xF0E0, writable: 0xFDFF)
      describe(offset + 0x28, width: 2, virtual: 0x0020, writable: 0xFFDF)
    case .vpd:
      vitalProductData = offset
      describe(offset + 2..<offset + 8, virtual: 0xFF, writable: 0xFF)
    case .advancedFeatures:
      advancedFeatures = offset
      describe(offset + 4..<offset + 5, virtual: 0x01, writable: 0x01)
    case .vendorSpecific:
      describe(offset + 2..<offset + length, virtual: 0, writable: 0xFF)
    case .pcix:
      describe(offset + 2, width: 2, virtual: 0, writable: 0xFFFF)
      describe(offset + 8, width: 4, virtual: 0, writable: 0xFFFF_FFFF)
    default: break
    }
  }

  private mutating func describePowerManagement(at offset: Int) {
    powerManagement = offset
    describe(offset + 2, width: 2, virtual: 0xF800, writable: 0)
    describe(offset + 4, width: 4, virtual: 0x8100, writable: ~0x8103)
    clear(0xF800_0000, at: offset)
    clear(0x8100, at: offset + 4)
  }

  private mutating func describeMessages(at offset: Int) {
    messageInterrupts = offset
    let control = word(at: offset + 2)
    let is64Bit = control & 0x80 != 0
    describe(offset + 2, width: 2, virtual: 0x00FF, writable: 0x00FF)
    describe(offset + 4..<offset + 8, virtual: 0xFF, writable: 0xFF)
    if is64Bit { describe(offset + 8..<offset + 12, virtual: 0xFF, writable: 0xFF) }
    let data = offset + (is64Bit ? 12 : 8)
    describe(data..<data + 2, virtual: 0xFF, writable: 0xFF)
    guard control & 0x100 != 0 else { return }
    describe(data + 4..<data + 12, virtual: 0, writable: 0xFF)
  }
}

// MARK: - Extended capabilities

extension VirtualConfig {
  private static let visibleExtended: Set<ExtendedCapabilityID> = [
    .aer, .virtualChannel, .virtualChannelWithMFVC, .deviceSerialNumber, .powerBudgeting,
    .multiFunctionVirtualChannel, .vendorSpecific, .acs, .ari, .ats, .sriov, .multicast, .pri,
    .resizableBAR, .dpa, .tph, .ltr, .dvsec,
  ]

  /// Links stay the hardware's, a loop included, but for those that lead to a hidden capability.
  private mutating func linkExtended(_ config: HostConfigSpace) {
    let chain = config.extendedCapabilities
    guard !chain.isEmpty else { return }
    // A looping chain has each header many times.
    let offsets = Set(chain.map(\.offset)).sorted()
    var isAnyVisible = false
    var link: Int?
    for (identifier, offset) in chain {
      let next = config.long(at: offset) >> 20
      if Self.visibleExtended.contains(identifier) {
        let end = offsets.first { $0 > offset } ?? config.size
        let length = Self.extendedLength(
          of: identifier, at: offset, room: end - offset, in: config)
        own(offset..<offset + length, by: offset)
        describe(offset..<offset + length, virtual: 0, writable: 0)
        describe(offset..<offset + 4, virtual: 0xFF, writable: 0)
        describeExtended(identifier, at: offset, length: length)
        setNext(of: offset, to: next)
        isAnyVisible = true
        link = offset
      } else if let link {
        setNext(of: link, to: next & 0xFFC)
      } else {
        hideHead()
        link = offset
      }
    }
    if !isAnyVisible { for offset in 0x100..<0x104 { values[offset] = 0 } }
  }

  /// A hidden first capability leaves an empty header at 0x100 that links to the visible ones.
  private mutating func hideHead() {
    values[0x100] = 0
    values[0x101] = 0
    values[0x102] &= 0xF0
    own(0x100..<0x104, by: 0x100)
    describe(0x100..<0x104, virtual: 0xFF, writable: 0)
  }

  private mutating func setNext(of offset: Int, to next: UInt32) {
    values[offset + 2] = values[offset + 2] & 0x0F | UInt8(truncatingIfNeeded: next << 4)
    values[offset + 3] = UInt8(truncatingIfNeeded: next >> 4)
  }

  private static func extendedLength(
    of identifier: ExtendedCapabilityID, at offset: Int, room: Int, in config: HostConfigSpace
  ) -> Int {
    let length =
      switch identifier {
      case .aer: 44
      case .deviceSerialNumber: 12
      case .ari, .ats, .ltr: 8
      case .sriov: 64
      case .pri, .powerBudgeting: 16
      case .vendorSpecific, .dvsec:
        max(8, Int(config.long(at: offset + 4) >> 20))
      default: room
      }
    return max(4, min(length, config.size - offset))
  }

  private mutating func describeExtended(
    _ identifier: ExtendedCapabilityID, at offset: Int, length: Int
  ) {
    switch identifier {
    case .aer:
      for register in [4, 8, 12] {
        describe(offset + register, width: 4, virtual: 0, writable: 0x03FF_F031)
      }
      for register in [16, 20] {
        describe(offset + register, width: 4, virtual: 0, writable: 0x0000_F1C1)
      }
      describe(offset + 24, width: 4, virtual: 0, writable: 0x0000_0140)
    case .powerBudgeting:
      describe(offset + 8, width: 4, virtual: 0, writable: 0xFFFF_FFFF)
    case .vendorSpecific, .dvsec:
      describe(offset + 4..<offset + length, virtual: 0, writable: 0xFF)
    default: break
    }
  }
}

extension HostFunction {
  /// Whether the ROM starts with the signature that the kernel looks for.
  var hasValidROM: Bool { rom?.image.starts(with: [0x55, 0xAA]) ?? false }
}
