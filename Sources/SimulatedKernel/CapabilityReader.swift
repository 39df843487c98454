internal import PCI

/// Reads the capability lists of one function and checks where each capability lies.
struct CapabilityReader {
  private let bars: [HostBAR]
  private(set) var standard: [HostCapability] = []
  private(set) var extended: [HostCapability] = []
  private(set) var vitalProductData: [UInt8] = []
  private(set) var hasDynamicMSIX = true
  private var lines: [Int: Int] = [:]

  init(bars: [HostBAR]) { self.bars = bars }

  /// Reads the standard list, in chain order.
  mutating func readStandard(_ list: YAMLValue) throws(HostDescriptionError) {
    for value in try list.items(limit: 48) {
      let kind = try Self.kind(of: value, StandardKind.self)
      let fields = try value.fields(["id", "at", "bytes"] + kind.keys)
      let place = try fields.required("at")
      let offset = Int(try place.integer(in: UInt16(0x40)...0xFC))
      var capability = try standardCapability(kind, fields, at: offset)
      try Self.overlay(fields["bytes"], over: &capability)
      try check(capability, named: kind.rawValue, at: place, in: standard, end: 0x100)
      standard.append(capability)
    }
  }

  /// Reads the extended list, in chain order.
  mutating func readExtended(_ list: YAMLValue) throws(HostDescriptionError) {
    guard standard.contains(where: { $0.identifier == .standard(.pcie) }) else {
      throw list.mistake(.contradiction("extended capabilities need a 'pcie' capability"))
    }
    for value in try list.items(limit: 128) {
      let kind = try Self.kind(of: value, ExtendedKind.self)
      let fields = try value.fields(["id", "at", "version", "next", "bytes"] + kind.keys)
      let place = try fields.required("at")
      let offset = Int(try place.integer(in: UInt16(0x100)...0xFFC))
      if extended.isEmpty, offset != 0x100 {
        throw place.mistake(.contradiction("the first extended capability is at 0x100"))
      }
      var capability = try extendedCapability(kind, fields, at: offset)
      if let version = fields["version"] { capability.version = try version.integer(in: 1...15) }
      if let next = fields["next"] { capability.next = try next.integer(in: 0...0xFFF) }
      try Self.overlay(fields["bytes"], over: &capability)
      try check(capability, named: kind.rawValue, at: place, in: extended, end: 0x1000)
      extended.append(capability)
    }
  }

  private static func kind<Kind: RawRepresentable<String> & CaseIterable>(
    of value: YAMLValue, _ kinds: Kind.Type
  ) throws(HostDescriptionError) -> Kind {
    let all =
      ["id", "at", "version", "next", "bytes"] + StandardKind.allKeys + ExtendedKind.allKeys
    return try value.fields(all).required("id").choice(Kind.allCases.map { ($0.rawValue, $0) })
  }

  private static func overlay(
    _ value: YAMLValue?, over capability: inout HostCapability
  ) throws(HostDescriptionError) {
    guard let value else { return }
    let bytes = try value.hexadecimalBytes()
    guard bytes.count <= capability.body.count else {
      throw value.mistake(
        .wrongLength(bytes.count, expected: "at most \(capability.body.count)"))
    }
    capability.overlay(bytes)
  }

  private mutating func check(
    _ capability: HostCapability, named name: String, at place: YAMLValue,
    in others: [HostCapability], end: Int
  ) throws(HostDescriptionError) {
    guard capability.offset.isMultiple(of: 4) else {
      throw place.mistake(.notMultiple(UInt64(capability.offset), of: 4))
    }
    guard capability.offset + capability.length <= end else {
      throw place.mistake(.pastEnd(capability.offset + capability.length, size: end))
    }
    for other in others
    where capability.offset < other.offset + other.length
      && other.offset < capability.offset + capability.length
    {
      let line = lines[other.offset] ?? 0
      let there = "the capability at 0x\(String(other.offset, radix: 16))"
      throw place.mistake(.overlap("'\(name)'", with: there, firstLine: line))
    }
    if let other = others.first(where: { $0.identifier == capability.identifier }),
      !StandardKind.repeatable.contains(name)
    {
      throw place.mistake(.repeated("'\(name)'", firstLine: lines[other.offset] ?? 0))
    }
    lines[capability.offset] = place.line
  }
}

// MARK: - Standard

