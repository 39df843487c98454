internal import PCI
internal import Tracing

/// A function as its part of the file gives it, before what depends on other functions is known:
/// the multifunction bit, and the addresses that the firmware gives to BARs.
struct HostFunctionDraft {
  let place: YAMLValue
  let address: PCIAddress
  let group: UInt32
  let iommu: String
  let driver: String?
  private var builder: ConfigSpaceBuilder
  private var irq: UInt32?
  private var resetMethods: [HostResetMethod]?
  private var vitalProductData: [UInt8] = []
  private var hasDynamicMSIX = true
  private var rawConfig: [UInt8]?
  private(set) var physicalFunction: PCIAddress?
  private var behaviour: HostBehaviour?

  private static let keys = [
    "address", "vendor", "device", "subsystem-vendor", "subsystem", "class", "revision",
    "command", "command-writable", "interrupt-pin", "interrupt-line", "irq", "iommu-group",
    "iommu", "driver", "reset-methods", "bars", "rom", "capabilities", "extended-capabilities",
    "config", "virtual-function-of", "behaviour",
  ]
  /// Keys that say what a virtual function does not have.
  private static let keysOfOthers = ["interrupt-pin", "interrupt-line", "irq", "rom", "config"]
  /// Keys that a raw config space replaces.
  private static let headerKeys = [
    "vendor", "device", "subsystem-vendor", "subsystem", "class", "revision", "command",
    "interrupt-pin", "interrupt-line", "capabilities", "extended-capabilities",
  ]

  init(reading value: YAMLValue, iommus: [HostIOMMU]) throws(HostDescriptionError) {
    let fields = try value.fields(Self.keys)
    place = value
    address = try fields.required("address").address()
    group = try fields.required("iommu-group").integer(in: 0...0x7FFF_FFFF)
    let unit = try fields.required("iommu")
    iommu = try unit.text()
    let units = iommus.map(\.name)
    guard units.contains(iommu) else {
      throw unit.mistake(
        .undeclared(iommu, what: "IOMMU", nearest: NearestName.find(iommu, in: units)))
    }
    driver = try Self.driver(fields)
    builder = ConfigSpaceBuilder(vendor: 0xFFFF, device: 0xFFFF)
    builder.commandWritable = try fields.integer("command-writable", or: 0x0547)
    if let list = fields["bars"] { builder.bars = try HostBAR.list(list) }
    if let rom = fields["rom"] { builder.rom = try HostROM(reading: rom) }
    if let physical = fields["virtual-function-of"] {
      try readVirtual(physical, fields)
    }
    if let config = fields["config"] {
      try readRaw(config, fields)
    } else {
      try readHeader(fields)
      try readCapabilities(fields)
    }
    behaviour = try fields["behaviour"]?.choice(
      HostBehaviour.allCases.map { ($0.rawValue, $0) })
    try checkDriver(fields)
    try readInterrupt(fields)
    try readResetMethods(fields)
  }

  private func checkDriver(_ fields: YAMLFields) throws(HostDescriptionError) {
    guard driver == "vfio-pci", let rawConfig, rawConfig[PCIRegister.headerType] & 0x7F != 0 else {
      return
    }
    throw (fields["driver"] ?? place).mistake(
      .contradiction("vfio-pci binds only to functions with a type 0 header"))
  }

  private static func driver(_ fields: YAMLFields) throws(HostDescriptionError) -> String? {
    guard let value = fields["driver"] else { return "vfio-pci" }
    let name = try value.text()
    return name == "none" || name.isEmpty ? nil : name
  }

  private mutating func readHeader(_ fields: YAMLFields) throws(HostDescriptionError) {
    builder.vendor = try fields.required("vendor").integer(in: 0...0xFFFE)
    builder.device = try fields.required("device").integer()
    builder.subsystemVendor = try fields.integer("subsystem-vendor", or: 0)
    builder.subsystem = try fields.integer("subsystem", or: 0)
    builder.classCode = try fields.required("class").integer(in: 0...0xFF_FFFF)
    builder.revision = try fields.integer("revision", or: 0)
    builder.command = try fields.integer("command", or: 0)
    builder.interruptLine = try fields.integer("interrupt-line", or: 0)
    if let pin = fields["interrupt-pin"] {
      builder.interruptPin = try pin.choice([("none", 0), ("A", 1), ("B", 2), ("C", 3), ("D", 4)])
    }
  }

  private mutating func readVirtual(
    _ value: YAMLValue, _ fields: YAMLFields
  ) throws(HostDescriptionError) {
    for key in Self.keysOfOthers {
      if let other = fields[key] {
        throw other.mistake(.contradiction("a virtual function has none"))
      }
    }
    if let bars = fields["bars"], builder.bars.contains(where: { $0.kind == .io }) {
      throw bars.mistake(.contradiction("a virtual function has no I/O BAR"))
    }
    physicalFunction = try value.address()
    builder.isVirtual = true
  }

  /// Whether the function can have virtual functions.
  var isPhysical: Bool {
    builder.extendedCapabilities.contains { $0.identifier == .extended(.sriov) }
  }

