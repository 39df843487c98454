/// The part of `IOMMU_GET_HW_INFO` that describes the physical IOMMU instance, decoded.
///
/// Two functions behind one instance get the same bytes.
package enum IOMMUTypeData: Equatable, Sendable {
  /// Type 0, the kernel's driver tells nothing.
  case none
  case vtd(VTdInformation)
  case smmuv3(SMMUv3Information)
  case amd(AMDInformation)
  /// A type that this program does not know, or fewer bytes than its structure has.
  case unknown(type: UInt32, length: Int)

  /// Decodes the bytes that the kernel gave for a type, `IOMMU_HW_INFO_TYPE_*`.
  package init(type: UInt32, data: [UInt8]) {
    let decoded: IOMMUTypeData? =
      switch type {
      case 0: IOMMUTypeData.none
      case 1: VTdInformation(data).map(IOMMUTypeData.vtd)
      case 2: SMMUv3Information(data).map(IOMMUTypeData.smmuv3)
      case 4: AMDInformation(data).map(IOMMUTypeData.amd)
      default: nil
      }
    self = decoded ?? .unknown(type: type, length: data.count)
  }

  /// `IOMMU_HW_INFO_TYPE_*`.
  package var type: UInt32 {
    switch self {
    case .none: 0
    case .vtd: 1
    case .smmuv3: 2
    case .amd: 4
    case .unknown(let type, _): type
    }
  }

  /// The kind of IOMMU in a report.
  package var name: String {
    switch self {
    case .none: "not told"
    case .vtd: "Intel VT-d"
    case .smmuv3: "Arm SMMUv3"
    case .amd: "AMD"
    case .unknown(let type, let length): "unknown (type \(type), \(length) bytes)"
    }
  }

  /// Every decoded register with its fields.
  package var registers: [(name: String, bits: UInt64, fields: [(name: String, value: Int)])] {
    let row = { (name: String, register: any FieldRegister) in
      (name: name, bits: register.bits, fields: register.fieldValues)
    }
    return switch self {
    case .none, .unknown: []
    case .vtd(let unit): [row("cap", unit.capability), row("ecap", unit.extendedCapability)]
    case .smmuv3(let unit):
      [
        row("idr0", unit.idr0), row("idr1", unit.idr1), row("idr2", unit.idr2),
        row("idr3", unit.idr3), (name: "idr4", bits: UInt64(unit.idr4), fields: []),
        row("idr5", unit.idr5), row("iidr", unit.iidr), row("aidr", unit.aidr),
      ]
    case .amd(let unit): [row("efr", unit.features), row("efr2", unit.features2)]
    }
  }

  /// Width of the instance's PASIDs, 0 for none; nil when it is not told.
  package var pasidWidth: Int? {
    switch self {
    case .none, .unknown: nil
    case .vtd(let unit): min(unit.extendedCapability.pasidWidth, 20)
    case .smmuv3(let unit): unit.pasidWidth
    case .amd(let unit): unit.pasidWidth
    }
  }

  /// Whether the instance serves device TLBs; nil when it is not told. AMD says so in a firmware
  /// table only.
  package var hasDeviceTLB: Bool? {
    switch self {
    case .none, .unknown, .amd: nil
    case .vtd(let unit): unit.extendedCapability.hasDeviceTLB
    case .smmuv3(let unit): unit.hasDeviceTLB
    }
  }

  /// Whether the instance can force snooping; nil when it is not told. AMD always can.
  package var controlsSnooping: Bool? {
    switch self {
    case .none, .unknown, .smmuv3: nil
    case .vtd(let unit): unit.extendedCapability.hasSnoopControl
    case .amd: true
    }
  }
}

/// What `IOMMU_GET_HW_INFO` says of an Intel VT-d unit (kernel `struct iommu_hw_info_vtd`).
package struct VTdInformation: Equatable, Sendable {
  /// Bit 0: read-only mappings are forbidden in a table that others nest in.
  package let flags: UInt32
  package let capability: VTdCapability
  package let extendedCapability: VTdExtendedCapability

  /// Reads the kernel's structure: flags, 4 reserved bytes, cap_reg, ecap_reg; nil when there are
  /// fewer than 24 bytes.
  package init?(_ data: [UInt8]) {
    guard data.count >= 24 else { return nil }
    flags = LittleEndian.uint32(data, at: 0)
    capability = VTdCapability(bits: LittleEndian.uint64(data, at: 8))
    extendedCapability = VTdExtendedCapability(bits: LittleEndian.uint64(data, at: 16))
  }
}