extension CapabilityReader {
  fileprivate enum StandardKind: String, CaseIterable {
    case pm
    case msi
    case msix
    case pcie
    case vpd
    case af
    case vendor
    case raw

    static let repeatable = ["vendor", "raw", "vsec", "dvsec"]
    static var allKeys: [String] { allCases.flatMap(\.keys) }

    var keys: [String] {
      switch self {
      case .pm: ["pmc", "pmcsr"]
      case .msi: ["vectors", "64-bit", "masking"]
      case .msix:
        ["vectors", "table-bar", "table-offset", "pba-bar", "pba-offset", "dynamic"]
      case .pcie:
        [
          "type", "pcie-version", "flr", "device-capabilities", "device-control",
          "device-control-writable", "link-capabilities", "link-control", "link-status",
          "device-capabilities-2", "device-control-2-writable", "link-capabilities-2",
        ]
      case .vpd: ["data"]
      case .af: ["flr"]
      case .vendor: []
      case .raw: ["number"]
      }
    }
  }

  fileprivate mutating func standardCapability(
    _ kind: StandardKind, _ fields: YAMLFields, at offset: Int
  ) throws(HostDescriptionError) -> HostCapability {
    switch kind {
    case .pm:
      return .powerManagement(
        at: offset, capabilities: try fields.integer("pmc", or: 3),
        control: try fields.integer("pmcsr", or: 8))
    case .msi:
      let vectors = Int(try fields.integer("vectors", or: UInt8(1), in: 1...32))
      guard vectors.nonzeroBitCount == 1 else {
        throw try fields.required("vectors").mistake(.notPowerOfTwo(UInt64(vectors)))
      }
      return .msi(
        at: offset, vectors: vectors, is64Bit: try fields.boolean("64-bit", or: true),
        hasMasks: try fields.boolean("masking", or: false))
    case .msix: return try msix(fields, at: offset)
    case .pcie: return try Self.express(fields).capability(at: offset)
    case .vpd:
      vitalProductData = try fields["data"]?.hexadecimalBytes() ?? []
      return .vitalProductData(at: offset)
    case .af: return .advancedFeatures(at: offset, hasFLR: try fields.boolean("flr", or: false))
    case .vendor: return .vendor(at: offset, body: try fields.required("bytes").vendorBody())
    case .raw:
      return .standard(
        CapabilityID(rawValue: try fields.required("number").integer()), at: offset,
        body: try fields.required("bytes").hexadecimalBytes())
    }
  }

  private static func express(
    _ fields: YAMLFields
  ) throws(HostDescriptionError) -> HostExpressRegisters {
    var registers = HostExpressRegisters()
    registers.version = try fields.integer("pcie-version", or: 2, in: 1...2)
    if let type = fields["type"] {
      registers.type = try type.choice([
        ("endpoint", 0), ("legacy-endpoint", 1), ("root-port", 4), ("upstream-port", 5),
        ("downstream-port", 6), ("bridge", 7), ("integrated-endpoint", 9),
      ])
    }
    registers.deviceCapabilities = try fields.integer(
      "device-capabilities", or: registers.deviceCapabilities)
    registers.hasFLR = try fields.boolean("flr", or: registers.hasFLR)
    registers.deviceControl = try fields.integer("device-control", or: registers.deviceControl)
    registers.deviceControlWritable = try fields.integer(
      "device-control-writable", or: registers.deviceControlWritable)
    registers.linkCapabilities = try fields.integer(
      "link-capabilities", or: registers.linkCapabilities)
    registers.linkControl = try fields.integer("link-control", or: registers.linkControl)
    registers.linkStatus = try fields.integer("link-status", or: registers.linkStatus)
    registers.deviceCapabilities2 = try fields.integer(
      "device-capabilities-2", or: registers.deviceCapabilities2)
    registers.deviceControl2Writable = try fields.integer(
      "device-control-2-writable", or: registers.deviceControl2Writable)
    registers.linkCapabilities2 = try fields.integer(
      "link-capabilities-2", or: registers.linkCapabilities2)
    return registers
  }

  private mutating func msix(
    _ fields: YAMLFields, at offset: Int
  ) throws(HostDescriptionError) -> HostCapability {
    let vectors = UInt64(try fields.required("vectors").integer(in: UInt16(1)...2048))
    let table = try area(fields, "table", bytes: vectors * 16)
    let pending = try area(fields, "pba", bytes: (vectors + 63) / 64 * 8)
    if table.bar == pending.bar, table.offset < pending.offset + pending.bytes,
      pending.offset < table.offset + table.bytes
    {
      let place = try fields.required("pba-offset")
      throw place.mistake(.contradiction("the pending bits overlap the table"))
    }
    hasDynamicMSIX = try fields.boolean("dynamic", or: true)
    return .msix(
      at: offset, vectors: Int(vectors), tableBAR: table.bar,
      tableOffset: UInt32(truncatingIfNeeded: table.offset), pendingBAR: pending.bar,
      pendingOffset: UInt32(truncatingIfNeeded: pending.offset))
  }

