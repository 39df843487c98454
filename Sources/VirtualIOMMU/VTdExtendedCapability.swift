/// The extended capability register of an Intel VT-d unit, ECAP_REG at 0x10 (VT-d 4.1, 11.4.3).
package struct VTdExtendedCapability: FieldRegister {
  package let bits: UInt64

  package init(bits: UInt64) { self.bits = bits }

  static let c = RegisterField("C", 0)
  static let qi = RegisterField("QI", 1)
  static let dt = RegisterField("DT", 2)
  static let ir = RegisterField("IR", 3)
  static let eim = RegisterField("EIM", 4)
  static let pt = RegisterField("PT", 6)
  static let sc = RegisterField("SC", 7)
  static let iro = RegisterField("IRO", 8, 10)
  static let mhmv = RegisterField("MHMV", 20, 4)
  static let mts = RegisterField("MTS", 25)
  static let nest = RegisterField("NEST", 26)
  static let prs = RegisterField("PRS", 29)
  static let ers = RegisterField("ERS", 30)
  static let srs = RegisterField("SRS", 31)
  static let nwfs = RegisterField("NWFS", 33)
  static let eafs = RegisterField("EAFS", 34)
  static let pss = RegisterField("PSS", 35, 5)
  static let pasid = RegisterField("PASID", 40)
  static let dit = RegisterField("DIT", 41)
  static let pds = RegisterField("PDS", 42)
  static let smts = RegisterField("SMTS", 43)
  static let vcs = RegisterField("VCS", 44)
  static let slads = RegisterField("SLADS", 45)
  static let slts = RegisterField("SLTS", 46)
  static let flts = RegisterField("FLTS", 47)
  static let smpwcs = RegisterField("SMPWCS", 48)
  static let rps = RegisterField("RPS", 49)
  static let pms = RegisterField("PMS", 51)
  static let adms = RegisterField("ADMS", 52)
  static let rprivs = RegisterField("RPRIVS", 53)
  static let sms = RegisterField("SMS", 58)

  package static let fields = [
    c, qi, dt, ir, eim, pt, sc, iro, mhmv, mts, nest, prs, ers, srs, nwfs, eafs, pss, pasid, dit,
    pds, smts, vcs, slads, slts, flts, smpwcs, rps, pms, adms, rprivs, sms,
  ]

  /// Remapping structures are read coherently (C).
  package var isCoherent: Bool { isSet(Self.c) }
  /// Queued invalidation (QI).
  package var hasQueuedInvalidation: Bool { isSet(Self.qi) }
  /// Device TLBs (DT).
  package var hasDeviceTLB: Bool { isSet(Self.dt) }
  /// Interrupt remapping (IR).
  package var remapsInterrupts: Bool { isSet(Self.ir) }
  /// x2APIC destinations in remapped interrupts (EIM).
  package var hasExtendedInterruptMode: Bool { isSet(Self.eim) }
  /// Requests can pass untranslated (PT).
  package var hasPassThrough: Bool { isSet(Self.pt) }
  /// Snooping can be forced by a table entry (SC).
  package var hasSnoopControl: Bool { isSet(Self.sc) }
  /// Where the IOTLB registers begin, in bytes (IRO).
  package var iotlbRegisterOffset: Int { 16 * value(Self.iro) }
  /// First-stage tables can be nested in second-stage ones (NEST).
  package var nests: Bool { isSet(Self.nest) }
  /// Page requests (PRS).
  package var hasPageRequests: Bool { isSet(Self.prs) }
  /// Requests that ask to execute (ERS).
  package var hasExecuteRequests: Bool { isSet(Self.ers) }
  /// Requests of supervisor privilege (SRS).
  package var hasSupervisorRequests: Bool { isSet(Self.srs) }
  /// Width of a PASID in bits, 0 when there are none (PASID, PSS).
  package var pasidWidth: Int { isSet(Self.pasid) ? value(Self.pss) + 1 : 0 }
  /// Invalidations of device TLBs can be throttled (DIT).
  package var throttlesDeviceTLBInvalidation: Bool { isSet(Self.dit) }
  /// Scalable mode (SMTS).
  package var hasScalableMode: Bool { isSet(Self.smts) }
  /// Accessed and dirty bits in second-stage tables (SLADS).
  package var hasSecondStageAccessedDirty: Bool { isSet(Self.slads) }
  /// Second-stage translation in scalable mode (SLTS).
  package var hasSecondStage: Bool { isSet(Self.slts) }
  /// First-stage translation in scalable mode (FLTS).
  package var hasFirstStage: Bool { isSet(Self.flts) }
}