  private mutating func readCapabilities(_ fields: YAMLFields) throws(HostDescriptionError) {
    var reader = CapabilityReader(bars: builder.bars)
    if let list = fields["capabilities"] { try reader.readStandard(list) }
    if let list = fields["extended-capabilities"] { try reader.readExtended(list) }
    builder.capabilities = reader.standard
    builder.extendedCapabilities = reader.extended
    vitalProductData = reader.vitalProductData
    hasDynamicMSIX = reader.hasDynamicMSIX
  }

  private mutating func readRaw(
    _ value: YAMLValue, _ fields: YAMLFields
  ) throws(HostDescriptionError) {
    for key in Self.headerKeys {
      if let other = fields[key] {
        throw other.mistake(
          .contradiction("the raw 'config' of line \(value.line) already says this"))
      }
    }
    let bytes = try value.hexadecimalBytes()
    guard bytes.count == 256 || bytes.count == 4096 else {
      throw value.mistake(.wrongLength(bytes.count, expected: "256 or 4096"))
    }
    rawConfig = bytes
    builder.interruptPin = bytes[PCIRegister.interruptPin]
  }

  private mutating func readInterrupt(_ fields: YAMLFields) throws(HostDescriptionError) {
    guard let value = fields["irq"] else {
      irq = builder.interruptPin == 0 ? nil : 16 + UInt32(address.devfn)
      return
    }
    if value.isScalar, try value.text() == "none" {
      irq = nil
    } else {
      irq = try value.integer(in: 0...0xFFFF)
    }
  }

  private mutating func readResetMethods(_ fields: YAMLFields) throws(HostDescriptionError) {
    guard let list = fields["reset-methods"] else { return }
    let config = config(isMultifunction: false)
    var methods: [HostResetMethod] = []
    for value in try list.items(limit: HostResetMethod.allCases.count) {
      let method = try value.choice(HostResetMethod.allCases.map { ($0.rawValue, $0) })
      if methods.contains(method) {
        throw value.mistake(.repeated("method '\(method.rawValue)'", firstLine: list.line))
      }
      if let need = FunctionReset.missing(for: method, in: config) {
        throw value.mistake(.contradiction("'\(method.rawValue)' needs \(need)"))
      }
      methods.append(method)
    }
    resetMethods = methods
  }

  private func config(isMultifunction: Bool) -> HostConfigSpace {
    var builder = builder
    builder.isMultifunction = isMultifunction
    guard let rawConfig else { return builder.build() }
    return builder.build(raw: rawConfig)
  }

  /// Gives each draft its BAR addresses and multifunction bit.
  static func finish(
    _ drafts: [HostFunctionDraft], buses: [HostBus]
  ) throws(HostDescriptionError) -> [HostFunction] {
    var windows = AddressWindows()
    var functions: [HostFunction] = []
    for var draft in drafts.sorted(by: { $0.address < $1.address }) {
      let siblings = drafts.filter {
        $0.address.busAddress == draft.address.busAddress
          && $0.address.device == draft.address.device
      }
      draft.builder.secondaryBus = buses.first { $0.bridge == draft.address }?.address.bus
      windows.place(&draft.builder.bars, &draft.builder.rom)
      let config = draft.config(
        isMultifunction: siblings.count > 1 && draft.physicalFunction == nil)
      draft.builder.rom?.completeImage(for: config)
      let isAlone = siblings.count == 1
      var function = HostFunction(
        address: draft.address, config: config, bars: draft.builder.bars,
        rom: draft.builder.rom, irq: draft.irq, group: draft.group, iommu: draft.iommu,
        driver: draft.driver,
        resetMethods: draft.resetMethods
          ?? FunctionReset.standardMethods(of: config, isAlone: isAlone),
        vitalProductData: draft.vitalProductData, hasDynamicMSIX: draft.hasDynamicMSIX,
        physicalFunction: draft.physicalFunction,
        identity: draft.physicalFunction == nil ? nil : draft.builder.identity,
        behaviour: draft.behaviour)
      if let mistake = function.settleBehaviour() {
        throw draft.place.mistake(.contradiction(mistake))
      }
      functions.append(function)
    }
    return functions
  }
}

/// Gives out bus addresses for BARs that the description leaves open, as a firmware would.
private struct AddressWindows {
  private var io: UInt64 = 0x6000
  private var memory: UInt64 = 0xC000_0000
  private var high: UInt64 = 0x38_0000_0000_00

  mutating func place(_ bars: inout [HostBAR], _ rom: inout HostROM?) {
    for index in bars.indices where bars[index].address == 0 {
      switch bars[index].kind {
      case .io: bars[index].address = Self.take(bars[index].size, from: &io)
      case .memory32: bars[index].address = Self.take(bars[index].size, from: &memory)
      case .memory64: bars[index].address = Self.take(bars[index].size, from: &high)
      }
    }
    if let size = rom?.size, rom?.address == 0 { rom?.address = Self.take(size, from: &memory) }
  }

  private static func take(_ size: UInt64, from window: inout UInt64) -> UInt64 {
    let start = (window &+ size &- 1) & ~(size &- 1)
    window = start &+ size
    return start
  }
}
