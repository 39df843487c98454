/// What `IOMMU_GET_HW_INFO` says of an Arm SMMUv3 (kernel `struct iommu_hw_info_arm_smmuv3`; SMMUv3
/// architecture, 6.3).
package struct SMMUv3Information: Equatable, Sendable {
  /// Reserved by the kernel, 0.
  package let flags: UInt32
  package let idr0: IDR0
  package let idr1: IDR1
  package let idr2: IDR2
  package let idr3: IDR3
  /// IDR4, whose contents the implementation defines.
  package let idr4: UInt32
  package let idr5: IDR5
  package let iidr: IIDR
  package let aidr: AIDR

  /// Reads the kernel's structure: flags, 4 reserved bytes, idr0 to idr5, iidr, aidr; nil when there
  /// are fewer than 40 bytes.
  package init?(_ data: [UInt8]) {
    guard data.count >= 40 else { return nil }
    let word = { (index: Int) in UInt64(LittleEndian.uint32(data, at: 8 + 4 * index)) }
    flags = LittleEndian.uint32(data, at: 0)
    idr0 = IDR0(bits: word(0))
    idr1 = IDR1(bits: word(1))
    idr2 = IDR2(bits: word(2))
    idr3 = IDR3(bits: word(3))
    idr4 = UInt32(truncatingIfNeeded: word(4))
    idr5 = IDR5(bits: word(5))
    iidr = IIDR(bits: word(6))
    aidr = AIDR(bits: word(7))
  }

  /// Stages, formats and queues.
  package struct IDR0: FieldRegister {
    package let bits: UInt64
    static let ats = RegisterField("ATS", 10)
    package static let fields = [
      RegisterField("S2P", 0), RegisterField("S1P", 1), RegisterField("TTF", 2, 2),
      RegisterField("COHACC", 4), RegisterField("BTM", 5), RegisterField("HTTU", 6, 2),
      RegisterField("DORMHINT", 8), RegisterField("HYP", 9), ats, RegisterField("NS1ATS", 11),
      RegisterField("ASID16", 12), RegisterField("MSI", 13), RegisterField("SEV", 14),
      RegisterField("ATOS", 15), RegisterField("PRI", 16), RegisterField("VMW", 17),
      RegisterField("VMID16", 18), RegisterField("CD2L", 19), RegisterField("VATOS", 20),
      RegisterField("TTENDIAN", 21, 2), RegisterField("ATSRECERR", 23),
      RegisterField("STALL_MODEL", 24, 2), RegisterField("TERM_MODEL", 26),
      RegisterField("ST_LEVEL", 27, 2),
    ]
  }

  /// Sizes.
  package struct IDR1: FieldRegister {
    package let bits: UInt64
    static let ssidSize = RegisterField("SSIDSIZE", 6, 5)
    package static let fields = [
      RegisterField("SIDSIZE", 0, 6), ssidSize, RegisterField("PRIQS", 11, 5),
      RegisterField("EVENTQS", 16, 5), RegisterField("CMDQS", 21, 5),
      RegisterField("ATTR_PERMS_OVR", 26), RegisterField("ATTR_TYPES_OVR", 27),
      RegisterField("REL", 28), RegisterField("QUEUES_PRESET", 29),
      RegisterField("TABLES_PRESET", 30), RegisterField("ECMDQ", 31),
    ]
  }

  /// The virtual address translation operations' page.
  package struct IDR2: FieldRegister {
    package let bits: UInt64
    package static let fields = [RegisterField("BA_VATOS", 0, 10)]
  }

  /// Table and invalidation features.
  package struct IDR3: FieldRegister {
    package let bits: UInt64
    package static let fields = [
      RegisterField("HAD", 2), RegisterField("PBHA", 3), RegisterField("XNX", 4),
      RegisterField("PPS", 5), RegisterField("MPAM", 7), RegisterField("FWB", 8),
      RegisterField("STT", 9), RegisterField("RIL", 10), RegisterField("BBML", 11, 2),
      RegisterField("E0PD", 13), RegisterField("PTWNNC", 14), RegisterField("DPT", 15),
    ]
  }

  /// Address sizes and granules.
  package struct IDR5: FieldRegister {
    package let bits: UInt64
    static let oas = RegisterField("OAS", 0, 3)
    static let vax = RegisterField("VAX", 10, 2)
    package static let fields = [
      oas, RegisterField("GRAN4K", 4), RegisterField("GRAN16K", 5), RegisterField("GRAN64K", 6),
      vax, RegisterField("STALL_MAX", 16, 16),
    ]
  }

  /// Who made it.
  package struct IIDR: FieldRegister {
    package let bits: UInt64
    package static let fields = [
      RegisterField("Implementer", 0, 12), RegisterField("Revision", 12, 4),
      RegisterField("Variant", 16, 4), RegisterField("ProductID", 20, 12),
    ]
  }

  /// Which architecture it has.
  package struct AIDR: FieldRegister {
    package let bits: UInt64
    package static let fields = [
      RegisterField("ArchMinorRev", 0, 4), RegisterField("ArchMajorRev", 4, 4),
    ]
  }

  /// Width of a substream id, the SMMU's PASID; 0 for none.
  package var pasidWidth: Int { min(idr1.value(IDR1.ssidSize), 20) }
  /// Address translation services.
  package var hasDeviceTLB: Bool { idr0.isSet(IDR0.ats) }
  /// Width of an output address (OAS).
  package var outputAddressWidth: Int {
    [32, 36, 40, 42, 44, 48, 52, 56][idr5.value(IDR5.oas)]
  }
}
