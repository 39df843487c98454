extension HostDescription {
  /// Reads the list of IOMMUs.
  static func iommus(_ list: YAMLValue) throws(HostDescriptionError) -> [HostIOMMU] {
    var iommus: [(iommu: HostIOMMU, line: Int)] = []
    for value in try list.items(limit: 64) {
      let iommu = try HostIOMMU(reading: value)
      if let other = iommus.first(where: { $0.iommu.name == iommu.name }) {
        throw value.mistake(.repeated("IOMMU '\(iommu.name)'", firstLine: other.line))
      }
      iommus.append((iommu, value.line))
    }
    return iommus.map(\.iommu)
  }
}

extension HostIOMMU {
  fileprivate init(reading value: YAMLValue) throws(HostDescriptionError) {
    let type = try HostIOMMU.type(of: value)
    let shared = [
      "name", "type", "address-width", "page-sizes", "reserved", "pasid-bits", "device-tlb",
      "dirty-tracking", "enforces-coherency", "remaps-interrupts",
    ]
    let fields = try value.fields(shared + type.keys)
    let kind: Kind =
      switch type {
      case .intel:
        .intel(
          capability: try fields.required("capability").integer(),
          extendedCapability: try fields.required("extended-capability").integer())
      case .amd:
        .amd(
          features: try fields.required("features").integer(),
          features2: try fields.integer("features-2", or: 0))
      case .silent: .silent
      case .none: .absent
      }
    let width = try fields.integer("address-width", or: 48, in: UInt64(32)...64)
    let pages = try fields.integer("page-sizes", or: UInt64(0x4020_1000), in: 0x1000...(.max))
    guard pages & 0xFFF == 0 else {
      throw (fields["page-sizes"] ?? value).mistake(.notMultiple(pages, of: 0x1000))
    }
    let bits = try fields.integer("pasid-bits", or: UInt32(0), in: 0...20)
    self.init(
      name: try fields.required("name").text(), kind: kind,
      lastAddress: width == 64 ? .max : (1 << width) - 1, pageSizes: pages,
      pasidLimit: bits == 0 ? 0 : type == .amd ? (1 << bits) - 1 : 1 << bits,
      supportsDeviceTLB: try fields.boolean("device-tlb", or: false),
      supportsDirtyTracking: try fields.boolean("dirty-tracking", or: false),
      supportsNesting: try fields.boolean("nesting", or: false),
      enforcesCoherency: try fields.boolean("enforces-coherency", or: true),
      remapsInterrupts: try fields.boolean("remaps-interrupts", or: true))
    if let list = fields["reserved"] { reserved = try HostIOMMU.reserved(list) }
  }

  private enum UnitType: String, CaseIterable {
    case intel
    case amd
    case silent
    case none

    var keys: [String] {
      switch self {
      case .intel: ["capability", "extended-capability", "nesting"]
      case .amd: ["features", "features-2"]
      case .silent, .none: []
      }
    }
  }

  /// The type decides which other keys are known, so it is read first.
  private static func type(of value: YAMLValue) throws(HostDescriptionError) -> UnitType {
    let all = UnitType.allCases.flatMap(\.keys)
    let fields = try value.fields(
      [
        "name", "type", "address-width", "page-sizes", "reserved", "pasid-bits", "device-tlb",
        "dirty-tracking", "enforces-coherency", "remaps-interrupts",
      ] + all)
    return try fields.required("type").choice(UnitType.allCases.map { ($0.rawValue, $0) })
  }

  private static func reserved(
    _ list: YAMLValue
  ) throws(HostDescriptionError) -> [HostReservedRegion] {
    var regions: [(region: HostReservedRegion, line: Int)] = []
    for value in try list.items(limit: 64) {
      let fields = try value.fields(["first", "last", "type"])
      let first: UInt64 = try fields.required("first").integer()
      let last: UInt64 = try fields.required("last").integer(in: first...(.max))
      guard first & 0xFFF == 0 else {
        throw try fields.required("first").mistake(.notMultiple(first, of: 0x1000))
      }
      let kind = try fields.required("type").choice(
        HostReservedRegion.Kind.allCases.map { ($0.rawValue, $0) })
      if let other = regions.first(where: { $0.region.first <= last && first <= $0.region.last }) {
        throw value.mistake(
          .overlap("this window", with: "the window", firstLine: other.line))
      }
      regions.append((HostReservedRegion(first: first, last: last, kind: kind), value.line))
    }
    return regions.map(\.region).sorted { $0.first < $1.first }
  }
}
