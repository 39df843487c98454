/// The capability register of an Intel VT-d unit, CAP_REG at 0x08 (VT-d 4.1, 11.4.2).
package struct VTdCapability: FieldRegister {
  package let bits: UInt64

  package init(bits: UInt64) { self.bits = bits }

  static let nd = RegisterField("ND", 0, 3)
  static let afl = RegisterField("AFL", 3)
  static let rwbf = RegisterField("RWBF", 4)
  static let plmr = RegisterField("PLMR", 5)
  static let phmr = RegisterField("PHMR", 6)
  static let cm = RegisterField("CM", 7)
  static let sagaw = RegisterField("SAGAW", 8, 5)
  static let mgaw = RegisterField("MGAW", 16, 6)
  static let zlr = RegisterField("ZLR", 22)
  static let fro = RegisterField("FRO", 24, 10)
  static let sllps = RegisterField("SLLPS", 34, 4)
  static let psi = RegisterField("PSI", 39)
  static let nfr = RegisterField("NFR", 40, 8)
  static let mamv = RegisterField("MAMV", 48, 6)
  static let dwd = RegisterField("DWD", 54)
  static let drd = RegisterField("DRD", 55)
  static let fl1gp = RegisterField("FL1GP", 56)
  static let pi = RegisterField("PI", 59)
  static let fl5lp = RegisterField("FL5LP", 60)
  static let ecmds = RegisterField("ECMDS", 61)
  static let esirtps = RegisterField("ESIRTPS", 62)
  static let esrtps = RegisterField("ESRTPS", 63)

  package static let fields = [
    nd, afl, rwbf, plmr, phmr, cm, sagaw, mgaw, zlr, fro, sllps, psi, nfr, mamv, dwd, drd, fl1gp,
    pi, fl5lp, ecmds, esirtps, esrtps,
  ]

  /// Width of a domain id in bits, 4 to 16 (ND).
  package var domainIDWidth: Int { 4 + 2 * value(Self.nd) }
  /// Entries that are not present may be cached too (CM).
  package var cachesNotPresent: Bool { isSet(Self.cm) }
  /// Address widths of second-stage tables of 3, 4 and 5 levels that the unit walks (SAGAW).
  package var tableWidths: [Int] {
    let bits = value(Self.sagaw)
    return [(1, 39), (2, 48), (3, 57)].filter { bits & 1 << $0.0 != 0 }.map(\.1)
  }
  /// Width of the largest guest address (MGAW).
  package var maximumAddressWidth: Int { value(Self.mgaw) + 1 }
  /// Where the fault recording registers begin, in bytes (FRO).
  package var faultRecordOffset: Int { 16 * value(Self.fro) }
  /// How many fault recording registers there are, 1 to 256 (NFR).
  package var faultRecordCount: Int { value(Self.nfr) + 1 }
  /// Sizes of second-stage pages above 4 KiB: one bit for each size (SLLPS).
  package var secondStageLargePages: UInt64 {
    let bits = value(Self.sllps)
    return UInt64(bits & 1) << 21 | UInt64(bits >> 1 & 1) << 30
  }
  /// Pages of 1 GiB in first-stage tables (FL1GP).
  package var hasFirstStage1GiB: Bool { isSet(Self.fl1gp) }
  /// First-stage tables of 5 levels (FL5LP).
  package var hasFirstStage5Levels: Bool { isSet(Self.fl5lp) }
  /// Interrupts can be posted to a vCPU (PI).
  package var postsInterrupts: Bool { isSet(Self.pi) }
}
