/// What `IOMMU_GET_HW_INFO` says of an AMD IOMMU: the two extended feature registers (kernel
/// `struct iommu_hw_info_amd`; AMD I/O Virtualization Technology, MMIO 0x30 and 0x1a0).
package struct AMDInformation: Equatable, Sendable {
  package let features: Features
  package let features2: Features2

  /// Reads the kernel's structure: efr, efr2; nil when there are fewer than 16 bytes.
  package init?(_ data: [UInt8]) {
    guard data.count >= 16 else { return nil }
    features = Features(bits: LittleEndian.uint64(data, at: 0))
    features2 = Features2(bits: LittleEndian.uint64(data, at: 8))
  }

  /// The extended feature register.
  package struct Features: FieldRegister {
    package let bits: UInt64
    static let guestTranslation = RegisterField("GTSup", 4)
    static let hostLevels = RegisterField("HATS", 10, 2)
    static let pasidMaximum = RegisterField("PASmax", 32, 5)
    package static let fields = [
      RegisterField("PreFSup", 0), RegisterField("PPRSup", 1), RegisterField("XTSup", 2),
      RegisterField("NXSup", 3), guestTranslation, RegisterField("IASup", 6),
      RegisterField("GASup", 7), RegisterField("HESup", 8), RegisterField("PCSup", 9), hostLevels,
      RegisterField("GATS", 12, 2), RegisterField("GLXSup", 14, 2), RegisterField("GAMSup", 21, 3),
      pasidMaximum, RegisterField("GIOSup", 48), RegisterField("HASup", 49),
      RegisterField("EPHSup", 50), RegisterField("HDSup", 52), RegisterField("SNPSup", 63),
    ]
  }

  /// The second extended feature register.
  package struct Features2: FieldRegister {
    package let bits: UInt64
    package static let fields = [
      RegisterField("GCR3TRPMode", 3), RegisterField("SNPAVICSup", 5, 3),
      RegisterField("NumIntRemapSup", 8, 2), RegisterField("HtRangeIgnore", 11),
    ]
  }

  /// Width of a PASID; 0 without guest translation, which PASIDs need.
  package var pasidWidth: Int {
    guard features.isSet(Features.guestTranslation) else { return 0 }
    return min(features.value(Features.pasidMaximum) + 1, 20)
  }
  /// Levels of the host's tables, 4 to 6; nil for the reserved encoding.
  package var hostTableLevels: Int? {
    let value = features.value(Features.hostLevels)
    return value < 3 ? 4 + value : nil
  }
}