  private func area(
    _ fields: YAMLFields, _ name: String, bytes: UInt64
  ) throws(HostDescriptionError) -> (bar: Int, offset: UInt64, bytes: UInt64) {
    let barPlace = try fields.required("\(name)-bar")
    let index = Int(try barPlace.integer(in: UInt8(0)...5))
    guard let bar = bars.first(where: { $0.index == index }), bar.kind != .io else {
      throw barPlace.mistake(.contradiction("BAR \(index) is not a declared memory BAR"))
    }
    let place = try fields.required("\(name)-offset")
    let offset = UInt64(try place.integer(in: UInt32(0)...(.max)))
    guard offset.isMultiple(of: 8) else { throw place.mistake(.notMultiple(offset, of: 8)) }
    guard offset + bytes <= bar.size else {
      throw place.mistake(.pastEnd(Int(offset + bytes), size: Int(bar.size)))
    }
    return (index, offset, bytes)
  }
}

extension YAMLValue {
  /// The body of a vendor capability, short enough for its length byte.
  fileprivate func vendorBody() throws(HostDescriptionError) -> [UInt8] {
    let bytes = try hexadecimalBytes()
    guard bytes.count <= 0xBC else {
      throw mistake(.wrongLength(bytes.count, expected: "at most 188"))
    }
    return bytes
  }
}

// MARK: - Extended

extension CapabilityReader {
  fileprivate enum ExtendedKind: String, CaseIterable {
    case aer
    case dsn
    case ari
    case sriov
    case ats
    case pasid
    case pri
    case tph
    case acs
    case ltr
    case secondaryExpress = "secondary-pcie"
    case raw

    static var allKeys: [String] { allCases.flatMap(\.keys) }

    var keys: [String] {
      switch self {
      case .aer, .tph, .ltr: []
      case .dsn: ["serial"]
      case .ari: ["next-function"]
      case .sriov: ["vfs", "first-offset", "stride", "vf-device", "page-sizes"]
      case .ats: ["queue-depth", "page-aligned"]
      case .pasid: ["width", "execute", "privileged"]
      case .pri: ["capacity"]
      case .acs: ["acs-capabilities"]
      case .secondaryExpress: ["lanes"]
      case .raw: ["number"]
      }
    }
  }

  fileprivate func extendedCapability(
    _ kind: ExtendedKind, _ fields: YAMLFields, at offset: Int
  ) throws(HostDescriptionError) -> HostCapability {
    switch kind {
    case .aer: return .errorReporting(at: offset, version: 2)
    case .dsn:
      return .serialNumber(at: offset, serial: try fields.required("serial").integer())
    case .ari:
      return .alternativeRouting(at: offset, next: try fields.integer("next-function", or: 0))
    case .sriov:
      return .singleRootIOV(
        at: offset, totalVFs: try fields.required("vfs").integer(),
        firstOffset: try fields.required("first-offset").integer(),
        stride: try fields.integer("stride", or: 1),
        device: try fields.required("vf-device").integer(),
        pageSizes: try fields.integer("page-sizes", or: 0x553))
    case .ats:
      return .addressTranslation(
        at: offset, queueDepth: try fields.integer("queue-depth", or: 0, in: 0...31),
        isPageAligned: try fields.boolean("page-aligned", or: true))
    case .pasid:
      return .pasid(
        at: offset, width: try fields.integer("width", or: 20, in: 1...20),
        canExecute: try fields.boolean("execute", or: false),
        isPrivileged: try fields.boolean("privileged", or: false))
    case .pri:
      return .pageRequest(at: offset, capacity: try fields.integer("capacity", or: 32))
    case .tph: return .processingHints(at: offset)
    case .acs:
      return .accessControl(
        at: offset, capabilities: try fields.integer("acs-capabilities", or: 0))
    case .ltr: return .latencyTolerance(at: offset)
    case .secondaryExpress:
      return .secondaryExpress(
        at: offset, lanes: Int(try fields.integer("lanes", or: UInt8(8), in: 1...32)))
    case .raw:
      return .extended(
        ExtendedCapabilityID(rawValue: try fields.required("number").integer()), at: offset,
        version: 1,
        body: try fields.required("bytes").hexadecimalBytes())
    }
  }
}
